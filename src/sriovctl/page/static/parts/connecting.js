import { html } from "../core/dom.js";
import { t } from "../core/texts.js";
import { Mark } from "./icons.js";

/** Before the host answered for the first time. */
export function Connecting() {
  return html`<main class="lonely">
    <${Mark} />
    <p role="status">${t("shell.connecting")}</p>
  </main>`;
}
