// What keeps this host from SR-IOV, the worst first, with evidence and with what to do.
import { useDocument } from "../core/documents.js";
import { classes, html, useMemo } from "../core/dom.js";
import { href, setQuery } from "../core/router.js";
import { loadStyle } from "../core/styles.js";
import { t } from "../core/texts.js";
import { Alert } from "../parts/alert.js";
import { Badge } from "../parts/badge.js";
import { Code } from "../parts/code.js";
import { CopyButton } from "../parts/copy_button.js";
import { Shown } from "../parts/document.js";
import { Empty } from "../parts/empty.js";
import { Filters } from "../parts/filters.js";
import { bySeverity, commandIn, findingAsText, SEVERITIES } from "../parts/finding_words.js";
import { PageHead } from "../parts/page_head.js";

await Promise.all([loadStyle("doctor"), loadStyle("plan")]);

const KINDS = { error: "bad", warning: "warn", unknown: "neutral", info: "info" };

export default function Doctor({ query }) {
  const doctor = useDocument("/v1/doctor");
  const findings = doctor.document?.findings ?? [];
  const all = html`<${CopyButton} text=${() => findings.map(findingAsText).join("\n\n")} label=${t("doctor.copy_all")} />`;
  return html`
    <${PageHead} title=${t("doctor.title")} lead=${t("doctor.lead")} actions=${findings.length > 0 && all} />
    <${Shown} of=${doctor}>${(document) => html`<${Judgement} document=${document} query=${query} />`}</${Shown}>
  `;
}

function Judgement({ document, query }) {
  const { findings, ready, notes } = document;
  const shown = useMemo(() => findings.filter((one) => fits(one, query)), [findings, query]);
  const all = html`<button type="button" onClick=${() => setQuery({ severity: null, subject: null })}>
    ${t("doctor.show_all")}</button>`;
  return html`<div class="stack">
    <${Verdict} ready=${ready} findings=${findings} />
    ${findings.length > 0 && html`<${FindingFilters} findings=${findings} query=${query} />`}
    ${findings.length === 0 && html`<${Empty} icon="good" title=${t("doctor.none")} />`}
    ${findings.length > 0 && !shown.length && html`<${Empty} icon="search" title=${t("doctor.none_fits")} actions=${all} />`}
    ${bySeverity(shown).map((group) => html`<${Group} key=${group.severity} ...${group} />`)}
    ${notes.length > 0 && html`<section class="card"><h2>${t("doctor.notes")}</h2><ul class="notes">
      ${notes.map((note) => html`<li key=${note}>${note}</li>`)}</ul></section>`}
  </div>`;
}

const fits = (finding, { severity, subject }) => (
  (!severity || finding.severity === severity) && (!subject || (finding.subject ?? "host") === subject)
);

function Verdict({ ready, findings }) {
  const errors = findings.filter((one) => one.severity === "error").length;
  if (ready) {
    return html`<${Alert} kind="good" title=${t("doctor.ready")}>
      ${findings.length > 0 && html`<p>${t("doctor.ready_text")}</p>`}</${Alert}>`;
  }
  if (!errors) return html`<${Alert} kind="warn" title=${t("doctor.not_sure")}><p>${t("doctor.not_sure_text")}</p></${Alert}>`;
  return html`<${Alert} kind="bad" title=${t("doctor.not_ready")}><p>${t("doctor.errors", { errors })}</p></${Alert}>`;
}

function FindingFilters({ findings, query }) {
  const subjects = [...new Set(findings.map((one) => one.subject ?? "host"))].sort();
  const words = SEVERITIES.map((word) => (
    { word, text: t(`doctor.severities.${word}`), count: findings.filter((one) => one.severity === word).length }
  )).filter((one) => one.count);
  return html`<${Filters} label=${t("doctor.filter")} name="severity" chosen=${query.severity} words=${words} total=${findings.length}>
    <label class="filter-subject">${t("doctor.subject")}
      <select value=${query.subject ?? ""} onChange=${(event) => setQuery({ subject: event.currentTarget.value || null })}>
        <option value="">${t("doctor.everywhere")}</option>
        ${subjects.map((one) => html`<option key=${one} value=${one}>${one === "host" ? t("doctor.host") : one}</option>`)}
      </select></label>
  </${Filters}>`;
}

function Group({ severity, findings }) {
  return html`<section class="findings" aria-labelledby=${`of-${severity}`}>
    <h2 id=${`of-${severity}`}>${t(`doctor.severities.${severity}`)} <span class="chip-count">${findings.length}</span></h2>
    ${findings.map((one) => html`<${Finding} key=${`${one.id} ${one.subject} ${one.meaning}`} finding=${one} />`)}
  </section>`;
}

function Finding({ finding }) {
  const { id, severity, subject, meaning, evidence, fix, gain } = finding;
  return html`<article class=${classes("card", "finding", `is-${severity}`)} data-finding=${id}>
    <header class="finding-head">
      <${Badge} kind=${KINDS[severity] ?? "neutral"} sign>${t(`doctor.severities.${severity}`)}</${Badge}>
      <h3>${id}</h3>
      <${Subject} subject=${subject} />
      <${CopyButton} text=${() => findingAsText(finding)} label=${t("doctor.copy")} small />
    </header>
    <p class="finding-meaning">${meaning}</p>
    ${evidence.length > 0 && html`<dl class="finding-evidence" aria-label=${t("doctor.evidence")}>
      ${evidence.map((one) => html`<div key=${`${one.source} ${one.value}`}><dt>${one.source}</dt><dd>${one.value}</dd></div>`)}
    </dl>`}
    ${fix.length > 0 && html`<div class="finding-fix"><h4>${t("doctor.fix")}</h4><${Fixes} fix=${fix} /></div>`}
    ${gain && html`<p class="finding-gain"><span>${t("doctor.gain")}</span> ${gain}</p>`}
  </article>`;
}

const isAddress = (text) => /^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/.test(text ?? "");

function Subject({ subject }) {
  if (!isAddress(subject)) return html`<span class="finding-subject">${subject === "host" || !subject ? t("doctor.host") : subject}</span>`;
  return html`<a class="finding-subject is-code" href=${`${href("topology")}?at=${subject}`}>${subject}</a>`;
}

const MOST_AT_ONCE = 5;

/** One for each of many VFs is told, and the others when somebody asks. */
function Fixes({ fix }) {
  const first = fix.length > MOST_AT_ONCE + 1 ? fix.slice(0, MOST_AT_ONCE) : fix;
  const list = (texts, start) => html`<ol start=${start}>
    ${texts.map((one) => html`<li key=${one}><${Fix} text=${one} /></li>`)}
  </ol>`;
  if (first === fix) return list(fix, 1);
  const rest = fix.slice(first.length);
  return html`${list(first, 1)}<details class="left-out"><summary>${t("doctor.more", { fixes: rest.length })}</summary>
    ${list(rest, first.length + 1)}</details>`;
}

function Fix({ text }) {
  const command = commandIn(text);
  if (!command) return text;
  const before = text.slice(0, text.length - command.length).trim();
  return html`${before && html`<span>${before}</span>`}<${Code} text=${command} label=${t("plan.command")} />`;
}
