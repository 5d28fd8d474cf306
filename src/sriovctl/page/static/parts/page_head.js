import { html } from "../core/dom.js";

/** The heading of a view, what it is about in a line, and what can be done there. */
export function PageHead({ title, lead, actions, children }) {
  return html`<div class="page-head">
    <div class="page-head-words">
      <h1>${title}</h1>
      ${lead && html`<p class="lead">${lead}</p>`}
      ${children}
    </div>
    ${actions && html`<div class="actions">${actions}</div>`}
  </div>`;
}
