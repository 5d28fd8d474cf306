import { html, useEffect, useId, useRef } from "../core/dom.js";
import { t } from "../core/texts.js";
import { Icon } from "./icons.js";

/**
 * A question or a task that has to be done with first.  The browser keeps the focus inside, Escape
 * closes it.
 * @param {{title: string, open: boolean, onClose: () => void, actions?: any}} props
 */
export function Dialog({ title, open, onClose, actions, children }) {
  const element = useRef(null);
  const id = useId();
  useEffect(() => {
    const dialog = element.current;
    if (open && !dialog.open) dialog.showModal();
    if (!open && dialog.open) dialog.close();
  }, [open]);
  const onBackdrop = (event) => event.target === element.current && onClose();
  return html`<dialog ref=${element} aria-labelledby=${id}
    onClose=${onClose} onClick=${onBackdrop}>
    ${open && html`<div class="dialog-inner">
      <header>
        <h2 id=${id}>${title}</h2>
        <button type="button" class="icon-button" aria-label=${t("shell.close")} onClick=${onClose}>
          <${Icon} name="close" />
        </button>
      </header>
      <div class="dialog-body">${children}</div>
      ${actions && html`<footer class="actions">${actions}</footer>`}
    </div>`}
  </dialog>`;
}
