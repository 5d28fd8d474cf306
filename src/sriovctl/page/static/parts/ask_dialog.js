// A question with one answer that does something, and says in full when it was refused.
import { html, useEffect, useState } from "../core/dom.js";
import { useRights } from "../core/rights.js";
import { t } from "../core/texts.js";
import { Alert, ErrorAlert } from "./alert.js";
import { Dialog } from "./dialog.js";

/**
 * @param {{open: boolean, title: string, label: string, isDangerous?: boolean, isReady?: boolean, needed?: "operate" | "admin",
 *   run: () => Promise<any>, onDone: (answer: any) => void, onClose: () => void, explain?: (error: any) => string | null}} props
 *   run: what the answer does; explain: what an error means here, beside what it says itself
 */
export function AskDialog({
  open, title, label, isDangerous = false, isReady = true, needed = "operate", run, onDone, onClose, explain, children,
}) {
  const rights = useRights(needed);
  const [state, setState] = useState({ isBusy: false, error: null });
  useEffect(() => setState({ isBusy: false, error: null }), [open]);
  async function answer(event) {
    event.preventDefault();
    if (!isReady || !rights.allowed) return;
    setState({ isBusy: true, error: null });
    try {
      const answered = await run();
      setState({ isBusy: false, error: null });
      onDone(answered);
    } catch (error) {
      setState({ isBusy: false, error });
    }
  }
  const words = state.error && explain?.(state.error);
  const actions = html`
    <button type="button" onClick=${onClose}>${t("ask.cancel")}</button>
    <button type="submit" form="ask" class=${isDangerous ? "primary is-dangerous" : "primary"} title=${rights.why}
      disabled=${!isReady || !rights.allowed || state.isBusy}>${label}</button>`;
  return html`<${Dialog} open=${open} title=${title} onClose=${onClose} actions=${actions}>
    <form id="ask" class="stack" onSubmit=${answer}>
      ${children}
      ${!rights.allowed && html`<${Alert} kind="warn" title=${rights.why} />`}
      ${state.error && html`<${ErrorAlert} error=${state.error} />`}
      ${words && html`<p>${words}</p>`}
    </form>
  </${Dialog}>`;
}
