// What can be filled in, key by key of the state file, and what is wrong with what was.  Pure.

/**
 * @typedef {object} Spec
 * @property {string} key as a state file and /v1/abilities name it
 * @property {string[]} path below the PF, or below the VF
 * @property {"flag" | "choice" | "number" | "mac" | "guid" | "name" | "vlan"} kind
 * @property {string[]} [choices]
 * @property {number} [least]
 * @property {number} [most]
 * @property {string} [unit]
 */

/** @type {Spec[]} */
export const PF_KEYS = [
  { key: "link.state", path: ["link", "state"], kind: "choice", choices: ["up", "down"] },
  { key: "link.mtu", path: ["link", "mtu"], kind: "number", least: 68, most: 65535 },
  { key: "eswitch.mode", path: ["eswitch", "mode"], kind: "choice", choices: ["legacy", "switchdev"] },
  { key: "drivers_autoprobe", path: ["drivers_autoprobe"], kind: "flag" },
];

const MOST_RATE = 4294967295;

/** @type {Spec[]} */
export const VF_KEYS = [
  { key: "admin_mac", path: ["admin_mac"], kind: "mac" },
  { key: "vlan", path: ["vlan"], kind: "vlan" },
  { key: "spoofchk", path: ["spoofchk"], kind: "flag" },
  { key: "trust", path: ["trust"], kind: "flag" },
  { key: "link_state", path: ["link_state"], kind: "choice", choices: ["auto", "enable", "disable"] },
  { key: "min_tx_rate_mbps", path: ["min_tx_rate_mbps"], kind: "number", least: 0, most: MOST_RATE, unit: "Mbit/s" },
  { key: "max_tx_rate_mbps", path: ["max_tx_rate_mbps"], kind: "number", least: 0, most: MOST_RATE, unit: "Mbit/s" },
  { key: "driver", path: ["driver"], kind: "name" },
];

/** Keys that few cards have: shown where this driver can set them, or may be able to.
 * @type {Spec[]} */
export const RARE_VF_KEYS = [
  { key: "rss_query", path: ["rss_query"], kind: "flag" },
  { key: "msix_count", path: ["msix_count"], kind: "number", least: 0, most: 2048 },
  { key: "node_guid", path: ["node_guid"], kind: "guid" },
  { key: "port_guid", path: ["port_guid"], kind: "guid" },
];

const MAC = /^[0-9a-f][02468ace]([:-][0-9a-f]{2}){5}$/i;
const GUID = /^[0-9a-f]{2}([:-][0-9a-f]{2}){7}$/i;
const NAME = /^[A-Za-z0-9_.-]{1,64}$/;

/**
 * Take what was typed.
 * @param {Spec} spec
 * @param {string} text
 * @returns {{value?: unknown, wrong?: string, values?: Record<string, number>}} wrong: which text says why
 */
export function take(spec, text) {
  const typed = text.trim();
  if (typed === "") return { value: undefined };
  if (spec.kind === "flag") return { value: typed === "on" };
  if (spec.kind === "number") return takeNumber(spec, typed);
  if (spec.kind === "mac" && typed.toLowerCase() === "auto") return { value: "auto" };
  if (spec.kind === "mac") return MAC.test(typed) ? { value: typed.toLowerCase() } : { wrong: "form.wrong.mac" };
  if (spec.kind === "guid") return GUID.test(typed) ? { value: typed.toLowerCase() } : { wrong: "form.wrong.guid" };
  if (spec.kind === "name") return NAME.test(typed) ? { value: typed } : { wrong: "form.wrong.name" };
  return { value: typed };
}

/**
 * @param {{least?: number, most?: number}} limits
 * @param {string} typed
 */
export function takeNumber({ least = 0, most = Number.MAX_SAFE_INTEGER }, typed) {
  const value = /^[0-9]+$/.test(typed) ? Number(typed) : NaN;
  return value >= least && value <= most ? { value } : { wrong: "form.wrong.number", values: { least, most } };
}

/**
 * Write a value into a field.
 * @param {Spec} spec
 * @param {unknown} value
 */
export function show(spec, value) {
  if (value === undefined) return "";
  if (value === null) return "none";
  if (spec.kind === "flag") return value === true ? "on" : value === false ? "off" : String(value);
  return String(value);
}

/**
 * What a PF's driver can do with a key.
 * @param {any} abilities of one PF, as /v1/abilities lists them; undefined: nobody knows
 * @param {string} key
 * @returns {{can: "yes" | "no" | "unknown", why: string | null}}
 */
export function abilityFor(abilities, key) {
  const found = abilities?.abilities?.find((one) => one.key === key);
  return { can: found?.can ?? "unknown", why: found?.why || null };
}

const MOST_ALIKE = 4; // more keys that cannot be set for one reason are told in a line

/**
 * Which keys of a VF have a field, and which are named only, with why they cannot be set.
 * @param {any} abilities of one PF
 * @param {any} wanted what is said already has its field in any case
 * @returns {{keys: Spec[], cannot: {why: string | null, keys: string[]}[]}}
 */
export function keysToShow(abilities, wanted) {
  const whyNot = (spec) => {
    const { can, why } = abilityFor(abilities, spec.key);
    return can === "no" && wanted[spec.key] === undefined ? why ?? "" : null;
  };
  const isOfMany = (why) => VF_KEYS.filter((spec) => whyNot(spec) === why).length > MOST_ALIKE;
  const isNamedOnly = (spec) => whyNot(spec) !== null && (RARE_VF_KEYS.includes(spec) || isOfMany(whyNot(spec)));
  const all = [...VF_KEYS, ...RARE_VF_KEYS];
  const reasons = new Map();
  for (const spec of all.filter(isNamedOnly)) {
    reasons.set(whyNot(spec), [...(reasons.get(whyNot(spec)) ?? []), spec.key]);
  }
  return { keys: all.filter((spec) => !isNamedOnly(spec)), cannot: [...reasons].map(([why, keys]) => ({ why, keys })) };
}

/**
 * How many VFs a PF may get: what works here, else what the driver says, else the hardware.
 * @param {any} capacity of one PF, as /v1/capacity lists them
 * @param {any} pf as /v1/pfs lists it
 * @returns {{usable: number | null, hardware: number | null, limit: string | null}}
 */
export function roomFor(capacity, pf) {
  const hardware = capacity?.total_vfs ?? pf?.total_vfs ?? null;
  const usable = capacity?.max_usable_vfs ?? pf?.total_vfs ?? null;
  const limit = capacity?.limits?.filter((one) => one.max_vfs !== null)
    .sort((one, other) => one.max_vfs - other.max_vfs)[0]?.kind ?? null;
  return { usable, hardware, limit };
}
