// A change under way: how far it is, how it ended, and what can be done then.
import { announce } from "../core/announce.js";
import { read, send } from "../core/api.js";
import { useCountdown } from "../core/countdown.js";
import { useDocument } from "../core/documents.js";
import { classes, html, useEffect, useRef, useState } from "../core/dom.js";
import { clock } from "../core/format.js";
import { connection, onEvent } from "../core/live.js";
import { useRights } from "../core/rights.js";
import { href } from "../core/router.js";
import { t } from "../core/texts.js";
import { Alert, ErrorAlert, Evidence } from "./alert.js";
import { progressOf } from "./plan_words.js";

const ENDED = ["done", "failed", "cancelled"];
const POLL_MS = 2000;
const SAID_AT = [60, 30, 10]; // seconds before the end

/** @param {any} job */
export const hasEnded = (job) => ENDED.includes(job?.state);

/**
 * Follow a job: events tell of it, and while there are none it is asked for.
 * @param {any} first as POST /v1/jobs answered, or null
 * @returns {{job: any, error: Error | null}} with its steps once it has ended
 */
function useJob(first) {
  const [state, setState] = useState({ job: first, error: null });
  useEffect(() => {
    if (!first) {
      setState({ job: null, error: null });
      return undefined;
    }
    setState({ job: first, error: null });
    return followJob(first, setState);
  }, [first?.job]);
  return first && state.job?.job !== first.job ? { job: first, error: null } : state;
}

function followJob(first, setState) {
  let isOver = false;
  const take = (job) => {
    if (isOver) return;
    setState({ job: { ...job, steps: job.steps ?? [] }, error: null });
    if (!hasEnded(job)) return;
    isOver = true;
    // Events leave the steps out: there may be as many as there are VFs.
    ask().then(({ job: whole }) => setState({ job: whole, error: null }), () => {});
  };
  const ask = () => read(`/v1/jobs/${first.job}`);
  const look = () => ask().then(({ job }) => take(job), (error) => !isOver && setState((now) => ({ ...now, error })));
  const stop = onEvent((kind, payload) => {
    if (kind === "job" && payload.job === first.job) take(payload);
    else if (kind === "missed") look();
  });
  const timer = setInterval(() => connection.get() !== "live" && !isOver && look(), POLL_MS);
  look(); // it may have ended before anybody listened
  return () => {
    isOver = true;
    stop();
    clearInterval(timer);
  };
}

/**
 * One job from its start to its end.
 * @param {{first: any, takesFocus?: boolean, onEnd?: (job: any) => void, onJob?: (job: any) => void,
 *   onClose?: () => void, isOthers?: boolean}} props onJob: told of the job that undoes or keeps
 *   this one; takesFocus: it stands where the button was that started it; isOthers: how it ended
 *   is for whoever began it
 */
export function JobProgress({ first, takesFocus = false, isOthers = false, onEnd, onJob, onClose }) {
  const { job, error } = useJob(first);
  const isOver = hasEnded(job);
  const place = useRef(null);
  useEffect(() => {
    if (takesFocus) place.current?.focus();
  }, [takesFocus]);
  useEffect(() => {
    if (!isOver) return;
    announce(t(`job.said.${job.state}`, { kind: t(`job.kind.${job.kind}`) }));
    onEnd?.(job);
  }, [isOver, job?.job]);
  if (!job || (isOver && isOthers)) return null;
  return html`<section class="job" ref=${place} tabindex="-1" aria-label=${t("job.label", { job: job.job })} data-job-state=${job.state}>
    ${isOver ? html`<${Outcome} job=${job} onJob=${onJob} onClose=${onClose} />` : html`<${Running} job=${job} error=${error} />`}
  </section>`;
}

function Running({ job, error }) {
  const far = progressOf(job.progress);
  const words = job.state === "queued" ? t("job.queued") : t(`job.running.${job.kind}`);
  return html`
    <div class="job-head">
      <strong>${words}</strong>
      ${far && html`<span class="job-count">${t("job.step_of", far)}</span>`}
    </div>
    <progress class="job-bar" aria-label=${words} max=${far?.total ?? 1} value=${far?.done}></progress>
    <ol class="job-lines" aria-label=${t("job.lines")}>
      ${job.progress.slice(-6).map((line, at, all) => html`<li key=${line} class=${classes(at === all.length - 1 && "is-newest")}>${line}</li>`)}
    </ol>
    ${error && html`<p class="hint">${t("job.asking_again")}</p>`}
    ${job.kind === "apply" && html`<${Cancel} job=${job} />`}
  `;
}

function Cancel({ job }) {
  const { allowed, why } = useRights("operate");
  const [error, setError] = useState(null);
  const [isAsked, setAsked] = useState(false);
  async function cancel() {
    setAsked(true);
    try {
      await send("DELETE", `/v1/jobs/${job.job}`);
    } catch (problem) {
      setError(problem);
      setAsked(false);
    }
  }
  return html`<div class="actions">
    <button type="button" onClick=${cancel} disabled=${!allowed || isAsked} title=${why}>
      ${isAsked ? t("job.cancelling") : t("job.cancel")}
    </button>
    ${error && html`<${ErrorAlert} error=${error} />`}
  </div>`;
}

