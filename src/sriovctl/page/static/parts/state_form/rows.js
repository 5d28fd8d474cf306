// Single VFs: a line for each entry under vfs, and one for those that have none.
import { classes, html, useEffect, useId, useRef, useState } from "../../core/dom.js";
import { t } from "../../core/texts.js";
import { Badge } from "../badge.js";
import { firstFree, formatIndices, formatRange, objectToKey, parseRange } from "../draft/ranges.js";
import { Icon } from "../icons.js";
import { inWords } from "../plan_view.js";
import { VFFields } from "./pf_form.js";
import { RARE_VF_KEYS, VF_KEYS } from "./spec.js";

const MOST_AT_ONCE = 64; // lines that are drawn before somebody asks for the rest
const ALL_KEYS = [...VF_KEYS, ...RARE_VF_KEYS].map((spec) => spec.key);

/**
 * @param {{label: string, wanted: any, rows: import("../draft/vf_rows.js").Row[], host: any,
 *   abilities: any, changes: Map<string, any>, edit: (change: object) => void,
 *   onWrong: (id: string, isWrong: boolean) => void, begin?: string}} props
 *   begin: the VF that somebody came for
 */
export function Rows({ label, wanted, rows, host, abilities, changes, edit, onWrong, begin }) {
  const [open, setOpen] = useState(() => rowWith(rows, begin)?.key ?? null);
  const place = useRef(null);
  useEffect(() => {
    if (begin !== undefined) place.current?.scrollIntoView({ block: "start" });
  }, []);
  const [isWhole, setWhole] = useState(false);
  const count = wanted.num_vfs ?? host?.num_vfs ?? 0;
  const others = indicesWithout(rows, count);
  const shown = isWhole ? rows : rows.slice(0, MOST_AT_ONCE);
  const adder = useRef(null);
  const remove = (key) => {
    edit({ kind: "remove-row", label, key });
    adder.current?.focus();
  };
  const add = (key) => {
    edit({ kind: "row", label, key, wanted: {} });
    setOpen(key);
  };
  const keys = rows.map((row) => row.key);
  const isFree = begin !== undefined && objectToKey(begin, keys, count) === null;
  const free = isFree ? begin : firstFree(keys, count);
  const whyNone = free === null ? t(count ? "form.all_have_rows" : "form.no_vfs") : undefined;
  return html`<section class="card form-part" aria-labelledby="form-vfs" ref=${place}>
    <div class="form-part-head">
      <h3 id="form-vfs">${t("form.of_vfs")}</h3>
      <button type="button" ref=${adder} aria-disabled=${free === null ? "true" : undefined} title=${whyNone}
        onClick=${() => free !== null && add(free)}>
        <${Icon} name="plus" />${t("form.add_row")}
      </button>
    </div>
    <ul class="vf-rows">
      ${shown.map((row) => html`<${Row} key=${row.first} label=${label} row=${row} rows=${rows} count=${count} wanted=${wanted}
        abilities=${abilities} changes=${changes} isOpen=${open === row.key} onToggle=${() => setOpen(open === row.key ? null : row.key)}
        onRenamed=${setOpen} onRemove=${() => remove(row.key)} edit=${edit} onWrong=${onWrong} />`)}
      ${others.length > 0 && html`<li class="vf-row is-default">
        <div class="vf-line"><span class="vf-indices">${t("plan.vfs", { vfs: formatIndices(others) })}</span>
          <${Summary} wanted=${{}} inherited=${wanted.vf_default ?? {}} /></div>
      </li>`}
      ${!rows.length && !others.length && html`<li class="hint">${t("form.no_vfs")}</li>`}
    </ul>
    ${shown.length < rows.length && html`<button type="button" onClick=${() => setWhole(true)}>${t("form.show_all", { rows: rows.length })}</button>`}
  </section>`;
}

function rowWith(rows, vf) {
  const index = vf === undefined ? NaN : Number(vf);
  return rows.find((row) => row.first <= index && index <= row.last);
}

function indicesWithout(rows, count) {
  const taken = new Set();
  for (const { first, last } of rows) for (let i = first; i <= Math.min(last, count - 1); i += 1) taken.add(i);
  return Array.from({ length: Math.min(count, 65536) }, (_, index) => index).filter((index) => !taken.has(index));
}

