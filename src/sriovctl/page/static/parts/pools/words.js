// Pools and leases as the interface takes them.  Pure.

/** Seconds of each unit. */
export const UNITS = { min: 60, h: 3600, d: 86_400 };

/**
 * A span of time in seconds.
 * @param {string} text
 * @param {string} unit
 * @returns {number | null} null: until it is released
 */
export function secondsOf(text, unit) {
  const number = Number(text);
  return text.trim() === "" || !(number > 0) ? null : Math.max(1, number * UNITS[unit]);
}

/**
 * What is asked for when VFs are taken.
 * @param {{pool: string, owner: string, count: string, ttl: string, unit: string, numa: string,
 *   policy: string, disjoint: boolean, pinned: boolean}} form
 */
export function leaseWish({ pool, owner, count, ttl, unit, numa, policy, disjoint, pinned }) {
  const seconds = pinned ? null : secondsOf(ttl, unit);
  return {
    pool: pool.trim(),
    owner: owner.trim(),
    count: Number(count),
    ...(seconds === null ? {} : { ttl_s: seconds }),
    ...(numa === "" ? {} : { numa_node: Number(numa) }),
    ...(policy ? { policy } : {}),
    ...(disjoint ? { group_disjoint: true } : {}),
    ...(pinned ? { pinned: true } : {}),
  };
}

/**
 * A state that says one pool, and of its PFs no more than which they are.
 * @param {{name: string, pfs: any[], ranges: string[], numa: string, policy: string}} wish
 */
export function poolState({ name, pfs, ranges, numa, policy }) {
  const labels = pfs.map((pf) => [pf.netdev ?? pf.device, matchOf(pf)]);
  const vfs = ranges.length ? { vfs: ranges } : {};
  return {
    version: 1,
    pfs: Object.fromEntries(labels.map(([label, match]) => [label, { match }])),
    pools: { [name.trim()]: { from: labels.map(([label]) => label), ...vfs, numa, policy } },
  };
}

/** What stays with a card, if it has it. */
function matchOf(pf) {
  if (pf.permanent_mac) return { permanent_mac: pf.permanent_mac };
  return pf.address ? { address: pf.address } : { netdev: pf.netdev ?? pf.device };
}

/**
 * The shares of a pool's bar, in the order in which they stand.
 * @param {any} capacity
 * @returns {{what: "leased" | "scrubbing" | "in_use" | "free", vfs: number}[]}
 */
export const sharesOf = (capacity) => (
  ["leased", "scrubbing", "in_use", "free"].map((what) => ({ what, vfs: capacity[what] ?? 0 }))
);
