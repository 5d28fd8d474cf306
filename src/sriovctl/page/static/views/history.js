import { useDocument } from "../core/documents.js";
import { html } from "../core/dom.js";
import { moment } from "../core/format.js";
import { t } from "../core/texts.js";
import { Shown } from "../parts/document.js";
import { Empty } from "../parts/empty.js";
import { PageHead } from "../parts/page_head.js";
import { Table } from "../parts/table.js";

export default function History() {
  const runs = useDocument("/v1/runs");
  return html`
    <${PageHead} title=${t("history.title")} />
    <${Shown} of=${runs}>${(document) => html`<${Table} caption=${t("history.title")}
      columns=${columns()} rows=${document.runs} rowKey=${(run) => run.run}
      empty=${html`<${Empty} icon="history" title=${t("history.none")} />`} />`}</${Shown}>
  `;
}

const columns = () => [
  { key: "run", label: t("history.run"), number: true, sort: (run) => run.run },
  { key: "kind", label: t("history.kind") },
  { key: "status", label: t("history.status") },
  { key: "started", label: t("history.started"), render: (run) => moment(run.started), sort: (run) => run.started },
  { key: "source", label: t("history.source") },
];
