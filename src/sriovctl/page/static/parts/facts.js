import { html } from "../core/dom.js";
import { t } from "../core/texts.js";

/**
 * Names and values beneath each other.
 * @param {{items: [string, any, {code?: boolean}?][]}} props what is null is shown as absent
 */
export function Facts({ items }) {
  return html`<dl class="facts">
    ${items.map(([name, value, options]) => html`<div key=${name}>
      <dt>${name}</dt>
      <dd class=${options?.code ? "is-code" : ""}>
        ${value ?? html`<span class="absent">${t("shell.none")}</span>`}
      </dd>
    </div>`)}
  </dl>`;
}
