// Takes a run back, after showing what that means.
import { send } from "../../core/api.js";
import { html, useState } from "../../core/dom.js";
import { useRights } from "../../core/rights.js";
import { t } from "../../core/texts.js";
import { AskDialog } from "../ask_dialog.js";
import { ChangesInLine } from "../plan_view.js";
import { gatherSteps } from "../plan_words.js";
import { formatIndices } from "../draft/ranges.js";

const MOST_LINES = 12;

/** @param {{run: number, steps: any[], onJob: (job: any) => void}} props */
export function UndoRun({ run, steps, onJob }) {
  const [isAsking, setAsking] = useState(false);
  const { allowed, why } = useRights("operate");
  const back = gatherSteps([...steps].reverse());
  return html`<button type="button" class="danger" disabled=${!allowed} title=${why} onClick=${() => setAsking(true)}>
      ${t("history.undo", { run })}</button>
    <${AskDialog} open=${isAsking} title=${t("history.undo_title", { run })} label=${t("job.undo")} isDangerous
      run=${() => send("POST", "/v1/jobs", { kind: "undo", run })} onClose=${() => setAsking(false)}
      onDone=${({ job }) => {
    setAsking(false);
    onJob(job);
  }}>
      <p>${t("history.undo_text")}</p>
      <ul class="apply-lines">${back.slice(0, MOST_LINES).map((group) => html`<${Line} key=${group.steps[0].number} group=${group} />`)}
        ${back.length > MOST_LINES && html`<li>${t("apply.more", { steps: back.length - MOST_LINES })}</li>`}</ul>
      <p class="hint">${t("history.undo_hint")}</p>
    </${AskDialog}>`;
}

function Line({ group }) {
  const { step } = group.steps[0];
  const vfs = group.indices.length ? ` ${t("plan.vfs", { vfs: formatIndices(group.indices) })}` : "";
  const back = { ...step, before: step.after, after: step.undo };
  return html`<li><code>${group.subject}</code>${vfs}: <${ChangesInLine} step=${back} /></li>`;
}
