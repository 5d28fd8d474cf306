// What was done to a PF, or to one VF of it: from the journal.
import { read } from "../core/api.js";
import { useDocument } from "../core/documents.js";
import { html, useEffect, useState } from "../core/dom.js";
import { ago, moment } from "../core/format.js";
import { href } from "../core/router.js";
import { t } from "../core/texts.js";
import { Shown } from "./document.js";
import { ChangesInLine } from "./plan_view.js";
import { partsOfSubject } from "./plan_words.js";
import { RunStatus } from "./run_status.js";
import { withoutDoor } from "./run_words.js";

const MOST = 12;
const MOST_STEPS = 6;

/**
 * @param {{pf: string, subject?: string}} props subject: only steps of this, such as "ADDRESS vf 3"
 */
export function RunsOf({ pf, subject }) {
  const runs = useDocument("/v1/runs");
  return html`<section class="card" aria-label=${t("runs.title")}>
    <div class="section-head"><h2>${t("runs.title")}</h2><a href="#/history">${t("runs.all")}</a></div>
    <${Shown} of=${runs}>${(document) => html`<${List} runs=${document.runs.filter((run) => run.pfs.includes(pf))} pf=${pf} subject=${subject} />`}</${Shown}>
  </section>`;
}

function List({ runs, pf, subject }) {
  const shown = runs.toSorted((a, b) => b.run - a.run).slice(0, MOST);
  const steps = useSteps(shown);
  const items = shown.map((run) => ({ run, steps: stepsOf(steps, run, pf, subject) }));
  const concerning = subject ? items.filter((one) => one.steps.length) : items;
  if (!concerning.length) return html`<p class="hint">${subject ? t("runs.none_of_vf") : t("runs.none")}</p>`;
  return html`<ol class="runs">
    ${concerning.map((one) => html`<${Run} key=${one.run.run} run=${one.run} steps=${one.steps} />`)}
  </ol>`;
}

function Run({ run, steps }) {
  const more = steps.length - MOST_STEPS;
  return html`<li>
    <p class="run-head">
      <a href=${`${href("history")}?run=${run.run}`}>${t("runs.run", { run: run.run })}</a>
      <${RunStatus} status=${run.status} />
      <span class="hint" title=${moment(run.started)}>${ago(run.started)} · ${withoutDoor(run.source)}</span>
    </p>
    <ul class="run-steps">
      ${steps.slice(0, MOST_STEPS).map((step, at) => html`<li key=${at}><code>${step.subject}</code> <${ChangesInLine} step=${step} /></li>`)}
      ${more > 0 && html`<li class="hint">${t("runs.more_steps", { n: more })}</li>`}
    </ul>
  </li>`;
}

function stepsOf(steps, run, pf, subject) {
  const found = steps.get(run.run) ?? [];
  return found.filter((step) => (subject ? step.subject === subject : partsOfSubject(step.subject).pf === pf));
}

// A run that has ended never changes, so one reading of each is enough.
function useSteps(runs) {
  const [steps, setSteps] = useState(new Map());
  const missing = runs.filter((run) => !steps.has(run.run) || run.status === "running").map((run) => run.run);
  const wanted = missing.join(" ");
  useEffect(() => {
    if (!wanted) return undefined;
    let isWanted = true;
    Promise.all(wanted.split(" ").map((run) => read(`/v1/runs/${run}`))).then(
      (documents) => isWanted && setSteps((now) => new Map([...now, ...documents.map(({ run }) => [run.run, run.steps])])),
      () => {},
    );
    return () => {
      isWanted = false;
    };
  }, [wanted]);
  return steps;
}
