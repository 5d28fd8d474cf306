import { useDocument } from "../core/documents.js";
import { html } from "../core/dom.js";
import { t } from "../core/texts.js";
import { Shown } from "../parts/document.js";
import { PageHead } from "../parts/page_head.js";
import { Table } from "../parts/table.js";

export default function Topology() {
  const groups = useDocument("/v1/groups");
  return html`
    <${PageHead} title=${t("topology.title")} />
    <${Shown} of=${groups}>${(document) => html`<${Table} caption=${t("word.iommu_group")}
      columns=${columns()} rows=${document.groups} rowKey=${(group) => group.id ?? group.members[0]} />`}</${Shown}>
  `;
}

const columns = () => [
  { key: "id", label: t("word.iommu_group"), number: true },
  { key: "members", label: t("word.address"), code: true, render: (group) => group.members.join(" ") },
  { key: "reason", label: t("doctor.meaning"), wrap: true, render: (group) => group.reason.text },
];
