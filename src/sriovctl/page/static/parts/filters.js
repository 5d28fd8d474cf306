// What narrows a list: words with their numbers, and whatever else stands beside them.
import { html } from "../core/dom.js";
import { setQuery } from "../core/router.js";
import { t } from "../core/texts.js";

/**
 * @param {{label: string, name: string, chosen: string | undefined,
 *   words: {word: string, text?: string, count: number}[], total: number}} props name: in the address
 */
export function Filters({ label, name, chosen = "", words, total, children }) {
  const all = [{ word: "", text: t("filter.all"), count: total }, ...words];
  return html`<div class="filters" role="group" aria-label=${label}>
    <div class="chips">
      ${all.map(({ word, text = word, count }) => html`<button key=${word} type="button" class="chip"
        aria-pressed=${String(chosen === word)} onClick=${() => setQuery({ [name]: word || null })}>
        ${text} <span class="chip-count">${count}</span>
      </button>`)}
    </div>
    ${children}
  </div>`;
}

/** Finds by what somebody types. */
export function SearchField({ text = "" }) {
  return html`<label class="filter-subject">${t("filter.search")}
    <input type="search" value=${text} autocomplete="off" spellcheck="false"
      onInput=${(event) => setQuery({ text: event.currentTarget.value || null })} /></label>`;
}
