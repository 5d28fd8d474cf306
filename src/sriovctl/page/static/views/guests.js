// Which guest has which VF, now and after its next boot.
import { useDocument } from "../core/documents.js";
import { html, useMemo } from "../core/dom.js";
import { loadStyle } from "../core/styles.js";
import { t } from "../core/texts.js";
import { Badge } from "../parts/badge.js";
import { Shown } from "../parts/document.js";
import { Empty } from "../parts/empty.js";
import { Filters, SearchField } from "../parts/filters.js";
import { PageHead } from "../parts/page_head.js";
import { inWords } from "../parts/plan_view.js";
import { FunctionLink, vfsByAddress } from "../parts/vf_link.js";

await Promise.all([loadStyle("doctor"), loadStyle("guests")]);

const KINDS = { running: "good", paused: "warn", crashed: "bad" };
const FEW = 6; // so many are seen at a glance

export default function Guests({ query }) {
  const guests = useDocument("/v1/guests");
  const pfs = useDocument("/v1/pfs");
  const listed = pfs.document?.pfs ?? [];
  const vfs = useMemo(() => vfsByAddress(listed), [pfs.document]);
  const unsupported = guests.error?.status === 422 && guests.document === null;
  return html`
    <${PageHead} title=${t("guests.title")} lead=${t("guests.lead")} />
    ${unsupported ? html`<${NoLibvirt} problem=${guests.error.problem} />`
    : html`<${Shown} of=${guests}>${(document) => html`<${List} guests=${document.guests} pfs=${listed} vfs=${vfs} query=${query} />`}</${Shown}>`}
  `;
}

function NoLibvirt({ problem }) {
  return html`<${Empty} icon="guests" title=${t("guests.unsupported")}>
    <p>${problem.cause}</p>${problem.hint && html`<p>${problem.hint}</p>`}<p>${t("guests.unsupported_text")}</p>
  </${Empty}>`;
}

function List({ guests, pfs, vfs, query }) {
  if (!guests.length) return html`<${Empty} icon="guests" title=${t("guests.none")}><p>${t("guests.none_text")}</p></${Empty}>`;
  const shown = guests.filter((guest) => fits(guest, query));
  return html`
    ${(guests.length > FEW || query.text) && html`<${GuestFilters} guests=${guests} query=${query} />`}
    ${!shown.length && html`<${Empty} icon="search" title=${t("guests.none_fits")} />`}
    <div class="guests">${shown.map((guest) => html`<${Guest} key=${guest.uuid} guest=${guest} pfs=${pfs} vfs=${vfs} />`)}</div>
  `;
}

function fits(guest, { state, text }) {
  if (state && guest.state !== state) return false;
  const said = [guest.name, ...guest.devices.flatMap((one) => [one.address, one.mac, one.network])].join(" ");
  return !text || said.toLowerCase().includes(text.toLowerCase());
}

function GuestFilters({ guests, query }) {
  const states = [...new Set(guests.map((one) => one.state))].sort();
  const words = states.map((word) => ({ word, count: guests.filter((one) => one.state === word).length }));
  return html`<${Filters} label=${t("guests.filter")} name="state" chosen=${query.state} words=${words} total=${guests.length}>
    <${SearchField} text=${query.text} />
  </${Filters}>`;
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
    <${Devices} guest=${guest} pfs=${pfs} vfs=${vfs} />
    ${guest.from_networks.length > 0 && html`<ul class="guest-networks">
      ${guest.from_networks.map((one) => html`<li key=${`${one.network} ${one.mac}`}>${t("guests.from_network", { network: one.network })}
        ${" "}<span class="is-code">${one.mac ?? ""}</span> ${one.vlan && inWords(one.vlan)}</li>`)}
    </ul>`}
  </section>`;
}

function Devices({ guest, pfs, vfs }) {
  if (!guest.devices.length) return html`<p class="hint">${t("guests.no_devices")}</p>`;
  return html`<ul class="guest-devices" aria-label=${t("guests.devices", { guest: guest.name })}>
    ${guest.devices.map((one) => html`<${Device} key=${`${one.address} ${one.alias}`} device=${one} pfs=${pfs} vfs=${vfs} />`)}
  </ul>`;
}

const roomText = ({ free_hotplug_slots: free }) => (free === null ? null : t("guests.room", { slots: free }));

function Device({ device, pfs, vfs }) {
  const place = vfs.get(device.address);
  const facts = [
    [t("word.mac"), device.mac], [t("word.vlan"), device.vlan && inWords(device.vlan)],
    [t("guests.in_guest"), device.guest_address], [t("guests.network"), device.network],
  ].filter(([, value]) => value);
  return html`<li>
    <div class="device-head"><${FunctionLink} address=${device.address} pfs=${pfs} vfs=${vfs} />
      ${place && html`<span>${t("plan.vfs", { vfs: place.vf.vf_index })} · ${place.pf.netdev ?? place.pf.device}</span>`}
      <${When} device=${device} /></div>
    ${facts.length > 0 && html`<dl class="device-facts">
      ${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}
    </dl>`}
  </li>`;
}

function When({ device }) {
  const word = device.live && device.config ? "now_and_next" : device.live ? "now_only" : "next_only";
  return html`<span class="device-when">${t(`guests.${word}`)}</span>`;
}
