import { useDocument } from "../core/documents.js";
import { html } from "../core/dom.js";
import { t } from "../core/texts.js";
import { Shown } from "../parts/document.js";
import { PageHead } from "../parts/page_head.js";
import { Table } from "../parts/table.js";
import { vfColumns } from "../parts/vf_table.js";

export default function VF({ address, index }) {
  const answer = useDocument(`/v1/pfs/${encodeURIComponent(address)}`);
  const isOurs = (vf) => String(vf.vf_index) === index;
  return html`
    <${PageHead} title=${`${t("vf.title")} ${index}`} lead=${address} />
    <${Shown} of=${answer}>${(document) => html`<${Table} caption=${t("vf.title")}
      columns=${vfColumns(address)} rows=${document.pf.vfs.filter(isOurs)} rowKey=${(vf) => vf.vf_index} />`}</${Shown}>
  `;
}
