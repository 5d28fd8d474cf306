import { classes, html } from "../core/dom.js";
import { connection } from "../core/live.js";
import { useStore } from "../core/store.js";
import { t } from "../core/texts.js";

/** Whether what is shown is of this moment. */
export function ConnectionState() {
  const state = useStore(connection);
  return html`<span class=${classes("connection", `is-${state}`)} role="status" data-state=${state}
    title=${t(`shell.connection.${state}_hint`)}>
    <span class="connection-dot" aria-hidden="true"></span>
    <span>${t(`shell.connection.${state}`)}</span>
  </span>`;
}
