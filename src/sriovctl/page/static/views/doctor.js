import { useDocument } from "../core/documents.js";
import { html } from "../core/dom.js";
import { t } from "../core/texts.js";
import { Shown } from "../parts/document.js";
import { Empty } from "../parts/empty.js";
import { PageHead } from "../parts/page_head.js";
import { Table } from "../parts/table.js";

export default function Doctor() {
  const doctor = useDocument("/v1/doctor");
  return html`
    <${PageHead} title=${t("doctor.title")} />
    <${Shown} of=${doctor}>${(document) => html`<${Table} caption=${t("doctor.findings")}
      columns=${columns()} rows=${document.findings} rowKey=${(one) => `${one.id} ${one.subject}`}
      empty=${html`<${Empty} icon="good" title=${t("doctor.none")} />`} />`}</${Shown}>
  `;
}

const columns = () => [
  { key: "severity", label: t("doctor.severity"), sort: (one) => one.severity },
  { key: "id", label: t("doctor.finding"), code: true, sort: (one) => one.id },
  { key: "subject", label: t("doctor.subject"), code: true, sort: (one) => one.subject },
  { key: "meaning", label: t("doctor.meaning"), wrap: true },
];
