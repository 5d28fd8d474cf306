import { useDocument } from "../core/documents.js";
import { html, useEffect, useMemo, useState } from "../core/dom.js";
import { setQuery } from "../core/router.js";
import { t } from "../core/texts.js";
import { Shown } from "../parts/document.js";
import { PageHead } from "../parts/page_head.js";
import { TreeDetail } from "../parts/tree_detail.js";
import { TreeFilters } from "../parts/tree_filters.js";
import { TreeDrawing } from "../parts/tree_drawing.js";
import { chosenBy, indexTree } from "../parts/tree_index.js";

/** What hangs where, who shares a group with whom, and why. */
export default function Topology({ query }) {
  const drawing = useDocument("/v1/tree.svg?style=false", { accept: "image/svg+xml" });
  const tree = useDocument("/v1/tree").document;
  const owners = useDocument("/v1/owners").document;
  const groups = useDocument("/v1/groups").document;
  const index = useMemo(() => tree && indexTree(tree, owners, groups), [tree, owners, groups]);
  const chosen = useMemo(() => index && chosenBy(index, query), [index, query.numa, query.pf, query.guest]);
  const [pointed, setPointed] = useState(null);
  const selected = query.at ?? null;
  const select = (address) => setQuery({ at: address });
  useEscape(() => select(null));
  return html`<div class="topology">
    <${PageHead} title=${t("topology.title")} actions=${index && html`<${TreeFilters} index=${index} query=${query} />`} />
    <${Shown} of=${drawing}>${(svg) => html`
      <div class=${`topology-body ${selected ? "has-detail" : ""}`}>
        <${TreeDrawing} svg=${svg} index=${index} chosen=${chosen} selected=${selected} pointed=${pointed}
          onSelect=${select} onPoint=${setPointed} />
        ${selected && index && html`<${TreeDetail} key=${selected} index=${index} address=${selected} onClose=${() => select(null)} />`}
      </div>
    `}</${Shown}>
  </div>`;
}

function useEscape(act) {
  useEffect(() => {
    const onKey = (event) => event.key === "Escape" && act();
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  });
}
