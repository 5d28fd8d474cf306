// A plan, or what a run did: step by step, with before and after.
import { useDocument } from "../core/documents.js";
import { classes, html, useMemo, useState } from "../core/dom.js";
import { href } from "../core/router.js";
import { t, useLanguage } from "../core/texts.js";
import { Badge } from "./badge.js";
import { Code } from "./code.js";
import { CopyButton } from "./copy_button.js";
import { formatIndices } from "./draft/ranges.js";
import { Icon } from "./icons.js";
import {
  affectedBy, changesOf, destroyedBy, formatValue, gatherSteps, partsOfToken, worstOf,
} from "./plan_words.js";

const MOST_AT_ONCE = 50; // groups of steps that are drawn at first, and each time somebody asks for more
const KINDS = { "link flap": "warn", "VF destroyed": "bad", "guest affected": "bad" };
const STATUS_ICONS = { done: "good", started: "warn", planned: "minus" };

/** A value in words, in the language of the page. */
export const inWords = (value) => formatValue(value, {
  none: t("plan.none"), on: t("plan.on"), off: t("plan.off"),
});

/** @param {string} word such as "link flap" */
const disruptionText = (word) => t(`plan.disruption.${word.toLowerCase().replaceAll(" ", "_")}`);

/** How bad a step is for others. */
export function DisruptionBadge({ disruption }) {
  if (disruption === "none") return html`<${Badge}>${disruptionText("none")}</${Badge}>`;
  return html`<${Badge} kind=${KINDS[disruption] ?? "warn"} sign>${disruptionText(disruption)}</${Badge}>`;
}

/**
 * Steps in one line: how many, the worst of them, and whom they would disturb.
 * @param {{steps: any[]}} props
 */
export function PlanSummary({ steps }) {
  const users = affectedBy(steps);
  return html`<div class="plan-summary">
    <strong>${t("plan.steps", { steps: steps.length })}</strong>
    <${DisruptionBadge} disruption=${worstOf(steps)} />
    <span>${users.length ? t("plan.users", { users: users.length }) : t("plan.nobody")}</span>
  </div>`;
}

/**
 * Steps in their order.  Those that say the same of VFs side by side stand together.
 * @param {{steps: any[], evidence?: Map<string, string>, names?: Map<string, string>, label: string}} props
 *   evidence: how each user is known, by token; names: netdev of each PF, by device
 */
export function PlanView({ steps, evidence, names, label }) {
  const spoken = useLanguage();
  const groups = useMemo(() => gatherSteps(steps), [steps]);
  // The same elements as before, so that those that are there already are not drawn anew.
  const items = useMemo(
    () => groups.map((group) => html`<${Group} key=${group.steps[0].number} group=${group} evidence=${evidence} names=${names} />`),
    [groups, evidence, names, spoken],
  );
  const [most, setMost] = useState(MOST_AT_ONCE);
  const shown = groups.slice(0, most);
  return html`<div class="plan">
    <ol class="plan-steps" aria-label=${label}>
      ${items.slice(0, most)}
    </ol>
    ${shown.length < groups.length && html`<button type="button" onClick=${() => setMost(most + MOST_AT_ONCE)}>
      ${t("plan.show_more", { steps: steps.length - shown.at(-1).steps.at(-1).number })}
    </button>`}
  </div>`;
}

/** All classic commands of a plan, to copy. */
export function CopyCommands({ steps }) {
  return html`<${CopyButton} text=${() => steps.map((one) => one.command).join("\n")} label=${t("plan.copy_commands")} />`;
}

/** The netdev of each PF, by device: people know a PF by its name. */
export function useNames() {
  const { document } = useDocument("/v1/pfs");
  return useMemo(() => new Map((document?.pfs ?? []).filter((pf) => pf.netdev).map((pf) => [pf.device, pf.netdev])), [document]);
}

function Group({ group, evidence, names }) {
  const { step } = group.steps[0];
  const numbers = formatIndices(group.steps.map((one) => one.number));
  return html`<li class="plan-step" data-action=${step.action}>
    <span class="plan-number" aria-label=${t("plan.step", { number: numbers })}>${numbers}</span>
    <div class="plan-what">
      <div class="plan-head">
        ${step.status && html`<${StepStatus} status=${step.status} />`}
        <span class="plan-action">${t(`plan.action.${step.action.replaceAll("-", "_")}`)}</span>
        <${Subject} group=${group} name=${names?.get(group.subject)} />
        ${step.disruption !== "none" && html`<${DisruptionBadge} disruption=${step.disruption} />`}
      </div>
      <${Changes} step=${step} />
      <${Destroyed} vfs=${destroyedBy(step)} />
      ${step.affected.length > 0 && html`<${Affected} tokens=${step.affected} evidence=${evidence} />`}
      <p class="plan-reason">${step.reason}</p>
      <${More} group=${group} step=${step} />
    </div>
  </li>`;
}

