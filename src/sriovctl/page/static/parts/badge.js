import { classes, html } from "../core/dom.js";
import { Icon } from "./icons.js";

/**
 * A word with a colour, and a sign so that colour is not alone.
 * @param {{kind?: "good"|"warn"|"bad"|"info"|"neutral"|"accent", sign?: boolean, title?: string}} props
 */
export function Badge({ kind = "neutral", sign = false, title, children }) {
  const hasSign = sign && ["good", "warn", "bad", "info"].includes(kind);
  return html`<span class=${classes("badge", `is-${kind}`)} title=${title}>
    ${hasSign && html`<${Icon} name=${kind} />`}<span>${children}</span>
  </span>`;
}
