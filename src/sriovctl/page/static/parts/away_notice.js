import { html } from "../core/dom.js";
import { moment } from "../core/format.js";
import { awaySince, connection } from "../core/live.js";
import { useStore } from "../core/store.js";
import { t } from "../core/texts.js";
import { Alert } from "./alert.js";

/** Says how old what is shown may be, once the host has been away for longer than a moment. */
export function AwayNotice() {
  const state = useStore(connection);
  const since = useStore(awaySince);
  if (state !== "lost" || !since) return null;
  return html`<div class="away"><${Alert} kind="warn" title=${t("shell.away", { time: moment(since) })}>
    <p>${t("shell.away_text")}</p>
  </${Alert}></div>`;
}
