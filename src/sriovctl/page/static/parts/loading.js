import { html } from "../core/dom.js";
import { t } from "../core/texts.js";

/** Something is on its way; shown only if it takes a moment. */
export function Loading() {
  return html`<div class="loading" role="status"><span class="unseen">${t("shell.loading")}</span></div>`;
}
