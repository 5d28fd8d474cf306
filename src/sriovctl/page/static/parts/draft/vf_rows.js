// The entries under vfs of a draft, each for one VF or a range of them.

import { plain } from "./compare.js";
import { makeKey, pairOf, setIn } from "./document.js";
import { formatRange, parseRange } from "./ranges.js";

/**
 * @typedef {{key: string, first: number, last: number, wanted: Tree}} Row
 */

/**
 * List the entries under vfs, in the order of their indices.
 * @param {Tree} pf
 * @returns {Row[]}
 */
export function rowsOf(pf) {
  const rows = [];
  for (const [key, wanted] of Object.entries(pf?.vfs ?? {})) {
    const range = parseRange(key);
    if (range) rows.push({ key, ...range, wanted: wanted ?? {} });
  }
  return rows.sort((one, other) => one.first - other.first);
}

/**
 * Add an entry under vfs.
 * @param {any} doc
 * @param {string} label
 * @param {string} key
 * @param {Tree} wanted
 */
export function setRow(doc, label, key, wanted) {
  setIn(doc, ["pfs", label, "vfs", key], wanted);
  sortRows(doc, label);
}

/**
 * Give an entry other indices.
 * @param {any} doc
 * @param {string} label
 * @param {string} key
 * @param {string} next
 */
export function renameRow(doc, label, key, next) {
  const vfs = vfsOf(doc, label);
  const pair = pairOf(vfs, key);
  if (!pair) return;
  pair.key = makeKey(doc, next);
  sortRows(doc, label);
}

/**
 * Take an entry away.
 * @param {any} doc
 * @param {string} label
 * @param {string} key
 */
export function removeRow(doc, label, key) {
  const vfs = vfsOf(doc, label);
  const pair = pairOf(vfs, key);
  if (!pair) return;
  vfs.items.splice(vfs.items.indexOf(pair), 1);
  if (!vfs.items.length) setIn(doc, ["pfs", label, "vfs"], undefined);
}

const vfsOf = (doc, label) => (
  pairOf(pairOf(pairOf(doc.contents, "pfs")?.value, label)?.value, "vfs")?.value
);

function sortRows(doc, label) {
  const first = (pair) => parseRange(pair.key?.value ?? pair.key)?.first ?? 0;
  vfsOf(doc, label)?.items.sort((one, other) => first(one) - first(other));
}

/**
 * Say how many VFs there will be.  Entries for those beyond go; those of before come back with them.
 * @param {any} doc
 * @param {string} label
 * @param {number | undefined} count undefined: leave it alone
 * @param {Tree | undefined} before the PF as the host has it
 */
export function setCount(doc, label, count, before) {
  setIn(doc, ["pfs", label, "num_vfs"], count);
  const most = count ?? before?.num_vfs;
  if (!Number.isInteger(most)) return;
  for (const row of rowsOf({ vfs: vfsOf(doc, label)?.toJS(doc) ?? {} })) {
    if (row.first >= most) removeRow(doc, label, row.key);
    else if (row.last >= most) renameRow(doc, label, row.key, formatRange(row.first, most - 1));
  }
  for (const row of rowsOf(before ?? {})) bringBack(doc, label, row, most);
}

function bringBack(doc, label, row, most) {
  const taken = rowsOf({ vfs: vfsOf(doc, label)?.toJS(doc) ?? {} });
  const isFree = (index) => !taken.some((one) => one.first <= index && index <= one.last);
  let first = row.first;
  while (first <= row.last && !isFree(first)) first += 1;
  const last = Math.min(row.last, most - 1);
  const isWhole = taken.every((one) => one.last < first || one.first > last);
  if (first <= last && isWhole) setRow(doc, label, formatRange(first, last), row.wanted);
}

/**
 * Say something of one VF alone: a range that it stands in is parted.
 * @param {any} doc
 * @param {string} label
 * @param {number} index
 * @param {string} key
 * @param {unknown} value undefined: leave it alone
 */
export function setVF(doc, label, index, key, value) {
  const vfs = vfsOf(doc, label);
  const rows = rowsOf({ vfs: vfs ? vfs.toJS(doc) : {} });
  const row = rows.find((one) => one.first <= index && index <= one.last);
  if (!row) {
    if (value !== undefined) setRow(doc, label, `${index}`, { [key]: value });
    return;
  }
  if (row.first !== row.last) partRow(doc, label, row, index);
  setIn(doc, ["pfs", label, "vfs", `${index}`, key], value);
  sortRows(doc, label);
}

function partRow(doc, label, row, index) {
  removeRow(doc, label, row.key);
  // Words such as "no" were read as text, and would be written with quotes.
  const wanted = Object.fromEntries(
    Object.entries(row.wanted).map(([key, value]) => [key, key === "vlan" ? value : plain(key, value)]),
  );
  const parts = [[row.first, index - 1], [index, index], [index + 1, row.last]];
  for (const [first, last] of parts) {
    if (first <= last) setRow(doc, label, formatRange(first, last), wanted);
  }
}

/**
 * Bring differences into a draft.
 * @param {any} doc
 * @param {import("./compare.js").Difference[]} found
 */
export function takeOver(doc, found) {
  for (const { label, vf, key, after } of found) {
    if (vf === null) setIn(doc, ["pfs", label, ...key.split(".")], after);
    else setVF(doc, label, vf, key, after);
  }
}
