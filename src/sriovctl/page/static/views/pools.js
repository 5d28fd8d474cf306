// VFs that are lent: pools with what is free, and leases with whose they are and until when.
import { announce } from "../core/announce.js";
import { useDocument } from "../core/documents.js";
import { classes, html, useEffect, useState } from "../core/dom.js";
import { clock, moment } from "../core/format.js";
import { useRights } from "../core/rights.js";
import { href, setQuery } from "../core/router.js";
import { loadStyle } from "../core/styles.js";
import { t } from "../core/texts.js";
import { Badge } from "../parts/badge.js";
import { Shown } from "../parts/document.js";
import { formatIndices } from "../parts/draft/ranges.js";
import { Empty } from "../parts/empty.js";
import { Icon } from "../parts/icons.js";
import { PageHead } from "../parts/page_head.js";
import { DefineDialog, ForgetDialog, ReleaseDialog, RenewDialog, TakeDialog } from "../parts/pools/dialogs.js";
import { sharesOf } from "../parts/pools/words.js";
import { withoutDoor } from "../parts/run_words.js";
import { Table } from "../parts/table.js";

await Promise.all([loadStyle("change"), loadStyle("pools")]);

const STATUS_KINDS = { held: "accent", expired: "warn", orphaned: "warn", scrubbing: "info", dirty: "bad", lost: "bad", ended: "neutral" };
const NOTHING = { take: null, define: false, renew: null, release: null, forget: null };

export default function Pools({ query }) {
  const pools = useDocument("/v1/pools");
  const leases = useDocument(query.ended ? "/v1/leases?all=true" : "/v1/leases");
  const pfs = useDocument("/v1/pfs");
  const rights = useRights("operate");
  const [asked, setAsked] = useState(NOTHING);
  const ask = (what) => setAsked({ ...NOTHING, ...what });
  const close = () => setAsked(NOTHING);
  const done = (text) => () => {
    close();
    announce(text);
    pools.reload();
    leases.reload();
  };
  const actions = html`
    <button type="button" disabled=${!rights.allowed} title=${rights.why} onClick=${() => ask({ define: true })}><${Icon} name="plus" />${t("pools.define")}</button>
    <button type="button" class="primary" disabled=${!rights.allowed} title=${rights.why} onClick=${() => ask({ take: {} })}>${t("pools.take")}</button>`;
  const known = pools.document?.pools ?? [];
  return html`
    <${PageHead} title=${t("pools.title")} lead=${t("pools.lead")} actions=${actions} />
    <h2>${t("pools.pools")}</h2>
    <${Shown} of=${pools}>${(document) => html`<${PoolCards} pools=${document.pools} rights=${rights} ask=${ask} />`}</${Shown}>
    <div class="leases-head"><h2>${t("pools.leases")}</h2>
      <label class="check"><input type="checkbox" checked=${Boolean(query.ended)} onChange=${(event) => setQuery({ ended: event.currentTarget.checked ? "1" : null })} />
        <span>${t("pools.also_ended")}</span></label></div>
    <${Shown} of=${leases}>${(document) => html`<${Leases} leases=${document.leases} read=${document} rights=${rights} ask=${ask} />`}</${Shown}>
    <${TakeDialog} open=${asked.take !== null} pool=${asked.take?.pool} pools=${known} onClose=${close} onDone=${done(t("pools.said.taken"))} />
    <${DefineDialog} open=${asked.define} pfs=${pfs.document?.pfs ?? []} onClose=${close} onDone=${done(t("pools.said.defined"))} />
    <${RenewDialog} lease=${asked.renew} onClose=${close} onDone=${done(t("pools.said.renewed"))} />
    <${ReleaseDialog} lease=${asked.release} onClose=${close} onDone=${done(t("pools.said.released"))} />
    <${ForgetDialog} pool=${asked.forget} onClose=${close} onDone=${done(t("pools.said.forgotten"))} />
  `;
}

function PoolCards({ pools, rights, ask }) {
  if (!pools.length) return html`<${Empty} icon="pools" title=${t("pools.no_pools")}><p>${t("pools.no_pools_text")}</p></${Empty}>`;
  return html`<div class="pools">${pools.map((pool) => html`<${PoolCard} key=${pool.name} pool=${pool} rights=${rights} ask=${ask} />`)}</div>`;
}

function PoolCard({ pool, rights, ask }) {
  const { capacity } = pool;
  const which = pool.vfs === null ? t("pools.all_vfs") : t("plan.vfs", { vfs: formatIndices(pool.vfs) });
  return html`<section class="card pool" aria-label=${pool.name} data-pool=${pool.name}>
    <header class="pool-head"><h3>${pool.name}</h3><span class="pool-free">${t("pools.free_of", { free: capacity.free, total: capacity.total })}</span></header>
    <${Bar} capacity=${capacity} label=${pool.name} />
    <${Legend} capacity=${capacity} />
    ${capacity.pfs.length > 1 && html`<ul class="pool-pfs">${capacity.pfs.map((one) => html`<li key=${one.pf ?? one.label}>
      <a class="is-code" href=${href("pf", one.pf ?? one.label)}>${one.netdev ?? one.pf ?? one.label}</a>
      <${Bar} capacity=${one} label=${one.netdev ?? one.label} small /><span class="hint">${`${one.free}/${one.total}`}</span></li>`)}</ul>`}
    <p class="hint">${[t("pools.lends", { pfs: pool.from.join(", ") }), which, `NUMA ${pool.numa}`, pool.policy].join(" · ")}</p>
    ${pool.source && html`<p class="hint pool-source">${t("pools.defined_in", { source: withoutDoor(pool.source), when: moment(pool.defined) })}</p>`}
    <div class="actions">
      <button type="button" disabled=${!rights.allowed || capacity.free === 0} title=${rights.why ?? (capacity.free === 0 ? t("pools.none_free") : null)}
        onClick=${() => ask({ take: { pool: pool.name } })}>${t("pools.take")}</button>
      <button type="button" class="quiet" disabled=${!rights.allowed} title=${rights.why} onClick=${() => ask({ forget: pool.name })}>${t("pools.forget")}</button>
    </div>
  </section>`;
}

