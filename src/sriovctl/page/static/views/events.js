// What happens on the host while the page is open, the newest first.
import { classes, html, useMemo, useState } from "../core/dom.js";
import { moment } from "../core/format.js";
import { recent } from "../core/recent.js";
import { href } from "../core/router.js";
import { useStore } from "../core/store.js";
import { loadStyle } from "../core/styles.js";
import { t } from "../core/texts.js";
import { Badge } from "../parts/badge.js";
import { Empty } from "../parts/empty.js";
import { Filters, SearchField } from "../parts/filters.js";
import { PageHead } from "../parts/page_head.js";
import { describeEvent, foldAlike } from "../parts/run_words.js";

await Promise.all([loadStyle("doctor"), loadStyle("history")]);

const KINDS = { host: "neutral", job: "accent", runs: "good", leases: "info", health: "warn", missed: "bad" };

export default function Events({ query }) {
  const happened = useStore(recent);
  const [held, setHeld] = useState(null);
  const all = held ?? happened;
  const shown = useMemo(() => foldAlike(all.map(asLine).filter((line) => fits(line, query))), [all, query]);
  const hold = html`<button type="button" aria-pressed=${String(held !== null)} onClick=${() => setHeld(held === null ? happened : null)}>
    ${held === null ? t("events.hold") : t("events.go_on", { events: (happened[0]?.number ?? 0) - (held[0]?.number ?? 0) })}</button>`;
  return html`
    <${PageHead} title=${t("events.title")} lead=${t("events.lead")} actions=${hold} />
    <${EventFilters} all=${all} query=${query} />
    ${shown.length ? html`<${Lines} lines=${shown} />` : html`<${Nothing} title=${t(all.length ? "events.none_fits" : "events.none")} />`}
  `;
}

const Lines = ({ lines }) => html`<ol class="events" aria-label=${t("events.title")}>
  ${lines.map((line) => html`<${Line} key=${line.number} line=${line} />`)}
</ol>`;

const Nothing = ({ title }) => html`<${Empty} icon="events" title=${title}><p>${t("events.none_text")}</p></${Empty}>`;

const asLine = ({ number, time, kind, payload }) => ({ number, time, kind, payload, ...describeEvent(kind, payload) });

function fits(line, { kind, text }) {
  if (kind && line.kind !== kind) return false;
  return !text || `${line.kind} ${line.subject} ${line.what} ${line.detail}`.toLowerCase().includes(text.toLowerCase());
}

function EventFilters({ all, query }) {
  const kinds = [...new Set([...Object.keys(KINDS).slice(0, 5), ...all.map((one) => one.kind)])];
  const words = kinds.map((word) => ({ word, count: all.filter((one) => one.kind === word).length }));
  return html`<${Filters} label=${t("events.filter")} name="kind" chosen=${query.kind} words=${words} total=${all.length}>
    <${SearchField} text=${query.text} />
  </${Filters}>`;
}

function Line({ line }) {
  return html`<li class=${classes("event", `is-${line.kind}`)} data-kind=${line.kind}>
    <time datetime=${line.time}>${moment(line.time)}</time>
    <${Badge} kind=${KINDS[line.kind] ?? "neutral"}>${line.kind}</${Badge}>
    <span class="event-says"><strong>${line.what || t(`events.kinds.${line.kind}`)}</strong>
      <${Subject} subject=${line.subject} />
      ${line.detail && html`<span class="hint">${line.detail}</span>`}
      ${line.times > 1 && html`<span class="hint">${t("events.times", { times: line.times })}</span>`}</span>
  </li>`;
}

function Subject({ subject }) {
  if (!/^[0-9a-f]{4,8}:/.test(subject)) return html`<span class="is-code">${subject}</span>`;
  return html`<a class="is-code" href=${`${href("topology")}?at=${subject}`}>${subject}</a>`;
}
