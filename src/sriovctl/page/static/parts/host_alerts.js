// What somebody should look at now, of all that the host tells.
import { announce } from "../core/announce.js";
import { send } from "../core/api.js";
import { useCountdown } from "../core/countdown.js";
import { html, useEffect, useState } from "../core/dom.js";
import { clock } from "../core/format.js";
import { stateOfPF } from "../core/rates.js";
import { useRights } from "../core/rights.js";
import { href } from "../core/router.js";
import { language, t } from "../core/texts.js";
import { Alert, ErrorAlert } from "./alert.js";

const MOST_FINDINGS = 4; // the doctor has them all

/** Runs that wait for a word, wedged PFs, what differs from what was declared, the doctor's errors. */
export function Alerts({ doctor, health, runs, pfs }) {
  const errors = (doctor?.findings ?? []).filter((one) => one.severity === "error");
  const kinds = [...Map.groupBy(errors, (one) => one.id).values()];
  const waiting = (runs?.runs ?? []).filter((run) => run.status === "unconfirmed");
  const wedged = (pfs?.pfs ?? []).filter((pf) => stateOfPF(pf.device)?.wedged);
  const conditions = Object.entries(health?.conditions ?? {}).filter(([, one]) => one.health !== "healthy");
  const items = [
    ...waiting.map((run) => html`<${Unconfirmed} key=${`run ${run.run}`} run=${run} />`),
    ...wedged.map((pf) => html`<${Wedged} key=${`wedged ${pf.device}`} pf=${pf} />`),
    ...conditions.map(([name, one]) => html`<${Condition} key=${`condition ${name}`} name=${name} condition=${one} />`),
    ...kinds.slice(0, MOST_FINDINGS).map((alike) => html`<${Finding} key=${alike[0].id} alike=${alike} />`),
  ];
  if (!items.length) return null;
  const more = kinds.length - MOST_FINDINGS;
  return html`<section class="alerts" aria-label=${t("overview.alerts")}>
    ${items}
    ${more > 0 && html`<a class="alerts-more" href="#/doctor">${t("overview.more_findings", { n: more })}</a>`}
  </section>`;
}

function Unconfirmed({ run }) {
  const { allowed, why } = useRights();
  const [problem, setProblem] = useState(null);
  const left = useCountdown(run.confirm_in_s ?? null);
  useEffect(() => announce(t("overview.unconfirmed", { run: run.run })), [run.run]);
  async function ask(kind) {
    setProblem(null);
    try {
      await send("POST", "/v1/jobs", kind === "undo" ? { kind, run: run.run } : { kind });
      announce(t(`overview.asked.${kind}`));
    } catch (error) {
      setProblem(error);
    }
  }
  const actions = html`<div class="actions">
    <button type="button" class="primary" disabled=${!allowed} title=${why} onClick=${() => ask("confirm")}>${t("overview.confirm")}</button>
    <button type="button" disabled=${!allowed} title=${why} onClick=${() => ask("undo")}>${t("overview.undo")}</button>
  </div>`;
  return html`<${Alert} kind="warn" title=${t("overview.unconfirmed", { run: run.run })} actions=${actions}>
    <p>${left === null ? t("overview.unconfirmed_text") : t("overview.unconfirmed_left", { left: clock(left) })}</p>
    ${problem && html`<${ErrorAlert} error=${problem} />`}
  </${Alert}>`;
}

function Wedged({ pf }) {
  return html`<${Alert} kind="bad" title=${t("overview.wedged", { pf: pf.netdev ?? pf.device })}
    actions=${html`<a class="button" href=${href("pf", pf.device)}>${t("overview.look")}</a>`}>
    <p>${t("overview.wedged_text")}</p>
  </${Alert}>`;
}

function Condition({ name, condition }) {
  const kind = condition.health === "degraded" ? "bad" : condition.health === "blocked" ? "warn" : "info";
  const title = `${name}: ${t(`overview.health.${condition.health}`)}`;
  return html`<${Alert} kind=${kind} title=${title}>
    ${condition.reason && html`<p lang="en">${condition.reason}</p>`}
  </${Alert}>`;
}

function Finding({ alike }) {
  const [finding, ...others] = alike;
  return html`<${Alert} kind="bad"
    actions=${html`<a class="button" href=${others.length ? "#/doctor?severity=error" : `#/doctor?subject=${encodeURIComponent(finding.subject)}`}>${t("overview.see_fix")}</a>`}>
    <p lang="en">
      <code class="subject">${finding.subject}</code>
      ${others.length > 0 && html`<span class="subject" lang=${language.get()}>${t("overview.and_more", { n: others.length })}</span>`}
      ${firstSentences(finding.meaning)}
    </p>
  </${Alert}>`;
}

// Enough to know what it is about; the rest is the doctor's.
function firstSentences(text) {
  const [first, second = ""] = text.split(/(?<=\.)\s+(?=[A-Z])/);
  return first.length < 80 && second ? `${first} ${second}` : first;
}