function Outcome({ job, onJob, onClose }) {
  const waited = job.status === "unconfirmed";
  const { document } = useDocument(waited ? `/v1/runs/${job.run}` : null);
  const status = waited ? document?.run.status ?? job.status : job.status;
  const waits = status === "unconfirmed";
  return html`
    <${Verdict} job=${job} status=${status} />
    ${waits && html`<${Confirmation} run=${job.run} onJob=${onJob} />`}
    <div class="actions">
      ${job.kind === "apply" && status === "done" && html`<${JobButton} kind="undo" run=${job.run} onJob=${onJob} label=${t("job.undo")} />`}
      ${job.run !== null && html`<a class="button" href=${`${href("history")}?run=${job.run}`}>${t("job.see_run", { run: job.run })}</a>`}
      ${onClose && !waits && html`<button type="button" class="quiet" onClick=${onClose}>${t("shell.close")}</button>`}
    </div>
  `;
}

// What became of a run that waited may be somebody else's doing, or nobody's.
const LATER = { done: ["good", "job.done.confirm"], undone: ["warn", "job.done.expire"] };

function Verdict({ job, status }) {
  const kind = t(`job.kind.${job.kind}`);
  if (job.error) {
    const title = t(`job.${job.state}`, { kind, run: job.run ?? "" });
    const after = job.run === null ? t("job.untouched") : t(`job.after.${(job.status ?? "unknown").replaceAll(" ", "_")}`);
    return html`<${Alert} kind=${job.state === "cancelled" ? "info" : "bad"} live title=${title}>
      <${Problem} problem=${job.error} /><p>${after}</p>
    </${Alert}>`;
  }
  if (job.state === "cancelled") {
    const title = t("job.cancelled", { kind });
    return html`<${Alert} kind="info" live title=${title}><p>${t("job.after.undone")}</p></${Alert}>`;
  }
  if (job.status === "unconfirmed" && LATER[status]) {
    const [colour, key] = LATER[status];
    return html`<${Alert} kind=${colour} live title=${t(key, { run: job.run })} />`;
  }
  const steps = job.steps?.length ?? 0;
  const key = job.status === "unconfirmed" ? "job.unconfirmed" : `job.done.${job.kind}`;
  return html`<${Alert} kind=${job.status === "unconfirmed" ? "warn" : "good"} live title=${t(key, { run: job.run, steps })} />`;
}

/** An error in full: cause, subject, hint, and what was read. */
export function Problem({ problem }) {
  return html`<div class="problem">
    <p>${problem.subject && html`<code>${problem.subject}</code>${": "}`}${problem.cause}</p>
    ${problem.hint && html`<p class="problem-hint">${problem.hint}</p>`}
    <${Evidence} of=${problem.evidence} />
  </div>`;
}

// Asks nobody: whoever presses it has seen what it does.
function JobButton({ kind, run, onJob, label, class: name }) {
  const { allowed, why } = useRights("operate");
  const [state, setState] = useState({ isBusy: false, error: null });
  async function start() {
    setState({ isBusy: true, error: null });
    try {
      const { job } = await send("POST", "/v1/jobs", { kind, run });
      setState({ isBusy: false, error: null });
      onJob?.(job);
    } catch (error) {
      setState({ isBusy: false, error });
    }
  }
  return html`<button type="button" class=${name} disabled=${!allowed || state.isBusy} title=${why} onClick=${start}>${label}</button>
    ${state.error && html`<${ErrorAlert} error=${state.error} />`}`;
}

/**
 * A run that is taken back by itself unless somebody keeps it.
 * @param {{run: number, onJob?: (job: any) => void}} props
 */
export function Confirmation({ run, onJob }) {
  const { document } = useDocument(`/v1/runs/${run}`);
  const left = useCountdown(document?.run.confirm_in_s ?? null);
  useEffect(() => {
    if (SAID_AT.includes(left)) announce(t("job.left", { seconds: left }));
  }, [left]);
  if (document && document.run.status !== "unconfirmed") return null;
  return html`<div class="confirmation" role="group" aria-label=${t("job.confirmation", { run })}>
    <p class="confirmation-clock"><span class="confirmation-time" role="timer">${left === null ? "…" : clock(left)}</span>
      <span>${left === 0 ? t("job.time_over") : t("job.undone_unless")}</span></p>
    <div class="confirmation-buttons">
      <${JobButton} kind="confirm" run=${run} onJob=${onJob} class="primary" label=${t("job.keep")} />
      <${JobButton} kind="undo" run=${run} onJob=${onJob} class="danger" label=${t("job.undo_now")} />
    </div>
  </div>`;
}
