import { classes, html, useLayoutEffect, useMemo, useRef, useState } from "../core/dom.js";
import { language, t } from "../core/texts.js";

/**
 * @typedef {object} Column
 * @property {string} key
 * @property {string} label
 * @property {(row: any) => any} [render] what to show; the value at `key` otherwise
 * @property {(row: any) => string|number|null} [sort] what to order by; no sorting without
 * @property {boolean} [number] aligned at the right, with figures of one width
 * @property {boolean} [code] in the fixed font, as addresses are
 * @property {boolean} [wrap] may take several lines
 */

const MOST_AT_ONCE = 120; // beyond, only the rows in sight are made, if all are of one height
const ROW_PX = 34;
const BEYOND = 12; // rows above and below those in sight

/**
 * A table that scrolls in a place of its own.
 * @param {{columns: Column[], rows: any[], rowKey: (row: any) => string|number, caption: string,
 *   rowClass?: (row: any) => string, empty?: any}} props
 */
export function Table({ columns, rows, rowKey, caption, rowClass, empty }) {
  const [order, setOrder] = useState(null);
  const sorted = useMemo(() => inOrder(rows, columns, order), [rows, columns, order]);
  const isLong = sorted.length > MOST_AT_ONCE && !columns.some((one) => one.wrap);
  const [place, first, last] = useSight(sorted.length, isLong);
  const turn = (key) =>
    setOrder((now) => ({ key, isDown: now?.key === key ? !now.isDown : false }));
  if (!rows.length && empty) return empty;
  return html`<div class=${classes("table-place", isLong && "is-long")} ref=${place} tabindex="0" role="region" aria-label=${caption}>
    <table aria-rowcount=${isLong ? sorted.length + 1 : undefined}>
      <caption class="unseen">${caption}</caption>
      <thead><tr>
        ${columns.map((one) => html`<${Head} key=${one.key} column=${one} order=${order} onTurn=${turn} />`)}
      </tr></thead>
      <tbody>
        ${isLong && html`<${Space} key="above" rows=${first} columns=${columns.length} />`}
        ${sorted.slice(first, last).map((row, at) => html`<tr key=${rowKey(row)} class=${rowClass?.(row)}
          aria-rowindex=${isLong ? first + at + 2 : undefined}>
          ${columns.map((one) => html`<td key=${one.key} class=${classOf(one)}>${shown(one, row)}</td>`)}
        </tr>`)}
        ${isLong && html`<${Space} key="below" rows=${sorted.length - last} columns=${columns.length} />`}
      </tbody>
    </table>
  </div>`;
}

// Which rows are in sight; all of them where the table is short.
function useSight(length, isLong) {
  const place = useRef(null);
  const [sight, setSight] = useState([0, 40]);
  useLayoutEffect(() => {
    const element = place.current;
    if (!isLong || !element) return undefined;
    const look = () => {
      const first = Math.max(0, Math.floor(element.scrollTop / ROW_PX) - BEYOND);
      const last = first + Math.ceil(element.clientHeight / ROW_PX) + 2 * BEYOND;
      setSight((now) => (now[0] === first && now[1] === last ? now : [first, last]));
    };
    look();
    element.addEventListener("scroll", look, { passive: true });
    return () => element.removeEventListener("scroll", look);
  }, [isLong]);
  if (!isLong) return [place, 0, length];
  const first = Math.min(sight[0], Math.max(0, length - 1));
  return [place, first, Math.min(length, sight[1])];
}

function Space({ rows, columns }) {
  if (rows <= 0) return null;
  return html`<tr aria-hidden="true" class="space"><td colspan=${columns} style=${{ height: `${rows * ROW_PX}px` }}></td></tr>`;
}

function Head({ column, order, onTurn }) {
  if (!column.sort) return html`<th scope="col" class=${classOf(column)}>${column.label}</th>`;
  const isOurs = order?.key === column.key;
  const state = isOurs ? (order.isDown ? "descending" : "ascending") : "none";
  return html`<th scope="col" class=${classOf(column)} aria-sort=${state}>
    <button type="button" class="sort" onClick=${() => onTurn(column.key)}>${column.label}</button>
  </th>`;
}

function classOf({ number, code, wrap }) {
  return classes(number && "is-number", code && "is-code", wrap && "is-wrapping");
}

function shown({ key, render }, row) {
  const value = render ? render(row) : row[key];
  return value ?? html`<span class="absent">${t("shell.none")}</span>`;
}

function inOrder(rows, columns, order) {
  const by = order && columns.find((one) => one.key === order.key)?.sort;
  if (!by) return rows;
  const { compare } = new Intl.Collator(language.get(), { numeric: true });
  const sign = order.isDown ? -1 : 1;
  const keyed = rows.map((row) => [by(row), row]);
  return keyed.sort(([a], [b]) => ordered(a, b, sign, compare)).map(([, row]) => row);
}

// What nobody knows stands last, whichever way.
function ordered(a, b, sign, compare) {
  if (a == null || b == null) return (a == null) - (b == null);
  if (typeof a === "number" && typeof b === "number") return sign * (a - b);
  return sign * compare(String(a), String(b));
}
