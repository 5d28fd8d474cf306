// What others, or this browser before it was loaded anew, have under way on the host.
import { useDocument } from "../../core/documents.js";
import { html } from "../../core/dom.js";
import { t } from "../../core/texts.js";
import { Alert } from "../alert.js";
import { withoutDoor } from "../run_words.js";
import { Confirmation, hasEnded, JobProgress } from "../job_progress.js";

/**
 * @param {{own: any, onJob: (job: any) => void}} props own: the job that is shown already
 */
export function UnderWay({ own, onJob }) {
  const jobs = useDocument("/v1/jobs");
  const runs = useDocument("/v1/runs");
  const others = (jobs.document?.jobs ?? []).filter((job) => !hasEnded(job) && job.job !== own?.job);
  const waiting = (runs.document?.runs ?? []).filter((run) => run.status === "unconfirmed" && run.run !== own?.run && !own);
  if (!others.length && !waiting.length) return null;
  return html`<div class="under-way stack">
    ${waiting.map((run) => html`<${Alert} key=${run.run} kind="warn" title=${t("job.waits", { run: run.run, by: withoutDoor(run.source) })}>
      <${Confirmation} run=${run.run} onJob=${onJob} /></${Alert}>`)}
    ${others.map((job) => html`<section key=${job.job} class="card"><p class="hint">${t("change.other_job", { by: job.by })}</p>
      <${JobProgress} first=${job} isOthers /></section>`)}
  </div>`;
}
