// The host is not as it was when the draft was begun: what changed, and what to do about it.
import { html, useMemo } from "../core/dom.js";
import { t } from "../core/texts.js";
import { Alert } from "./alert.js";
import { differences, gather, meanwhile } from "./draft/compare.js";
import { BeforeAfter, inWords } from "./plan_view.js";

const MOST_LINES = 40;

/**
 * @param {{draft: any, host: any, onRebase: () => void, onRestart: () => void}} props
 */
export function Meanwhile({ draft, host, onRebase, onRestart }) {
  const conflicts = useMemo(
    () => (draft.state ? meanwhile(draft.base.state, draft.state, host.state).conflicts : []), [draft.base, draft.state, host],
  );
  const theirs = useMemo(() => differences(draft.base.state, host.state), [draft.base, host]);
  const actions = html`<div class="actions">
    <button type="button" class="primary" onClick=${onRebase} disabled=${draft.state === null}>${t("meanwhile.rebase")}</button>
    <button type="button" onClick=${onRestart}>${t("meanwhile.restart")}</button>
  </div>`;
  return html`<${Alert} kind="warn" live title=${t("meanwhile.title")}>
    <p>${t("meanwhile.text")}</p>
    <${Differences} found=${theirs} label=${t("meanwhile.theirs")} />
    ${conflicts.length > 0 && html`<p class="meanwhile-head">${t("meanwhile.conflicts")}</p>
      <ul class="differences">${conflicts.map((one) => html`<li key=${`${one.label} ${one.vf} ${one.key}`}>
        <${Where} label=${one.label} vfs=${one.vf} name=${one.key} />
        <span>${t("meanwhile.conflict", { theirs: inWords(one.after), mine: inWords(one.mine) })}</span>
      </li>`)}</ul>`}
    ${actions}
  </${Alert}>`;
}

/**
 * Differences, those of VFs that are alike in one line.
 * @param {{found: any[], label: string, absent?: string}} props
 *   absent: what it means that nothing is said any more
 */
export function Differences({ found, label, absent }) {
  const groups = useMemo(() => gather(found), [found]);
  return html`<ul class="differences" aria-label=${label}>
    ${groups.slice(0, MOST_LINES).map((one) => html`<li key=${`${one.label} ${one.vfs} ${one.key} ${JSON.stringify([one.before, one.after])}`}>
      <${Where} label=${one.label} vfs=${one.vfs} name=${one.key} /> <${BeforeAfter} before=${one.before} after=${one.after ?? absent} />
    </li>`)}
    ${groups.length > MOST_LINES && html`<li>${t("apply.more", { steps: groups.length - MOST_LINES })}</li>`}
  </ul>`;
}

function Where({ label, vfs, name }) {
  return html`<span class="difference-where"><strong>${label}</strong>
    ${vfs !== null && html` <span>${t("plan.vfs", { vfs })}</span>`} <code>${name}</code></span>`;
}
