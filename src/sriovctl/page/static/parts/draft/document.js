// The draft: the text of a state file, edited key by key without losing comments.

import { isMap, isScalar, LineCounter, parseDocument } from "../../vendor/yaml.js";
import { plain } from "./compare.js";
import { formatRange, parseRange } from "./ranges.js";

const WRITE = { lineWidth: 100, flowCollectionPadding: false };
// What no version of YAML takes for a number, a boolean, null or a date; all else is quoted.
const PLAIN = /^(?:[A-Za-z][A-Za-z0-9_-]*|[0-9]+-[0-9]+|802\.1(?:q|ad))$/;
const WORDS = new Set(["null", "true", "false", "yes", "no", "on", "off", "y", "n"]);

/**
 * @typedef {import("./compare.js").Tree} Tree
 * @typedef {{line: number, column: number, message: string}} Mistake lines and columns from 1
 * @typedef {{doc: any, state: Tree | null, mistakes: Mistake[]}} Draft
 */

/**
 * Read a draft.
 * @param {string} text
 * @returns {Draft} state is null when it is no YAML
 */
export function readDraft(text) {
  const lines = new LineCounter();
  const doc = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  // What follows the first is mostly its consequence.
  const mistakes = doc.errors.slice(0, 1).map((error) => {
    const at = lines.linePos(error.pos[0]);
    return { line: at.line, column: at.col, message: error.message };
  });
  if (mistakes.length) return { doc, state: null, mistakes };
  const state = doc.toJS({ maxAliasCount: 1000 });
  return { doc, state: state !== null && typeof state === "object" ? state : {}, mistakes };
}

/**
 * Write a draft.
 * @param {any} doc
 */
export const writeDraft = (doc) => doc.toString(WRITE);

/**
 * Write a state as `sriovctl export` does: small mappings on one line.
 * @param {Tree} state
 */
export function writeState(state) {
  const { doc } = readDraft("version: 1\npfs: {}\n");
  const pfs = doc.createNode({});
  for (const [label, said] of Object.entries(state.pfs ?? {})) pfs.add(pfPair(doc, label, said));
  doc.set("pfs", pfs);
  if (state.pools) doc.set("pools", mapOfFlows(doc, state.pools));
  return writeDraft(doc);
}

/**
 * @param {any} doc
 * @param {string} label
 * @param {Tree} said
 */
function pfPair(doc, label, said) {
  const pf = doc.createNode({});
  for (const [key, value] of Object.entries(said)) {
    pf.set(key, key === "vfs" ? mapOfFlows(doc, value) : makeNode(doc, value));
  }
  return doc.createPair(makeNode(doc, label), pf);
}

/**
 * @param {any} doc
 * @param {Tree} tree
 */
function mapOfFlows(doc, tree) {
  const map = doc.createNode({});
  for (const [key, value] of Object.entries(tree)) map.set(makeKey(doc, key), makeNode(doc, value));
  return map;
}

/** Make a node, with small mappings in one line and quotes where others would misread it. */
function makeNode(doc, value) {
  const node = doc.createNode(value, { flow: true });
  quoteAll(node);
  return node;
}

const makeKey = (doc, key) => makeNode(doc, /^[0-9]+$/.test(key) ? Number(key) : key);

function quoteAll(node) {
  if (isScalar(node)) {
    const text = node.value;
    if (typeof text !== "string") return;
    if (!PLAIN.test(text) || WORDS.has(text.toLowerCase())) node.type = "QUOTE_DOUBLE";
    return;
  }
  for (const item of node?.items ?? []) {
    if (item?.key !== undefined) {
      quoteAll(item.key);
      quoteAll(item.value);
    } else quoteAll(item);
  }
}

// --- one key ---------------------------------------------------------------------------------

/** Find the pair of a key, which YAML may hold as a number: 0 and "0" are one index. */
const pairOf = (map, key) => (
  isMap(map)
    ? map.items.find((pair) => String(isScalar(pair.key) ? pair.key.value : pair.key) === key)
    : undefined
);

// An alias stands for values that others share: what is edited through it gets its own copy.
function mapAt(doc, holder, key) {
  const pair = pairOf(holder, key);
  if (pair && isMap(pair.value)) return pair.value;
  const resolved = pair?.value?.resolve?.(doc);
  const map = resolved && isMap(resolved) ? doc.createNode(resolved.toJS(doc)) : doc.createNode({});
  map.flow = key !== "pfs" && key !== "vfs" && holder !== pairOf(doc.contents, "pfs")?.value;
  if (pair) pair.value = map;
  else holder.add(doc.createPair(makeKey(doc, key), map));
  return map;
}

/**
 * Say a value, or leave the key out when it is undefined; mappings that become empty go too.
 * @param {any} doc
 * @param {string[]} path such as ["pfs", "eth0", "link", "mtu"]
 * @param {unknown} value
 */
export function setIn(doc, path, value) {
  if (!isMap(doc.contents)) doc.contents = doc.createNode({ version: 1 });
  if (value === undefined) {
    removeIn(doc.contents, path);
    return;
  }
  let map = doc.contents;
  for (const key of path.slice(0, -1)) map = mapAt(doc, map, key);
  setKey(doc, map, /** @type {string} */ (path.at(-1)), value);
}

function setKey(doc, map, key, value) {
  const pair = pairOf(map, key);
  const node = makeNode(doc, value);
  if (!pair) {
    map.add(doc.createPair(makeKey(doc, key), node));
    return;
  }
  if (isScalar(pair.value) && isScalar(node)) node.comment = pair.value.comment;
  pair.value = node;
}

function removeIn(map, path) {
  const [key, ...rest] = path;
  const pair = pairOf(map, key);
  if (!pair) return;
  if (rest.length) {
    removeIn(pair.value, rest);
    const isEmpty = isMap(pair.value) && !pair.value.items.length;
    if (!isEmpty || path.length > 3 || key === "pfs") return;
  }
  map.items.splice(map.items.indexOf(pair), 1);
}

// --- rows of VFs -----------------------------------------------------------------------------

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
