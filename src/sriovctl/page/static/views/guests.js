import { useDocument } from "../core/documents.js";
import { html } from "../core/dom.js";
import { t } from "../core/texts.js";
import { Shown } from "../parts/document.js";
import { Empty } from "../parts/empty.js";
import { PageHead } from "../parts/page_head.js";
import { Table } from "../parts/table.js";

export default function Guests() {
  const guests = useDocument("/v1/guests");
  return html`
    <${PageHead} title=${t("guests.title")} />
    <${Shown} of=${guests}>${(document) => html`<${Table} caption=${t("guests.title")}
      columns=${columns()} rows=${document.guests} rowKey=${(guest) => guest.uuid}
      empty=${html`<${Empty} icon="guests" title=${t("guests.none")} />`} />`}</${Shown}>
  `;
}

const columns = () => [
  { key: "name", label: t("word.name"), sort: (guest) => guest.name },
  { key: "state", label: t("word.state"), sort: (guest) => guest.state },
  { key: "devices", label: t("word.vfs"), number: true, render: (guest) => guest.devices.length },
];
