import { html, useMemo } from "../core/dom.js";
import { setQuery } from "../core/router.js";
import { t } from "../core/texts.js";
import { choicesOf } from "./tree_index.js";

/** What the topology shows brightly; the rest is dimmed. */
export function TreeFilters({ index, query }) {
  const { pfs, numas, guests } = useMemo(() => choicesOf(index), [index]);
  const isSet = query.numa || query.pf || query.guest;
  return html`<div class="tree-filters">
    <${Choice} name="numa" label=${t("word.numa_node")} value=${query.numa} options=${numas.map((one) => [String(one), t("topology.node", { n: one })])} />
    <${Choice} name="pf" label=${t("word.pf")} value=${query.pf} options=${pfs.map((one) => [one.address, one.netdev ? `${one.netdev} · ${one.address}` : one.address])} />
    <${Choice} name="guest" label=${t("word.guest")} value=${query.guest} options=${guests.map((one) => [one, one])} />
    ${isSet && html`<button type="button" class="quiet" onClick=${() => setQuery({ numa: null, pf: null, guest: null })}>${t("topology.show_all")}</button>`}
  </div>`;
}

function Choice({ name, label, value, options }) {
  if (!options.length) return null;
  return html`<select aria-label=${label} value=${value ?? ""} onChange=${(event) => setQuery({ [name]: event.target.value || null })}>
    <option value="">${t("topology.every", { what: label })}</option>
    ${options.map(([key, words]) => html`<option key=${key} value=${key}>${words}</option>`)}
  </select>`;
}
