// Why a function is in the group that it is in, and what keeps traffic apart on its way.
import { useDocument } from "../core/documents.js";
import { html, useMemo } from "../core/dom.js";
import { href } from "../core/router.js";
import { t } from "../core/texts.js";
import { ACSBadge } from "./acs_badge.js";
import { Shown } from "./document.js";

const MOST_MEMBERS = 8;

/** The group of a function, its reason, the hops above it, and what would part it. */
export function Explanation({ address }) {
  const explained = useDocument(`/v1/explain/${encodeURIComponent(address)}`);
  const tree = useDocument("/v1/tree").document;
  const hops = useMemo(() => (tree ? pathTo(tree, address) : []), [tree, address]);
  return html`<div class="explanation">
    <${Shown} of=${explained}>${(document) => html`<${Group} of=${document} address=${address} />`}</${Shown}>
    ${hops.length > 0 && html`<h3>${t("explain.path")}</h3><${Hops} hops=${hops} />`}
    ${explained.document?.remedies.length > 0 && html`<h3>${t("explain.remedies")}</h3>
      <ul class="remedies" lang="en">${explained.document.remedies.map((one) => html`<li key=${one.text}>${one.text}</li>`)}</ul>`}
  </div>`;
}

function Group({ of: { group, reason, sentences, predicted_members: predicted }, address }) {
  const members = (group?.members ?? predicted ?? []).filter((one) => one !== address);
  const said = sentences.length ? sentences : [reason?.text].filter(Boolean);
  return html`
    <p class="group-word">${groupWord(group, members)}</p>
    ${members.length > 0 && html`<${Members} of=${members} />`}
    ${said.map((sentence) => html`<p key=${sentence} lang="en">${sentence}</p>`)}
  `;
}

function groupWord(group, others) {
  if (!group) return t("explain.no_group");
  return others.length ? t("explain.shared", { id: group.id, n: others.length }) : t("explain.alone", { id: group.id });
}

function Members({ of: members }) {
  const more = members.length - MOST_MEMBERS;
  return html`<p class="members">
    ${members.slice(0, MOST_MEMBERS).map((one) => html`<a key=${one} href=${`${href("topology")}?at=${one}`}><code>${one}</code></a> `)}
    ${more > 0 && html`<span class="hint">${t("overview.and_more", { n: more })}</span>`}
  </p>`;
}

function Hops({ hops }) {
  return html`<ol class="hops">
    ${hops.map((hop) => html`<li key=${hop.label}>
      <code>${hop.label}</code> <span class="hint">${hop.kind}</span>
      ${hop.acs && html`<${ACSBadge} state=${hop.acs} />`}
    </li>`)}
  </ol>`;
}

/**
 * The nodes of /v1/tree from the root bus down to a function.
 * @param {any} tree
 * @param {string} address of any function, a VF included
 */
export function pathTo(tree, address) {
  const search = (nodes, above) => {
    for (const node of nodes) {
      const path = [...above, node];
      if (node.address === address || node.vfs.some((vf) => vf.address === address)) return path;
      const below = search(node.children, path);
      if (below) return below;
    }
    return null;
  };
  return search(tree.roots, []) ?? [];
}