/** How a pool's VFs are shared out; the numbers stand beside it, so the bar is for the eye. */
function Bar({ capacity, label, small = false }) {
  const shares = sharesOf(capacity).filter((one) => one.vfs > 0);
  const words = `${label}: ${sharesOf(capacity).map(({ what, vfs }) => `${t(`pools.share.${what}`)} ${vfs}`).join(", ")}`;
  return html`<div class=${classes("pool-bar", small && "is-small")} role="img" aria-label=${words}>
    ${shares.map(({ what, vfs }) => html`<span key=${what} class=${`share is-${what}`} style=${{ flexGrow: vfs }}></span>`)}
  </div>`;
}

function Legend({ capacity }) {
  return html`<ul class="pool-legend" aria-hidden="true">
    ${sharesOf(capacity).map(({ what, vfs }) => html`<li key=${what}><span class=${`share is-${what}`}></span>${t(`pools.share.${what}`)} <strong>${vfs}</strong></li>`)}
  </ul>`;
}

function Leases({ leases, read, rights, ask }) {
  const sinceS = useSeconds(read);
  return html`<${Table} caption=${t("pools.leases")} rows=${leases} rowKey=${(one) => one.lease} rowClass=${(one) => (one.ended ? "is-over" : "")}
    columns=${columns(rights, ask, sinceS)} empty=${html`<${Empty} icon="pools" title=${t("pools.no_leases")} />`} />`;
}

/** Seconds since a document was read, once a second. */
function useSeconds(document) {
  const [since, setSince] = useState(0);
  useEffect(() => {
    const start = performance.now();
    setSince(0);
    const timer = setInterval(() => setSince(Math.floor((performance.now() - start) / 1000)), 1000);
    return () => clearInterval(timer);
  }, [document]);
  return since;
}

const columns = (rights, ask, sinceS) => [
  { key: "lease", label: t("pools.lease"), number: true, sort: (one) => one.lease },
  { key: "status", label: t("word.state"), sort: (one) => one.status, render: (one) => html`<${Status} lease=${one} />` },
  { key: "owner", label: t("pools.owner"), sort: (one) => one.owner },
  { key: "pool", label: t("pools.pool"), sort: (one) => one.pool },
  { key: "vf", label: t("word.vf"), code: true, sort: (one) => one.address, render: (one) => html`<${LeasedVF} lease=${one} />` },
  { key: "generation", label: t("pools.generation"), number: true, sort: (one) => one.generation },
  { key: "taken", label: t("pools.taken"), sort: (one) => one.taken, render: (one) => moment(one.taken) },
  { key: "until", label: t("pools.until"), sort: (one) => one.expires_in_s, render: (one) => untilText(one, sinceS) },
  { key: "do", label: t("pools.do"), render: (one) => !one.ended && html`<${Deeds} lease=${one} rights=${rights} ask=${ask} />` },
];

function Status({ lease }) {
  const title = [t(`pools.status_hint.${lease.status}`), lease.note].filter(Boolean).join(" ");
  return html`<${Badge} kind=${STATUS_KINDS[lease.status] ?? "neutral"} title=${title}>${t(`pools.status.${lease.status}`)}</${Badge}>
    ${lease.note && html`<span class="hint lease-note">${lease.note}</span>`}`;
}

function LeasedVF({ lease }) {
  const name = lease.address ?? t("plan.vfs", { vfs: lease.vf_index });
  return lease.pf ? html`<a href=${href("vf", lease.pf, lease.vf_index)}>${name}</a>` : name;
}

function untilText(lease, sinceS) {
  if (lease.ended) return `${moment(lease.ended)}${lease.reason ? ` (${lease.reason})` : ""}`;
  if (lease.expires_in_s !== null) return html`<span class="lease-left">${clock(Math.max(0, lease.expires_in_s - sinceS))}</span>`;
  if (lease.pid !== null) return t("pools.with_process", { pid: lease.pid });
  return lease.pinned ? t("pools.until_pinned") : t("pools.until_released");
}

function Deeds({ lease, rights, ask }) {
  const canRenew = rights.allowed && lease.status === "held" && lease.expires_in_s !== null;
  return html`<span class="deeds">
    <button type="button" class="quiet" disabled=${!canRenew} title=${rights.why ?? (canRenew ? null : t("pools.no_renewal"))} onClick=${() => ask({ renew: lease })}
      aria-label=${t("pools.renew_title", { lease: lease.lease })}>${t("pools.renew")}</button>
    <button type="button" class="quiet" disabled=${!rights.allowed} title=${rights.why} onClick=${() => ask({ release: lease })}
      aria-label=${t("pools.release_title", { lease: lease.lease })}>${t("pools.release")}</button>
  </span>`;
}