function StepStatus({ status }) {
  return html`<span class=${classes("step-status", `is-${status}`)}>
    <${Icon} name=${STATUS_ICONS[status] ?? "info"} /><span>${t(`plan.status.${status}`)}</span>
  </span>`;
}

function Subject({ group, name }) {
  const vfs = group.indices.length > 0
    && html`<span class="plan-vfs">${t("plan.vfs", { vfs: formatIndices(group.indices) })}</span>`;
  return html`<span class="plan-subject">
    ${name && html`<span class="plan-netdev">${name}</span>`}
    <a class="is-code" href=${href("pf", group.subject)}>${group.subject}</a>${vfs}
  </span>`;
}

function Changes({ step }) {
  return html`<ul class="plan-changes">
    ${changesOf(step).map(({ key, before, after }) => html`<li key=${key}>
      <code>${key}</code> <${BeforeAfter} before=${before} after=${after} />
    </li>`)}
  </ul>`;
}

/** What a step changes, in one line. */
export function ChangesInLine({ step }) {
  return changesOf(step).map(({ key, before, after }) => html`<span key=${key} class="apply-change">
    ${key} <${BeforeAfter} before=${before} after=${after} /></span>`);
}

/** What was, and what will be; a screen reader hears the words between. */
export function BeforeAfter({ before, after }) {
  return html`<span class="before-after">
    <span class="before">${inWords(before)}</span>
    <span class="arrow"><span aria-hidden="true">→</span><span class="unseen">${t("plan.to")}</span></span>
    <span class="after">${inWords(after)}</span>
  </span>`;
}

const MOST_NAMED = 16;

/** The first of some VFs, by address where they have one. */
export function addressesOf(vfs) {
  const names = vfs.slice(0, MOST_NAMED).map((vf) => vf.address ?? `vf ${vf.vf_index}`);
  return names.join(" ") + (vfs.length > MOST_NAMED ? " …" : "");
}

function Destroyed({ vfs }) {
  if (!vfs.length) return null;
  return html`<p class="plan-destroyed">
    <${Icon} name="bad" /><span>${t("plan.destroys", { vfs: vfs.length })}
      <code>${addressesOf(vfs)}</code></span>
  </p>`;
}

function Affected({ tokens, evidence }) {
  return html`<div class="plan-affected">
    <span>${t("plan.affects")}</span>
    <ul>${tokens.map((token) => html`<li key=${token}><${User} token=${token} evidence=${evidence?.get(token)} /></li>`)}</ul>
  </div>`;
}

/** A user of a function, by name, with how that is known. */
export function User({ token, evidence }) {
  const { kind, name } = partsOfToken(token);
  return html`<span class="user">
    <span class="user-kind">${t(`plan.kind.${kind.replaceAll("-", "_")}`)}</span>
    <strong>${name}</strong>
    ${evidence && html`<span class="user-evidence">${evidence}</span>`}
  </span>`;
}

// What is behind it is made when somebody opens it: a plan may have hundreds of steps.
function More({ group, step }) {
  const [isOpen, setOpen] = useState(false);
  return html`<details class="plan-more" onToggle=${(event) => setOpen(event.currentTarget.open)}>
    <summary>${t("plan.more")}</summary>
    ${isOpen && html`<${CommandsAndUndo} group=${group} step=${step} />`}
  </details>`;
}

function CommandsAndUndo({ group, step }) {
  const commands = group.steps.map((one) => one.step.command).filter(Boolean).join("\n");
  return html`
    ${commands && html`<p class="plan-more-head">${t("plan.command")}</p>
      <${Code} text=${commands} label=${t("plan.command")} />`}
    <p class="plan-more-head">${t("plan.undo")}</p>
    <ul class="plan-changes">
      ${changesOf({ ...step, before: step.after, after: step.undo }).map(({ key, before, after }) => html`<li key=${key}>
        <code>${key}</code> <${BeforeAfter} before=${before} after=${after} />
      </li>`)}
    </ul>`;
}
