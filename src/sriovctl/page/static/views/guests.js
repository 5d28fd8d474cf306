// Which guest has which VF, now and after its next boot.
import { useDocument } from "../core/documents.js";
import { html, useMemo } from "../core/dom.js";
import { loadStyle } from "../core/styles.js";
import { t } from "../core/texts.js";
import { Badge } from "../parts/badge.js";
import { Shown } from "../parts/document.js";
import { Empty } from "../parts/empty.js";
import { PageHead } from "../parts/page_head.js";
import { inWords } from "../parts/plan_view.js";
import { Table } from "../parts/table.js";
import { FunctionLink, vfsByAddress } from "../parts/vf_link.js";

await loadStyle("guests");

const KINDS = { running: "good", paused: "warn", crashed: "bad" };

export default function Guests() {
  const guests = useDocument("/v1/guests");
  const pfs = useDocument("/v1/pfs");
  const listed = pfs.document?.pfs ?? [];
  const vfs = useMemo(() => vfsByAddress(listed), [pfs.document]);
  const unsupported = guests.error?.status === 422 && guests.document === null;
  return html`
    <${PageHead} title=${t("guests.title")} lead=${t("guests.lead")} />
    ${unsupported ? html`<${NoLibvirt} problem=${guests.error.problem} />`
    : html`<${Shown} of=${guests}>${(document) => html`<${List} guests=${document.guests} pfs=${listed} vfs=${vfs} />`}</${Shown}>`}
  `;
}

function NoLibvirt({ problem }) {
  return html`<${Empty} icon="guests" title=${t("guests.unsupported")}>
    <p>${problem.cause}</p>${problem.hint && html`<p>${problem.hint}</p>`}<p>${t("guests.unsupported_text")}</p>
  </${Empty}>`;
}

function List({ guests, pfs, vfs }) {
  if (!guests.length) return html`<${Empty} icon="guests" title=${t("guests.none")}><p>${t("guests.none_text")}</p></${Empty}>`;
  return html`<div class="guests">
    ${guests.map((guest) => html`<${Guest} key=${guest.uuid} guest=${guest} pfs=${pfs} vfs=${vfs} />`)}
  </div>`;
}

function Guest({ guest, pfs, vfs }) {
  const id = `guest-${guest.uuid}`;
  return html`<section class="card guest" aria-labelledby=${id} data-guest=${guest.name}>
    <header class="guest-head">
      <h2 id=${id}>${guest.name}</h2>
      <${Badge} kind=${KINDS[guest.state] ?? "neutral"} sign>${guest.state}</${Badge}>
      ${!guest.persistent && html`<${Badge} title=${t("guests.transient_hint")}>${t("guests.transient")}</${Badge}>`}
    </header>
    <p class="hint">${[guest.machine, roomText(guest)].filter(Boolean).join(" · ")}</p>
    <${Table} caption=${t("guests.devices", { guest: guest.name })} columns=${columns(pfs, vfs)} rows=${guest.devices}
      rowKey=${(one) => `${one.address} ${one.alias}`} empty=${html`<p class="hint">${t("guests.no_devices")}</p>`} />
    ${guest.from_networks.length > 0 && html`<ul class="guest-networks">
      ${guest.from_networks.map((one) => html`<li key=${`${one.network} ${one.mac}`}>${t("guests.from_network", { network: one.network })}
        <span class="is-code">${one.mac ?? ""}</span> ${one.vlan && t("guests.with_vlan", { vlan: one.vlan.id })}</li>`)}
    </ul>`}
  </section>`;
}

const roomText = ({ free_hotplug_slots: free }) => (free === null ? null : t("guests.room", { slots: free }));

const columns = (pfs, vfs) => [
  { key: "address", label: t("word.vf"), code: true, sort: (one) => one.address, render: (one) => html`<${FunctionLink} address=${one.address} pfs=${pfs} vfs=${vfs} />` },
  { key: "of", label: t("guests.of"), render: (one) => place(vfs.get(one.address)) },
  { key: "mac", label: t("word.mac"), code: true },
  { key: "vlan", label: t("word.vlan"), render: (one) => (one.vlan ? inWords(one.vlan) : null) },
  { key: "guest_address", label: t("guests.in_guest"), code: true },
  { key: "when", label: t("guests.when"), render: (one) => html`<${When} device=${one} />` },
  { key: "network", label: t("guests.network") },
];

const place = (found) => (found ? `${t("plan.vfs", { vfs: found.vf.vf_index })} · ${found.pf.netdev ?? found.pf.device}` : null);

function When({ device }) {
  if (device.live && device.config) return html`<span>${t("guests.now_and_next")}</span>`;
  return html`<span>${device.live ? t("guests.now_only") : t("guests.next_only")}</span>`;
}
