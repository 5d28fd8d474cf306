import { classes, html } from "../core/dom.js";
import { count } from "../core/format.js";
import { t } from "../core/texts.js";
import { Icon } from "./icons.js";

const HEALTH = { healthy: "good", repairing: "info", blocked: "warn", degraded: "bad" };

/** Whether this host is ready for SR-IOV, and how it is kept, in one line. */
export function Readiness({ doctor, health, pfs }) {
  const kind = doctor ? (doctor.ready ? "good" : "bad") : "info";
  return html`<section class=${classes("readiness", `is-${kind}`)} aria-label=${t("overview.readiness")}>
    <${Icon} name=${kind} />
    <p class="readiness-words">
      <strong>${doctor ? readyWords(doctor) : t("overview.checking")}</strong>
      ${doctor && html`<a href="#/doctor">${findingsWords(doctor)}</a>`}
    </p>
    ${pfs && html`<p class="readiness-figures">${figures(pfs)}</p>`}
    ${isTold(health) && html`<${HealthWord} health=${health} />`}
  </section>`;
}

function readyWords(doctor) {
  return doctor.ready ? t("overview.ready") : t("overview.not_ready");
}

const SEVERITIES = ["error", "warning", "info"];

function findingsWords(doctor) {
  const words = SEVERITIES.map((severity) => [
    severity,
    doctor.findings.filter((one) => one.severity === severity).length,
  ]).filter(([, number]) => number);
  if (!words.length) return t("overview.no_findings");
  return words.map(([severity, n]) => t(`overview.findings.${severity}`, { n })).join(" · ");
}

function figures({ pfs }) {
  const on = pfs.reduce((sum, pf) => sum + (pf.num_vfs ?? 0), 0);
  const total = pfs.reduce((sum, pf) => sum + (pf.total_vfs ?? 0), 0);
  return t("overview.figures", { pfs: count(pfs.length), n: pfs.length, on: count(on), total: count(total) });
}

// Where nothing was declared, nothing is kept.
function isTold(health) {
  return health && (health.health !== "healthy" || Object.keys(health.conditions).length > 0);
}

function HealthWord({ health }) {
  const kind = HEALTH[health.health] ?? "info";
  const words = health.health in HEALTH ? t(`overview.health.${health.health}`) : health.health;
  return html`<p class=${classes("readiness-health", `is-${kind}`)} title=${health.reason || undefined}>
    <${Icon} name=${kind} /><span>${words}</span>
  </p>`;
}
