// The last question before the host is changed: what will happen, to whom, and whether to go back
// by itself.
import { send } from "../core/api.js";
import { html, useEffect, useId, useState } from "../core/dom.js";
import { useRights } from "../core/rights.js";
import { t } from "../core/texts.js";
import { Alert, ErrorAlert } from "./alert.js";
import { Dialog } from "./dialog.js";
import { formatIndices } from "./draft/ranges.js";
import { addressesOf, ChangesInLine, DisruptionBadge, User } from "./plan_view.js";
import { affectedBy, cutsLink, destroyedBy, gatherSteps, worstOf } from "./plan_words.js";

const LEAST_S = 5;
const USUAL_S = 60;
const MOST_S = 86_400;
const MOST_LINES = 12;

/**
 * @param {{open: boolean, plan: any, host: string, evidence: Map<string, string>,
 *   onClose: () => void, onStarted: (job: any) => void}} props
 */
export function ApplyDialog({ open, plan, host, evidence, onClose, onStarted }) {
  const steps = plan.steps;
  const users = affectedBy(steps);
  const [ticked, setTicked] = useState(() => new Set());
  const [timer, setTimer] = useState({ isOn: false, seconds: String(USUAL_S) });
  const [state, setState] = useState({ isBusy: false, error: null });
  const operate = useRights("operate");
  const admin = useRights("admin");
  useEffect(() => {
    setTicked(new Set());
    setTimer({ isOn: cutsLink(steps), seconds: String(USUAL_S) });
    setState({ isBusy: false, error: null });
  }, [plan.plan, open]);
  const rights = users.length ? admin : operate;
  const seconds = Number(timer.seconds);
  const isTimeWrong = timer.isOn && !(seconds >= LEAST_S && seconds <= MOST_S);
  const isReady = rights.allowed && users.every(({ token }) => ticked.has(token)) && !isTimeWrong;
  async function apply() {
    setState({ isBusy: true, error: null });
    try {
      const { job } = await send("POST", "/v1/jobs", {
        kind: "apply", plan: plan.plan,
        ...(users.length ? { allow: users.map(({ token }) => token) } : {}),
        ...(timer.isOn ? { confirm_within_s: seconds } : {}),
      });
      onStarted(job);
    } catch (error) {
      setState({ isBusy: false, error });
    }
  }
  const label = users.length ? t("apply.disturb", { users: users.length }) : t("apply.do");
  const actions = html`
    <button type="button" onClick=${onClose}>${t("apply.cancel")}</button>
    <button type="button" class=${users.length ? "primary is-dangerous" : "primary"} disabled=${!isReady || state.isBusy}
      title=${rights.why} onClick=${apply}>${label}</button>`;
  return html`<${Dialog} title=${t("apply.title", { steps: steps.length, host })} open=${open} onClose=${onClose} actions=${actions}>
    <div class="stack apply-dialog">
      <p class="apply-worst"><${DisruptionBadge} disruption=${worstOf(steps)} />
        <span>${users.length ? t("plan.users", { users: users.length }) : t("plan.nobody")}</span></p>
      <${WhatHappens} steps=${steps} />
      ${users.length > 0 && html`<${WhoIsDisturbed} users=${users} evidence=${evidence} ticked=${ticked} setTicked=${setTicked} rights=${rights} />`}
      <${Timer} timer=${timer} setTimer=${setTimer} isWrong=${isTimeWrong} cuts=${cutsLink(steps)} />
      ${!rights.allowed && html`<${Alert} kind="warn" title=${rights.why} />`}
      ${state.error && html`<${ErrorAlert} error=${state.error} />`}
    </div>
  </${Dialog}>`;
}

function WhatHappens({ steps }) {
  const groups = gatherSteps(steps);
  return html`<ul class="apply-lines" aria-label=${t("apply.what")}>
    ${groups.slice(0, MOST_LINES).map((group) => html`<${Line} key=${group.steps[0].number} group=${group} />`)}
    ${groups.length > MOST_LINES && html`<li>${t("apply.more", { steps: groups.length - MOST_LINES })}</li>`}
  </ul>`;
}

function Line({ group }) {
  const { step } = group.steps[0];
  const vfs = group.indices.length ? ` ${t("plan.vfs", { vfs: formatIndices(group.indices) })}` : "";
  const dead = destroyedBy(step);
  return html`<li>
    <code>${group.subject}</code>${vfs}:
    <${ChangesInLine} step=${step} />
    ${dead.length > 0 && html`<span class="apply-dead">${t("plan.destroys", { vfs: dead.length })} <code>${addressesOf(dead)}</code></span>`}
  </li>`;
}

function WhoIsDisturbed({ users, evidence, ticked, setTicked, rights }) {
  const turn = (token) => {
    const next = new Set(ticked);
    if (!next.delete(token)) next.add(token);
    setTicked(next);
  };
  return html`<fieldset class="apply-users">
    <legend>${t("apply.users")}</legend>
    <p class="hint">${t("apply.users_hint")}</p>
    ${users.map(({ token, steps }) => html`<label key=${token} class="apply-user">
      <input type="checkbox" checked=${ticked.has(token)} disabled=${!rights.allowed} onChange=${() => turn(token)} />
      <span><${User} token=${token} evidence=${evidence.get(token)} />
        <span class="hint">${t("apply.in_steps", { numbers: formatIndices(steps) })}</span></span>
    </label>`)}
  </fieldset>`;
}

function Timer({ timer, setTimer, isWrong, cuts }) {
  const id = useId();
  return html`<div class="apply-timer">
    <label><input type="checkbox" checked=${timer.isOn} onChange=${(event) => setTimer({ ...timer, isOn: event.currentTarget.checked })} />
      <span>${t("apply.timer")}</span></label>
    ${timer.isOn && html`<label class="apply-seconds" for=${id}>
      <input id=${id} type="number" min=${LEAST_S} max=${MOST_S} value=${timer.seconds} aria-invalid=${isWrong ? "true" : undefined}
        onInput=${(event) => setTimer({ ...timer, seconds: event.currentTarget.value })} /> ${t("apply.seconds")}</label>`}
    <p class="hint">${isWrong ? t("form.wrong.number", { least: LEAST_S, most: MOST_S }) : t(cuts ? "apply.timer_wise" : "apply.timer_hint")}</p>
  </div>`;
}
