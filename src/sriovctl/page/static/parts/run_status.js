import { html } from "../core/dom.js";
import { t } from "../core/texts.js";
import { Badge } from "./badge.js";

const KINDS = { running: "info", unconfirmed: "warn", done: "good", "taken back": "warn", failed: "bad", undone: "neutral" };

/** Whether a word is the status of a run. */
export const isRunStatus = (word) => word in KINDS;

/** How a run ended, or that it has not. */
export function RunStatus({ status }) {
  return html`<${Badge} kind=${KINDS[status] ?? "neutral"} sign>${t(`history.statuses.${status.replaceAll(" ", "_")}`)}</${Badge}>`;
}
