// What was done on this host: runs with their steps, and who did what.
import { useDocument } from "../core/documents.js";
import { html, useMemo, useState } from "../core/dom.js";
import { ago, moment } from "../core/format.js";
import { setQuery } from "../core/router.js";
import { loadStyle } from "../core/styles.js";
import { t } from "../core/texts.js";
import { Badge } from "../parts/badge.js";
import { Shown } from "../parts/document.js";
import { Empty } from "../parts/empty.js";
import { UndoRun } from "../parts/history/undo_run.js";
import { Confirmation, JobProgress, Problem } from "../parts/job_progress.js";
import { PageHead } from "../parts/page_head.js";
import { CopyCommands, PlanView, useNames } from "../parts/plan_view.js";
import { isRunStatus, RunStatus } from "../parts/run_status.js";
import { undoable, whoDidWhat, withoutDoor } from "../parts/run_words.js";
import { Table } from "../parts/table.js";
import { Tabs } from "../parts/tabs.js";

await Promise.all([loadStyle("plan"), loadStyle("change"), loadStyle("history")]);

export default function History({ query }) {
  const runs = useDocument("/v1/runs");
  const tab = query.tab === "who" ? "who" : "runs";
  return html`
    <${PageHead} title=${t("history.title")} lead=${t("history.lead")} />
    <${Tabs} label=${t("history.views")} value=${tab} onChoose=${(id) => setQuery({ tab: id === "who" ? "who" : null })}
      tabs=${[{ id: "runs", label: t("history.runs") }, { id: "who", label: t("history.who") }]}>
      <${Shown} of=${runs}>${(document) => (tab === "runs"
    ? html`<${Runs} runs=${document.runs} chosen=${Number(query.run) || null} />` : html`<${Audit} runs=${document.runs} />`)}</${Shown}>
    </${Tabs}>
  `;
}

function Runs({ runs, chosen }) {
  const canUndo = useMemo(() => undoable(runs), [runs]);
  if (!runs.length) return html`<${Empty} icon="history" title=${t("history.none")}><p>${t("history.none_text")}</p></${Empty}>`;
  const here = runs.find((run) => run.run === chosen) ?? runs[0];
  return html`<div class="history">
    <${Table} caption=${t("history.runs")} rows=${runs} rowKey=${(run) => run.run} columns=${columns()}
      rowClass=${(run) => (run === here ? "is-chosen" : "")} />
    <${Run} key=${here.run} run=${here} canUndo=${canUndo.has(here.run)} />
  </div>`;
}

const columns = () => [
  { key: "run", label: t("history.run"), sort: (run) => run.run, render: (run) => html`<${RunNumber} run=${run.run} />` },
  { key: "kind", label: t("history.kind"), sort: (run) => run.kind, render: (run) => kindText(run) },
  { key: "status", label: t("history.status"), sort: (run) => run.status, render: (run) => html`<${RunStatus} status=${run.status} />` },
  { key: "started", label: t("history.started"), sort: (run) => run.started, render: (run) => html`<span title=${ago(run.started)}>${moment(run.started)}</span>` },
  { key: "source", label: t("history.source"), sort: (run) => run.source, render: (run) => withoutDoor(run.source) },
  { key: "pfs", label: t("history.pfs"), code: true, render: (run) => run.pfs.join(" ") },
];

function RunNumber({ run }) {
  return html`<button type="button" class="run-number" aria-label=${t("history.show", { run })}
    onClick=${() => setQuery({ run: String(run) })}>${run}</button>`;
}

const kindText = (run) => (run.undoes === null ? t(`history.kinds.${run.kind}`) : t("history.undo_of", { run: run.undoes }));

function Run({ run, canUndo }) {
  const whole = useDocument(`/v1/runs/${run.run}`);
  const [job, setJob] = useState(null);
  const names = useNames();
  return html`<section class="card run stack" aria-labelledby="run-title" data-run=${run.run}>
    <header class="run-head"><h2 id="run-title">${t("history.run_title", { run: run.run })}</h2><${RunStatus} status=${run.status} /></header>
    <p class="hint">${summaryOf(run)}</p>
    <p>${t(`history.means.${run.status.replaceAll(" ", "_")}`)}</p>
    ${run.note && html`<p class="run-note">${run.note}</p>`}
    ${run.status === "unconfirmed" && !job && html`<${Confirmation} run=${run.run} onJob=${setJob} />`}
    ${job && html`<${JobProgress} key=${job.job} first=${job} takesFocus onJob=${setJob} onClose=${() => setJob(null)} />`}
    <${Shown} of=${whole}>${({ run: { steps = [] } }) => html`<div class="stack">
      <div class="actions">
        ${canUndo && !job && run.status !== "unconfirmed" && html`<${UndoRun} run=${run.run} steps=${steps} onJob=${setJob} />`}
        ${steps.length > 0 && html`<${CopyCommands} steps=${steps} />`}
      </div>
      <${PlanView} steps=${steps} names=${names} label=${t("history.run_title", { run: run.run })} />
    </div>`}</${Shown}>
  </section>`;
}

const summaryOf = (run) => [
  kindText(run), withoutDoor(run.source), moment(run.started), run.ended && t("history.took", { seconds: took(run) }),
].filter(Boolean).join(" · ");

const took = ({ started, ended }) => Math.max(0, Math.round((new Date(ended) - new Date(started)) / 1000));

function Audit({ runs }) {
  const jobs = useDocument("/v1/jobs");
  const leases = useDocument("/v1/leases?all=true");
  const lines = useMemo(() => whoDidWhat({
    runs, leases: leases.document?.leases ?? [], jobs: jobs.document?.jobs ?? [],
  }), [runs, leases.document, jobs.document]);
  return html`<div class="stack"><${Table} caption=${t("history.who")} rows=${lines} rowKey=${(line) => line.id} columns=${auditColumns()}
    empty=${html`<${Empty} icon="history" title=${t("history.none")} />`} /><p class="hint">${t("history.who_hint")}</p></div>`;
}

const auditColumns = () => [
  { key: "when", label: t("history.when"), sort: (line) => line.when, render: (line) => (line.when ? moment(line.when) : t("history.since_start")) },
  { key: "who", label: t("history.by_whom"), sort: (line) => line.who },
  { key: "what", label: t("history.what"), sort: (line) => line.what, render: (line) => t(`history.deeds.${line.what}`) },
  { key: "subject", label: t("history.on"), code: true, sort: (line) => line.subject },
  { key: "outcome", label: t("history.status"), wrap: true, render: (line) => html`<${Outcome} line=${line} />` },
  { key: "run", label: t("history.run"), render: (line) => line.run && html`<a href=${`#/history?run=${line.run}`}>${line.run}</a>` },
];

function Outcome({ line }) {
  if (line.problem) return html`<${Badge} kind="bad" sign>${t("history.refused")}</${Badge}><${Problem} problem=${{ ...line.problem, subject: null }} />`;
  return isRunStatus(line.outcome) ? html`<${RunStatus} status=${line.outcome} />` : line.outcome;
}
