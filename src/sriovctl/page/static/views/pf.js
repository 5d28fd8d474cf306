import { useDocument } from "../core/documents.js";
import { html } from "../core/dom.js";
import { t } from "../core/texts.js";
import { Shown } from "../parts/document.js";
import { PageHead } from "../parts/page_head.js";
import { Table } from "../parts/table.js";
import { vfColumns } from "../parts/vf_table.js";

export default function PF({ address }) {
  const answer = useDocument(`/v1/pfs/${encodeURIComponent(address)}`);
  return html`
    <${PageHead} title=${`${t("pf.title")} ${address}`} />
    <${Shown} of=${answer}>${(document) => html`<${Table} caption=${t("pf.vfs")}
      columns=${vfColumns(address)} rows=${document.pf.vfs} rowKey=${(vf) => vf.vf_index} />`}</${Shown}>
  `;
}
