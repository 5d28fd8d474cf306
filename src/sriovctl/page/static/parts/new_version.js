import { html, useRef } from "../core/dom.js";
import { session } from "../core/session.js";
import { useStore } from "../core/store.js";
import { t } from "../core/texts.js";
import { Alert } from "./alert.js";

/** Says that the host was updated while the page was open; whoever edits something decides when. */
export function NewVersion() {
  const { version } = useStore(session);
  const first = useRef(version);
  if (version === first.current) return null;
  const actions = html`<button type="button" onClick=${() => location.reload()}>${t("shell.reload")}</button>`;
  return html`<div class="away"><${Alert} kind="info" title=${t("shell.new_version", { version })} actions=${actions} /></div>`;
}
