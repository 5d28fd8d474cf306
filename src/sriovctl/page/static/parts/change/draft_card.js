// What the draft says otherwise than the host, and what to do with it.
import { html } from "../../core/dom.js";
import { t } from "../../core/texts.js";
import { Badge } from "../badge.js";
import { Differences } from "../meanwhile.js";

/**
 * @param {{draft: any, host: any, count: number, wrong: number, isBehind: boolean, isBusy: boolean, onPreview: () => void, onRestart: () => void}} props
 *   count: of changes, alike ones as one; wrong: how many fields hold nonsense; isBehind: the host has changed since the draft was begun
 */
export function DraftCard({ host, ...bar }) {
  const { draft, count } = bar;
  const cannot = whyNot(bar.wrong);
  return html`<section class="card draft-card" aria-labelledby="draft-title">
    <h2 id="draft-title">${t("change.draft")}</h2>
    ${draft.state === null ? html`<p class="field-wrong">${t("change.no_yaml", { line: draft.mistakes[0].line })}</p>`
    : count > 0 ? html`<${Differences} found=${draft.changes} label=${t("change.draft")} absent=${t("form.left_alone")} />` : html`<p class="hint">${t("change.no_changes")}</p>`}
    ${host?.leftOut.length > 0 && html`<details class="left-out"><summary>${t("change.left_out", { things: host.leftOut.length })}</summary>
      <ul>${host.leftOut.map((one) => html`<li key=${one}>${one}</li>`)}</ul></details>`}
    ${cannot && html`<p class="field-wrong" role="status">${cannot}</p>`}
    <${DraftBar} ...${bar} />
  </section>`;
}

const whyNot = (wrong) => (wrong > 0 ? t("change.wrong_fields", { fields: wrong }) : null);

function DraftBar({ draft, count, wrong, isBehind, isBusy, onPreview, onRestart }) {
  const cannot = whyNot(wrong);
  return html`<div class="draft-bar">
    ${isBehind && html`<${Badge} kind="warn" sign>${t("meanwhile.short")}</${Badge}>`}
    <span class="draft-count">${t("change.count", { changes: count })}</span>
    <button type="button" class="quiet" onClick=${onRestart} disabled=${!count && !draft.isHandWritten}>${t("change.restart")}</button>
    <button type="button" class="primary" onClick=${onPreview} disabled=${isBusy || cannot !== null} title=${cannot}>
      ${isBusy ? t("change.previewing") : t("change.preview")}</button>
  </div>`;
}

/** The same where the draft is far below what is edited: it stays at the edge of the screen. */
export function DraftFoot(props) {
  return html`<div class="draft-foot"><${DraftBar} ...${props} /></div>`;
}
