// The plan of the draft, the button that applies it, and the job that does.
import { useDocument } from "../../core/documents.js";
import { html, useMemo, useState } from "../../core/dom.js";
import { useRights } from "../../core/rights.js";
import { session } from "../../core/session.js";
import { useStore } from "../../core/store.js";
import { t } from "../../core/texts.js";
import { Alert, ErrorAlert } from "../alert.js";
import { ApplyDialog } from "../apply_dialog.js";
import { JobProgress } from "../job_progress.js";
import { placeOf } from "./place.js";
import { CopyCommands, PlanSummary, PlanView, useNames } from "../plan_view.js";

const PASSING = [423, 429, 502]; // the same may work a moment later
const EXPLAINED = [400, 403, 404, 409, 412, 422, 423, 429, 502];

/**
 * @param {{preview: any, isStale: boolean, isBehind: boolean, job: any, onStarted: (job: any) => void, onJob: (job: any) => void,
 *   onEnd: (job: any) => void, onClose: () => void, onPlace: (place: object) => void, onPreview: () => void}} props
 */
export function PlanCard(props) {
  const { preview, job } = props;
  if (job) {
    const { onEnd, onJob, onClose } = props;
    return html`<section class="card plan-card">
      <${JobProgress} key=${job.job} first=${job} takesFocus ...${{ onEnd, onJob, onClose }} />
    </section>`;
  }
  if (preview.error) return html`<${Refused} error=${preview.error} isToldAbove=${props.isBehind} onPlace=${props.onPlace} onPreview=${props.onPreview} />`;
  if (!preview.plan) return html`<p class="hint plan-none">${t("change.no_plan")}</p>`;
  return html`<${Planned} ...${props} />`;
}

function Planned({ preview, isStale, onStarted, onPreview }) {
  const { plan } = preview;
  const [isAsking, setAsking] = useState(false);
  const { allowed, why } = useRights("operate");
  const now = useStore(session);
  const owners = useDocument("/v1/owners");
  const names = useNames();
  const evidence = useMemo(
    () => new Map((owners.document?.owners ?? []).map((one) => [one.token, one.evidence])), [owners.document],
  );
  const again = html`<button type="button" onClick=${onPreview}>${t("change.preview")}</button>`;
  if (!plan.steps.length) {
    return html`<${Alert} kind="good" live title=${t("plan.nothing")}><p>${t("plan.nothing_text")}</p></${Alert}>`;
  }
  return html`<section class="card plan-card stack" aria-labelledby="plan-title" data-plan=${plan.plan}>
    <div class="plan-title-row"><h2 id="plan-title">${t("plan.title")}</h2><${CopyCommands} steps=${plan.steps} /></div>
    <${PlanSummary} steps=${plan.steps} />
    ${isStale && html`<${Alert} kind="warn" title=${t("change.stale")} actions=${again} />`}
    <${PlanView} steps=${plan.steps} evidence=${evidence} names=${names} label=${t("plan.title")} />
    <div class="plan-apply">
      <button type="button" class="primary" disabled=${!allowed || isStale} title=${why}
        onClick=${() => setAsking(true)}>${t("change.apply")}</button>
      ${!allowed && html`<span class="hint">${why}</span>`}
    </div>
    <${ApplyDialog} open=${isAsking} plan=${plan} host=${now.host.hostname} evidence=${evidence}
      onClose=${() => setAsking(false)} onStarted=${onStarted} />
  </section>`;
}

const atPlace = (error, place) => ({ problem: { ...error.problem, subject: t("change.place", place) } });

/** Why there is no plan, in full, with what to do about it. */
function Refused({ error, isToldAbove, onPlace, onPreview }) {
  const place = placeOf(error);
  const isTold = isToldAbove && error.status === 412; // with what changed, and what to do
  const retry = PASSING.includes(error.status) ? onPreview : undefined;
  const isExplained = EXPLAINED.includes(error.status);
  return html`<section class="card plan-card stack">
    <h2>${t("change.no_way")}</h2>
    ${isExplained && html`<p>${t(`change.refused.${error.status}`)}</p>`}
    ${!isTold && html`<${ErrorAlert} error=${place ? atPlace(error, place) : error} onRetry=${retry} />`}
    ${place && html`<div class="actions">
      <button type="button" onClick=${() => onPlace(place)}>${t("change.to_line", { line: place.line })}</button>
    </div>`}
  </section>`;
}
