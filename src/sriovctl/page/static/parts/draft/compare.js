// Two states, key by key, as the kernel would see them: what ranges and defaults say of one VF is
// spread out, so that another way to write the same is no difference.  Pure.

import { formatIndices, parseRange } from "./ranges.js";

const ON = new Set(["on", "yes", "true"]);
const OFF = new Set(["off", "no", "false"]);
const FLAGS = new Set(["drivers_autoprobe", "spoofchk", "trust", "rss_query"]);
const MOST_SPREAD = 4096;

/**
 * @typedef {Record<string, any>} Tree what a state file says, as JSON holds it
 * @typedef {{label: string, vf: number | null, key: string}} Place
 * @typedef {Place & {value: unknown}} Said
 * @typedef {Place & {before: unknown, after: unknown}} Difference
 */

/**
 * Take a value as sriovctl does: a state file may say on for true, and a MAC in capitals.
 * @param {string} key
 * @param {any} value
 */
export function plain(key, value) {
  if (FLAGS.has(key) && typeof value === "string") return asFlag(value);
  if (key === "vlan" && value && typeof value === "object") {
    return { id: value.id, qos: value.qos ?? 0, protocol: value.protocol ?? "802.1q" };
  }
  if (key === "driver" && (value === null || value === "none")) return "none";
  if (/mac$|guid$/.test(key) && typeof value === "string") {
    return value.toLowerCase().replaceAll("-", ":");
  }
  return value;
}

/** @param {string} text */
function asFlag(text) {
  const word = text.toLowerCase();
  return ON.has(word) ? true : OFF.has(word) ? false : text;
}

/**
 * Spread a state out: one entry for each key of each PF and of each VF.
 * @param {Tree | null | undefined} state
 * @returns {Map<string, Said>}
 */
export function spread(state) {
  const found = new Map();
  for (const [label, pf] of Object.entries(asTree(state?.pfs))) {
    const put = (vf, key, value) => {
      if (value === undefined) return;
      found.set(JSON.stringify([label, vf, key]), { label, vf, key, value: plain(key, value) });
    };
    const { vf_default: forAll, vfs, link, eswitch, match: _, ...own } = asTree(pf);
    for (const [key, value] of Object.entries(own)) put(null, key, value);
    for (const [key, value] of Object.entries(asTree(link))) put(null, `link.${key}`, value);
    for (const [key, value] of Object.entries(asTree(eswitch))) put(null, `eswitch.${key}`, value);
    for (const [index, wanted] of wantedVFs(asTree(pf))) {
      for (const [key, value] of Object.entries(wanted)) put(index, key, value);
    }
  }
  return found;
}

/** @param {unknown} value */
function asTree(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? value : {};
}

/**
 * Say what is wanted of each VF, defaults included.
 * @param {Tree} pf
 * @returns {Map<number, Tree>}
 */
export function wantedVFs(pf) {
  const forAll = asTree(pf.vf_default);
  const found = new Map();
  const count = Math.min(Number.isInteger(pf.num_vfs) ? pf.num_vfs : 0, MOST_SPREAD);
  if (Object.keys(forAll).length) for (let i = 0; i < count; i += 1) found.set(i, { ...forAll });
  for (const [key, wanted] of Object.entries(asTree(pf.vfs))) {
    const range = parseRange(key);
    if (!range) continue;
    for (let i = range.first; i <= Math.min(range.last, MOST_SPREAD); i += 1) {
      found.set(i, { ...forAll, ...asTree(wanted) });
    }
  }
  return found;
}

/**
 * Compare two values of one key.
 * @param {unknown} one
 * @param {unknown} other
 */
export const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/**
 * Find what differs, key by key.  What only one of them says is undefined in the other.
 * @param {Tree | null} before
 * @param {Tree | null} after
 * @returns {Difference[]}
 */
export function differences(before, after) {
  const [was, is] = [spread(before), spread(after)];
  const found = [];
  for (const id of new Set([...was.keys(), ...is.keys()])) {
    const [old, now] = [was.get(id), is.get(id)];
    if (isSame(old?.value, now?.value)) continue;
    const { label, vf, key } = /** @type {Said} */ (now ?? old);
    if (isGone(after?.pfs?.[label], vf)) continue; // that their number is smaller says it all
    found.push({ label, vf, key, before: old?.value, after: now?.value });
  }
  return inOrder(found, Object.keys({ ...asTree(after?.pfs), ...asTree(before?.pfs) }));
}

const isGone = (pf, vf) => vf !== null && Number.isInteger(pf?.num_vfs) && vf >= pf.num_vfs;

/** PF by PF, what is of the PF itself first. */
function inOrder(found, labels) {
  const place = new Map(labels.map((label, at) => [label, at]));
  return found.sort((a, b) => place.get(a.label) - place.get(b.label) || (a.vf ?? -1) - (b.vf ?? -1));
}

/**
 * Put together VFs that differ in the same way.
 * @param {Difference[]} found
 * @returns {{label: string, vfs: string | null, key: string, before: unknown, after: unknown}[]}
 */
export function gather(found) {
  const groups = new Map();
  for (const { label, vf, key, before, after } of found) {
    const id = JSON.stringify([label, vf === null, key, before ?? null, after ?? null,
      before === undefined, after === undefined]);
    const group = groups.get(id) ?? { label, key, before, after, indices: [] };
    if (vf !== null) group.indices.push(vf);
    groups.set(id, group);
  }
  return [...groups.values()].map(({ indices, ...rest }) => (
    { ...rest, vfs: indices.length ? formatIndices(indices) : null }
  ));
}

/**
 * Bring what the host became meanwhile into a draft: what to take over, and where both changed the
 * same key to different values.  There the draft stays as it is.
 * @param {Tree} base what the draft began with
 * @param {Tree} draft
 * @param {Tree} now
 * @returns {{take: Difference[], conflicts: (Difference & {mine: unknown})[]}}
 */
export function meanwhile(base, draft, now) {
  const mine = new Map(
    differences(base, draft).map((one) => [JSON.stringify([one.label, one.vf, one.key]), one]),
  );
  const take = [];
  const conflicts = [];
  for (const theirs of differences(base, now)) {
    const own = mine.get(JSON.stringify([theirs.label, theirs.vf, theirs.key]));
    if (own === undefined) take.push(theirs);
    else if (!isSame(own.after, theirs.after)) conflicts.push({ ...theirs, mine: own.after });
  }
  return { take, conflicts };
}

/**
 * Find the PF of this host that a match means.
 * @param {Tree | undefined} match
 * @param {Tree[]} pfs as /v1/pfs lists them
 * @returns {Tree | null} null: none, several, or it asks for what the list does not tell
 */
export function findPF(match, pfs) {
  const asked = Object.entries(asTree(match)).filter(([key]) => key !== "all");
  if (!asked.length) return null;
  const fits = pfs.filter((pf) => asked.every(([key, value]) => fitsCriterion(pf, key, value)));
  return fits.length === 1 ? fits[0] : null;
}

/**
 * @param {Tree} pf
 * @param {string} key
 * @param {unknown} value
 */
function fitsCriterion(pf, key, value) {
  const text = String(value).toLowerCase();
  if (key === "address") return [text, `0000:${text}`].includes(pf.address ?? pf.device);
  if (key === "permanent_mac") return text.replaceAll("-", ":") === pf.permanent_mac;
  if (key.endsWith("_id")) return text.replace(/^0x/, "").padStart(4, "0") === pf[key];
  if (key === "netdev" || key === "driver") return String(value) === pf[key];
  return true; // serial and port name: the list does not tell, the other criteria must do
}
