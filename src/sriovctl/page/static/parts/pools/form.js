// Fields of the dialogs of pools and leases.
import { html, useEffect, useId, useState } from "../../core/dom.js";
import { t } from "../../core/texts.js";
import { UNITS } from "./words.js";

/**
 * What is being filled in; it begins anew each time the dialog opens.
 * @param {boolean} open
 * @param {() => Record<string, any>} initial
 */
export function useForm(open, initial) {
  const [form, setForm] = useState(initial);
  useEffect(() => {
    if (open) setForm(initial());
  }, [open]);
  const set = (key, value) => setForm((now) => ({ ...now, [key]: value }));
  return {
    form,
    set,
    bind: (key) => ({ value: form[key], onInput: (event) => set(key, event.currentTarget.value) }),
    check: (key) => ({ checked: form[key], onChange: (event) => set(key, event.currentTarget.checked) }),
  };
}

function Labelled({ id, label, hint, wrong, children }) {
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${children}
    ${(hint || wrong) && html`<div class="field-notes" id=${`${id}-notes`}>
      <p class=${wrong ? "field-wrong" : undefined}>${wrong ?? hint}</p>
    </div>`}
  </div>`;
}

/**
 * A line of text, or a number.
 * @param {{label: string, hint?: string, wrong?: string | null, offers?: string[], bound: object}} props
 *   offers: what may be chosen instead of typing; the rest goes to the input
 */
export function Typed({ label, hint, wrong = null, offers, bound, type = "text", ...rest }) {
  const id = useId();
  const list = offers && `${id}-offers`;
  return html`<${Labelled} ...${{ id, label, hint, wrong }}>
    <input id=${id} type=${type} autocomplete="off" spellcheck="false" list=${list}
      aria-invalid=${wrong ? "true" : undefined} aria-describedby=${`${id}-notes`} ...${bound} ...${rest} />
    ${offers && html`<datalist id=${list}>
      ${offers.map((one) => html`<option key=${one} value=${one}></option>`)}
    </datalist>`}
  </${Labelled}>`;
}

/** One of few words; the first may be said otherwise than it is called. */
export function Chosen({ label, hint, words, texts = {}, bound }) {
  const id = useId();
  return html`<${Labelled} ...${{ id, label, hint }}>
    <select id=${id} ...${bound}>
      ${words.map((one) => html`<option key=${one} value=${one}>${texts[one] ?? one}</option>`)}
    </select>
  </${Labelled}>`;
}

/** How long: number and unit; empty is until it is released. */
export function Span({ form, bind, isOff = false }) {
  const id = useId();
  return html`<${Labelled} id=${id} label=${t("pools.ttl")} hint=${t("pools.ttl_hint")}>
    <div class="field-row">
      <input id=${id} type="number" min="1" step="any" placeholder=${t("pools.until_released")}
        disabled=${isOff} aria-describedby=${`${id}-notes`} ...${bind("ttl")} />
      <select aria-label=${t("pools.ttl_unit")} disabled=${isOff || form.ttl === ""} ...${bind("unit")}>
        ${Object.keys(UNITS).map((unit) => html`<option key=${unit} value=${unit}>${t(`pools.unit.${unit}`)}</option>`)}
      </select>
    </div>
  </${Labelled}>`;
}

/** Yes or no. */
export function Checked({ label, bound, children }) {
  return html`<label class="check"><input type="checkbox" ...${bound} /><span>${label}${children}</span></label>`;
}

const EXPLAINED = [404, 409, 423];

/** What an error means here, beside what it says itself. */
export const explain = (error) => (EXPLAINED.includes(error.status) ? t(`pools.refused.${error.status}`) : null);
