import { html } from "../core/dom.js";
import { moment } from "../core/format.js";
import { recent } from "../core/recent.js";
import { useStore } from "../core/store.js";
import { t } from "../core/texts.js";
import { Empty } from "../parts/empty.js";
import { PageHead } from "../parts/page_head.js";
import { Table } from "../parts/table.js";

export default function Events() {
  return html`
    <${PageHead} title=${t("events.title")} />
    <${Table} caption=${t("events.title")} columns=${columns()} rows=${useStore(recent)}
      rowKey=${(one) => one.number} empty=${html`<${Empty} icon="events" title=${t("events.none")} />`} />
  `;
}

const columns = () => [
  { key: "time", label: t("events.time"), render: (one) => moment(one.time) },
  { key: "kind", label: t("events.kind") },
  { key: "payload", label: t("events.says"), code: true, wrap: true, render: (one) => JSON.stringify(one.payload) },
];
