import { html } from "../core/dom.js";
import { Icon } from "./icons.js";

/** Nothing to show, said kindly, with what one may do next. */
export function Empty({ icon = "info", title, actions, children }) {
  return html`<div class="empty">
    <${Icon} name=${icon} />
    <p class="empty-title">${title}</p>
    ${children && html`<div class="empty-text">${children}</div>`}
    ${actions && html`<div class="actions">${actions}</div>`}
  </div>`;
}
