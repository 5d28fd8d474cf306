import { announcement } from "../core/announce.js";
import { html } from "../core/dom.js";
import { useStore } from "../core/store.js";

/** The live region that announce() fills. */
export function Announcer() {
  return html`<div class="unseen" role="status" aria-live="polite">${useStore(announcement)}</div>`;
}
