// Each pool with how its VFs are shared out.
import { classes, html } from "../../core/dom.js";
import { moment } from "../../core/format.js";
import { href } from "../../core/router.js";
import { t } from "../../core/texts.js";
import { formatIndices } from "../draft/ranges.js";
import { Empty } from "../empty.js";
import { withoutDoor } from "../run_words.js";
import { sharesOf } from "./words.js";

/** @param {{pools: any[], rights: {allowed: boolean, why: string | null}, ask: (what: object) => void}} props */
export function PoolCards({ pools, rights, ask }) {
  if (!pools.length) {
    return html`<${Empty} icon="pools" title=${t("pools.no_pools")}><p>${t("pools.no_pools_text")}</p></${Empty}>`;
  }
  return html`<div class="pools">
    ${pools.map((pool) => html`<${PoolCard} key=${pool.name} pool=${pool} rights=${rights} ask=${ask} />`)}
  </div>`;
}

function PoolCard({ pool, rights, ask }) {
  const { capacity } = pool;
  const source = pool.source && { source: withoutDoor(pool.source), when: moment(pool.defined) };
  return html`<section class="card pool" aria-label=${pool.name} data-pool=${pool.name}>
    <header class="pool-head">
      <h3>${pool.name}</h3>
      <span class="pool-free">${t("pools.free_of", { free: capacity.free, total: capacity.total })}</span>
    </header>
    <${Bar} capacity=${capacity} label=${pool.name} />
    <${Legend} capacity=${capacity} />
    ${capacity.pfs.length > 1 && html`<${Lenders} pfs=${capacity.pfs} />`}
    <p class="hint">${factsOf(pool)}</p>
    ${source && html`<p class="hint pool-source">${t("pools.defined_in", source)}</p>`}
    <${Deeds} pool=${pool} rights=${rights} ask=${ask} />
  </section>`;
}

function factsOf({ from, vfs, numa, policy }) {
  const which = vfs === null ? t("pools.all_vfs") : t("plan.vfs", { vfs: formatIndices(vfs) });
  return [t("pools.lends", { pfs: from.join(", ") }), which, `NUMA ${numa}`, policy].join(" · ");
}

function Lenders({ pfs }) {
  return html`<ul class="pool-pfs">${pfs.map((one) => {
    const name = one.netdev ?? one.pf ?? one.label;
    return html`<li key=${name}>
      <a class="is-code" href=${href("pf", one.pf ?? one.label)}>${name}</a>
      <${Bar} capacity=${one} label=${name} small />
      <span class="hint">${`${one.free}/${one.total}`}</span>
    </li>`;
  })}</ul>`;
}

function Deeds({ pool, rights, ask }) {
  const isEmpty = pool.capacity.free === 0;
  return html`<div class="actions">
    <button type="button" disabled=${!rights.allowed || isEmpty} title=${rights.why ?? (isEmpty ? t("pools.none_free") : null)}
      onClick=${() => ask({ take: { pool: pool.name } })}>${t("pools.take")}</button>
    <button type="button" class="quiet" disabled=${!rights.allowed} title=${rights.why}
      onClick=${() => ask({ forget: pool.name })}>${t("pools.forget")}</button>
  </div>`;
}

/** How a pool's VFs are shared out; the numbers stand beside it, so the bar is for the eye. */
function Bar({ capacity, label, small = false }) {
  const shares = sharesOf(capacity);
  const words = shares.map(({ what, vfs }) => `${t(`pools.share.${what}`)} ${vfs}`).join(", ");
  return html`<div class=${classes("pool-bar", small && "is-small")} role="img" aria-label=${`${label}: ${words}`}>
    ${shares.filter((one) => one.vfs > 0).map(({ what, vfs }) => html`<span key=${what} class=${`share is-${what}`}
      style=${{ flexGrow: vfs }}></span>`)}
  </div>`;
}

function Legend({ capacity }) {
  return html`<ul class="pool-legend" aria-hidden="true">
    ${sharesOf(capacity).map(({ what, vfs }) => html`<li key=${what}>
      <span class=${`share is-${what}`}></span>${t(`pools.share.${what}`)} <strong>${vfs}</strong>
    </li>`)}
  </ul>`;
}
