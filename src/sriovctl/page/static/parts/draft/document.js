// The draft: the text of a state file, edited key by key without losing comments.

import { isMap, isScalar, LineCounter, parseDocument } from "../../vendor/yaml.js";

const MOST_ALIASES = 1000;
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
  try {
    const state = doc.toJS({ maxAliasCount: MOST_ALIASES });
    return { doc, state: state !== null && typeof state === "object" ? state : {}, mistakes };
  } catch (error) {
    // An alias without an anchor, or so many that they would fill the memory.
    return { doc, state: null, mistakes: [{ line: 1, column: 1, message: error.message }] };
  }
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

/** Make the node of a key; those of single VFs are numbers. */
export const makeKey = (doc, key) => makeNode(doc, /^[0-9]+$/.test(key) ? Number(key) : key);

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
export const pairOf = (map, key) => (
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
