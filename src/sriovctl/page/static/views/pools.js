import { useDocument } from "../core/documents.js";
import { html } from "../core/dom.js";
import { t } from "../core/texts.js";
import { Shown } from "../parts/document.js";
import { Empty } from "../parts/empty.js";
import { PageHead } from "../parts/page_head.js";
import { Table } from "../parts/table.js";

export default function Pools() {
  const pools = useDocument("/v1/pools");
  const leases = useDocument("/v1/leases");
  return html`
    <${PageHead} title=${t("pools.title")} />
    <h2>${t("pools.pools")}</h2>
    <${Shown} of=${pools}>${(document) => html`<${Table} caption=${t("pools.pools")}
      columns=${[{ key: "name", label: t("word.name") }]} rows=${document.pools} rowKey=${(pool) => pool.name}
      empty=${html`<${Empty} icon="pools" title=${t("pools.no_pools")} />`} />`}</${Shown}>
    <h2>${t("pools.leases")}</h2>
    <${Shown} of=${leases}>${(document) => html`<${Table} caption=${t("pools.leases")}
      columns=${leaseColumns()} rows=${document.leases} rowKey=${(lease) => lease.lease}
      empty=${html`<${Empty} icon="pools" title=${t("pools.no_leases")} />`} />`}</${Shown}>
  `;
}

const leaseColumns = () => [
  { key: "lease", label: t("pools.leases"), number: true },
  { key: "pool", label: t("pools.pools") },
  { key: "owner", label: t("word.owner") },
  { key: "status", label: t("word.state") },
];
