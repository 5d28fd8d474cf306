// Indices of VFs as a state file writes them: 0, or 1-3 with both ends.  Pure.

const RANGE = /^(0|[1-9][0-9]{0,4})(?:-(0|[1-9][0-9]{0,4}))?$/;

/**
 * Read one index or range.
 * @param {unknown} text
 * @returns {{first: number, last: number} | null} null: it is none
 */
export function parseRange(text) {
  const found = RANGE.exec(String(text).trim());
  if (!found) return null;
  const first = Number(found[1]);
  const last = found[2] === undefined ? first : Number(found[2]);
  return last < first ? null : { first, last };
}

/**
 * Write one index or range.
 * @param {number} first
 * @param {number} last
 */
export const formatRange = (first, last) => (first === last ? `${first}` : `${first}-${last}`);

/**
 * Write indices, those side by side as ranges.
 * @param {Iterable<number>} indices
 */
export function formatIndices(indices) {
  return spans(indices).map(([first, last]) => formatRange(first, last)).join(", ");
}

/**
 * Find what stands side by side.
 * @param {Iterable<number>} indices
 * @returns {[number, number][]}
 */
export function spans(indices) {
  /** @type {[number, number][]} */
  const found = [];
  for (const index of [...new Set(indices)].sort((a, b) => a - b)) {
    const newest = found.at(-1);
    if (newest && newest[1] + 1 === index) newest[1] = index;
    else found.push([index, index]);
  }
  return found;
}

/**
 * Say what is wrong with a new key among those that are there.
 * @param {string} text
 * @param {string[]} others
 * @param {number | null} numVFs so many VFs there will be; null: not said
 * @returns {"syntax" | "overlap" | "beyond" | null}
 */
export function objectToKey(text, others, numVFs) {
  const range = parseRange(text);
  if (!range) return "syntax";
  if (numVFs !== null && range.last >= numVFs) return "beyond";
  const taken = others.map(parseRange).filter((other) => other !== null);
  return taken.some((other) => range.first <= other.last && other.first <= range.last)
    ? "overlap" : null;
}

/**
 * Find the first range that no key names, for a row to begin with.
 * @param {string[]} keys
 * @param {number} numVFs
 * @returns {string | null} null: all have a row
 */
export function firstFree(keys, numVFs) {
  const taken = keys.map(parseRange).filter((range) => range !== null);
  for (let index = 0; index < numVFs; index += 1) {
    if (!taken.some((range) => range.first <= index && index <= range.last)) return `${index}`;
  }
  return null;
}