function Row({ label, row, rows, count, wanted, abilities, changes, isOpen, onToggle, onRenamed, onRemove, edit, onWrong }) {
  const id = useId();
  const changed = changesIn(changes, label, row);
  const inherited = wanted.vf_default ?? {};
  const isNew = useRef(isOpen);
  return html`<li class=${classes("vf-row", isOpen && "is-open", changed.size > 0 && "is-changed")} data-vfs=${row.key}>
    <div class="vf-line">
      <button type="button" class="vf-toggle" aria-expanded=${String(isOpen)} aria-controls=${id} onClick=${onToggle}>
        <${Icon} name=${isOpen ? "down" : "right"} />
        <span class="vf-indices">${t("plan.vfs", { vfs: row.key })}</span>
      </button>
      <${Summary} wanted=${row.wanted} inherited=${inherited} changed=${changed} />
      <button type="button" class="icon-button" aria-label=${t("form.remove_row", { vfs: row.key })} title=${t("form.remove_row", { vfs: row.key })}
        onClick=${onRemove}><${Icon} name="close" /></button>
    </div>
    ${isOpen && html`<div class="vf-open" id=${id}>
      <${IndexField} row=${row} others=${rows.filter((one) => one !== row).map((one) => one.key)} count=${count} takesFocus=${isNew.current}
        onRename=${(next) => {
          edit({ kind: "rename-row", label, key: row.key, next });
          onRenamed(next);
        }} onWrong=${onWrong} />
      <${VFFields} wanted=${row.wanted} inherited=${inherited} abilities=${abilities} onWrong=${onWrong}
        changeOf=${(key) => changed.get(key)}
        onSet=${(key, value) => edit({ kind: "set", path: ["pfs", label, "vfs", row.key, key], value })} />
    </div>`}
  </li>`;
}

/** What differs from the host in a line: of the first of its VFs that differs. */
function changesIn(changes, label, { first, last }) {
  const found = new Map();
  for (const key of ALL_KEYS) {
    for (let index = first; index <= last && !found.has(key); index += 1) {
      const change = changes.get(JSON.stringify([label, index, key]));
      if (change) found.set(key, change);
    }
  }
  return found;
}

function Summary({ wanted, inherited, changed }) {
  const own = ALL_KEYS.filter((key) => wanted[key] !== undefined);
  const rest = ALL_KEYS.filter((key) => wanted[key] === undefined && inherited[key] !== undefined);
  if (!own.length && !rest.length) return html`<span class="vf-said absent">${t("form.left_alone")}</span>`;
  return html`<span class="vf-said">
    ${own.map((key) => html`<${Said} key=${key} name=${key} value=${wanted[key]} isChanged=${changed?.has(key)} />`)}
    ${rest.map((key) => html`<${Said} key=${key} name=${key} value=${inherited[key]} isInherited />`)}
    ${changed?.size > 0 && html`<${Badge} kind="accent">${t("form.changed")}</${Badge}>`}
  </span>`;
}

function Said({ name, value, isChanged, isInherited }) {
  return html`<span class=${classes("said", isChanged && "is-changed", isInherited && "is-inherited")}>
    <span class="said-key">${t(`form.short.${name}`)}</span> <span class="said-value">${inWords(value)}</span>
  </span>`;
}

function IndexField({ row, others, count, onRename, onWrong, takesFocus }) {
  const id = useId();
  const input = useRef(null);
  const [typed, setTyped] = useState(row.key);
  const [wrong, setWrong] = useState(null);
  useEffect(() => {
    setTyped(row.key);
    setWrong(null);
  }, [row.key]);
  useEffect(() => {
    if (takesFocus) input.current?.focus();
    return () => onWrong(id, false);
  }, []);
  const commit = (text) => {
    setTyped(text);
    const objection = objectToKey(text, others, count);
    setWrong(objection);
    onWrong(id, objection !== null);
    if (objection) return;
    const range = parseRange(text);
    const next = formatRange(range.first, range.last);
    if (next !== row.key) onRename(next);
  };
  return html`<div class="field index-field">
    <label for=${id}>${t("form.indices")}</label>
    <input id=${id} ref=${input} type="text" inputmode="numeric" value=${typed} autocomplete="off" aria-invalid=${wrong ? "true" : undefined}
      aria-describedby=${`${id}-notes`} onChange=${(event) => commit(event.currentTarget.value)} />
    <div class="field-notes" id=${`${id}-notes`}>
      ${wrong ? html`<p class="field-wrong">${t(`form.wrong.range_${wrong}`, { most: count - 1 })}</p>`
    : html`<p>${t("form.indices_hint", { most: count - 1 })}</p>`}
    </div>
  </div>`;
}
