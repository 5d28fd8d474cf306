import { classes, html } from "../core/dom.js";
import { t } from "../core/texts.js";
import { Icon } from "./icons.js";

/**
 * Something to know; `live` makes a screen reader say it at once.
 * @param {{kind?: "good"|"warn"|"bad"|"info", title?: string, live?: boolean, actions?: any}} props
 */
export function Alert({ kind = "info", title, live = false, actions, children }) {
  return html`<div class=${classes("alert", `is-${kind}`)} role=${live ? "alert" : undefined}>
    <${Icon} name=${kind} label=${t(`shell.kind.${kind}`)} />
    <div class="alert-body">
      ${title && html`<p class="alert-title">${title}</p>`}
      ${children && html`<div class="alert-text">${children}</div>`}
    </div>
    ${actions && html`<div class="alert-actions">${actions}</div>`}
  </div>`;
}

/**
 * An error of the interface, with all that it says: cause, subject, hint and evidence.
 * @param {{error: Error, onRetry?: () => void}} props
 */
export function ErrorAlert({ error, onRetry }) {
  const { cause, subject, hint, evidence } = describe(error);
  const again = onRetry && html`<button type="button" onClick=${onRetry}>${t("shell.retry")}</button>`;
  return html`<${Alert} kind="bad" live title=${subject ? `${subject}: ${cause}` : cause} actions=${again}>
    ${hint && html`<p>${hint}</p>`}
    <${Evidence} of=${evidence} />
  </${Alert}>`;
}

function describe(error) {
  if (error.problem) return error.problem;
  if (error.code === "unreachable") return { cause: t("shell.unreachable"), hint: t("shell.unreachable_hint") };
  return { cause: String(error.message || error) };
}

/** What was read, by its name. */
export function Evidence({ of: evidence }) {
  const entries = Object.entries(evidence ?? {});
  if (!entries.length) return null;
  return html`<dl class="evidence">
    ${entries.map(([name, value]) => html`<div key=${name}>
      <dt>${name}</dt>
      <dd>${typeof value === "object" ? JSON.stringify(value) : String(value)}</dd>
    </div>`)}
  </dl>`;
}
