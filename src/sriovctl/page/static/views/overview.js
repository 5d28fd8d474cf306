import { useDocument } from "../core/documents.js";
import { html } from "../core/dom.js";
import { href } from "../core/router.js";
import { t } from "../core/texts.js";
import { Shown } from "../parts/document.js";
import { PageHead } from "../parts/page_head.js";
import { Table } from "../parts/table.js";

export default function Overview() {
  const pfs = useDocument("/v1/pfs");
  return html`
    <${PageHead} title=${t("overview.title")} />
    <${Shown} of=${pfs}>${(document) => html`<${Table} caption=${t("overview.pfs")}
      columns=${columns()} rows=${document.pfs} rowKey=${(pf) => pf.device} />`}</${Shown}>
  `;
}

const columns = () => [
  { key: "device", label: t("word.pf"), code: true, render: (pf) => html`<a href=${href("pf", pf.device)}>${pf.device}</a>` },
  { key: "name", label: t("word.name") },
  { key: "netdev", label: t("word.netdev"), code: true },
  { key: "driver", label: t("word.driver") },
  { key: "numa_node", label: t("word.numa_node"), number: true },
  { key: "num_vfs", label: t("word.vfs"), number: true, render: (pf) => `${pf.num_vfs} / ${pf.total_vfs}` },
];
