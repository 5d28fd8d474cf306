import { classes, html } from "../core/dom.js";
import { count } from "../core/format.js";
import { t } from "../core/texts.js";
import { Badge } from "./badge.js";

/**
 * How many VFs there are, can be, and what sets the limit.
 * @param {{of: any}} props of: a PF of /v1/capacity
 */
export function CapacityBars({ of: capacity }) {
  const most = Math.max(1, ...capacity.limits.map((one) => one.max_vfs ?? 0));
  const usable = capacity.max_usable_vfs;
  const binding = capacity.limits.find((one) => one.max_vfs !== null && one.max_vfs === usable);
  return html`<section class="card capacity" aria-label=${t("capacity.title")}>
    <div class="section-head">
      <h2>${t("capacity.title")}</h2>
      <p>${summary(capacity)}</p>
    </div>
    <ul>
      <${Bar} label=${t("capacity.on_now")} value=${capacity.num_vfs} most=${most} kind="now" />
      ${capacity.limits.map((limit) => html`<${Limit} key=${limit.kind} limit=${limit} most=${most} isBinding=${limit === binding} />`)}
    </ul>
    ${binding?.remedy && html`<p class="hint"><b>${t("capacity.more")}</b> <span lang="en">${binding.remedy}</span></p>`}
    ${capacity.notes?.map((note) => html`<p class="hint" key=${note} lang="en">${note}</p>`)}
  </section>`;
}

function summary({ max_usable_vfs: usable, at_most_vfs: most }) {
  if (usable !== null) return t("capacity.usable", { n: usable });
  return most === null ? t("capacity.unknown") : t("capacity.at_most", { n: most });
}

function Limit({ limit, most, isBinding }) {
  const label = html`<code>${limit.kind}</code>${isBinding && html` <${Badge} kind="accent">${t("capacity.binds")}</${Badge}>`}`;
  return html`<${Bar} label=${label} value=${limit.max_vfs} most=${most} kind=${isBinding ? "binding" : "limit"}>
    <details>
      <summary>${t("capacity.because")}</summary>
      <dl class="evidence" lang="en">
        ${limit.evidence.map((one) => html`<div key=${one.source}><dt>${one.source}</dt><dd>${one.value}</dd></div>`)}
        ${limit.refusal && html`<div><dt>${t("capacity.beyond")}</dt><dd>${limit.refusal}</dd></div>`}
      </dl>
    </details>
  </${Bar}>`;
}

// The words beside it say the same, so that the drawing is decoration.
function Bar({ label, value, most, kind, children }) {
  const share = value === null ? 0 : Math.min(1, value / most);
  return html`<li class=${classes("bar", `is-${kind}`)}>
    <div class="bar-label">${label}</div>
    <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" focusable="false">
      <rect class="bar-ground" width="100" height="8" />
      <rect class="bar-value" width=${share * 100} height="8" />
    </svg>
    <div class="bar-number">${count(value)}</div>
    ${children}
  </li>`;
}
