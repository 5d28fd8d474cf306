// Several views of one thing, one shown at a time.
import { html, useId, useRef } from "../core/dom.js";

/**
 * @param {{label: string, value: string, tabs: {id: string, label: any}[], onChoose: (id: string) => void}} props
 */
export function Tabs({ label, value, tabs, onChoose, children }) {
  const id = useId();
  const list = useRef(null);
  const onKeyDown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = tabs.findIndex((one) => one.id === value);
    const next = (at + step + tabs.length) % tabs.length;
    onChoose(tabs[next].id);
    list.current.children[next].focus();
  };
  return html`<div class="tabs" role="tablist" aria-label=${label} ref=${list} onKeyDown=${onKeyDown}>
      ${tabs.map((one) => html`<button key=${one.id} type="button" role="tab" id=${`${id}-${one.id}`} class="tab"
        aria-selected=${String(one.id === value)} aria-controls=${`${id}-panel`} tabindex=${one.id === value ? 0 : -1}
        onClick=${() => onChoose(one.id)}>${one.label}</button>`)}
    </div>
    <div class="tab-panel" role="tabpanel" id=${`${id}-panel`} aria-labelledby=${`${id}-${value}`}>${children}</div>`;
}
