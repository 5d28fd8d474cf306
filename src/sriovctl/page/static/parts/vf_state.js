// What a VF is to whoever looks for a free one, in one word.
import { html } from "../core/dom.js";
import { t } from "../core/texts.js";

/** In the order of a legend. */
export const STATES = ["free", "host", "guest", "leased", "foreign", "faulty", "off"];

// Kinds of users that are somebody else's system on this host: a guest, a container, a program.
export const GUESTS = new Set(["guest", "guest-config", "network", "namespace", "process", "vfio"]);
const UNWELL = new Set(["dirty", "lost", "orphaned"]);
const USERS = new Set(["dirty", "held", "expired", "scrubbing", "orphaned"]);

/**
 * Who uses what, put together from the documents that tell of it; each may be missing still.
 * @param {{owners?: any, leases?: any, doctor?: any}} documents
 */
export function usageOf({ owners, leases, doctor }) {
  const users = Map.groupBy(owners?.owners ?? [], (one) => one.device);
  const held = new Map(
    (leases?.leases ?? [])
      .filter((one) => USERS.has(one.status))
      .map((one) => [`${one.pf}/${one.vf_index}`, one]),
  );
  const faulty = new Set(
    (doctor?.findings ?? []).filter((one) => one.severity === "error").map((one) => one.subject),
  );
  return { users, held, faulty };
}

/**
 * @param {any} pf as in /v1/pfs
 * @param {any} vf one of its VFs
 * @param {ReturnType<typeof usageOf>} usage
 * @returns {string} one of STATES
 */
export function stateOf(pf, vf, usage) {
  const lease = usage.held.get(`${pf.device}/${vf.vf_index}`);
  const kinds = new Set((usage.users.get(vf.address) ?? []).map((one) => one.kind));
  if (vf.owner) kinds.add(vf.owner.split(":")[0]);
  if (usage.faulty.has(vf.address) || (lease && UNWELL.has(lease.status))) return "faulty";
  if ([...kinds].some((one) => GUESTS.has(one))) return "guest";
  if (lease || kinds.has("lease")) return "leased";
  kinds.delete("foreign");
  if (kinds.size) return "host";
  if ((usage.users.get(pf.device) ?? []).some((one) => one.kind === "foreign")) return "foreign";
  return vf.driver && !vf.driver.startsWith("vfio") ? "host" : "free";
}

/**
 * Each VF of a PF with its state, and behind them the places of those that are off.
 * @returns {{index: number, state: string, vf: any|null}[]}
 */
export function cellsOf(pf, usage, { most = 64 } = {}) {
  const cells = pf.vfs.map((vf) => ({ index: vf.vf_index, state: stateOf(pf, vf, usage), vf }));
  const places = Math.min(pf.total_vfs ?? 0, Math.max(most, cells.length));
  for (let index = cells.length; index < places; index += 1) cells.push({ index, state: "off", vf: null });
  return cells;
}

/** How many there are of each state. */
export function tally(cells) {
  const numbers = Object.fromEntries(STATES.map((state) => [state, 0]));
  for (const cell of cells) numbers[cell.state] += 1;
  return numbers;
}

/** Who has a VF, in words: a guest by its name, a borrower by theirs. */
export function userOf(pf, vf, usage) {
  const lease = usage.held.get(`${pf.device}/${vf.vf_index}`);
  const names = (usage.users.get(vf.address) ?? []).map((one) =>
    one.kind === "lease" && lease ? leaseWord(lease) : one.token,
  );
  if (names.length) return names.join(", ");
  return lease ? leaseWord(lease) : vf.owner;
}

// The token is what other commands take; people look for the name.
function leaseWord(lease) {
  return `lease:${lease.lease} (${lease.owner})`;
}

const SIZE = 14;

/** The outline of a state's sign at a place: a path, and whether it is filled or drawn. */
export const SIGNS = {
  free: { filled: false, path: (x, y) => `M${x + 1} ${y + 1}h12v12h-12z` },
  host: { filled: true, path: (x, y) => `M${x} ${y}h8.5l5.5 5.5v8.5h-14z` },
  guest: { filled: true, path: (x, y) => `M${x} ${y}h14v14h-14zM${x + 4.5} ${y + 3}v8l6 -4z` },
  leased: { filled: false, path: (x, y) => `M${x + 1} ${y + 1}h12v12h-12zM${x + 2.5} ${y + 11.5}l9 -9` },
  foreign: { filled: false, path: (x, y) => `M${x + 1} ${y + 1}h12v12h-12zM${x + 7} ${y + 7}h.01` },
  faulty: { filled: false, path: (x, y) => `M${x + 1} ${y + 1}h12v12h-12zM${x + 4} ${y + 4}l6 6M${x + 10} ${y + 4}l-6 6` },
  off: { filled: true, path: (x, y) => `M${x + 5} ${y + 5}h4v4h-4z` },
};

/** The sign of a state by itself, for a legend or a table. */
function StateSign({ state }) {
  return html`<svg class="vf-sign" viewBox=${`0 0 ${SIZE} ${SIZE}`} aria-hidden="true" focusable="false">
    <path class=${`vf-${state}`} d=${SIGNS[state].path(0, 0)} />
  </svg>`;
}

/** The sign with its word. */
export function StateWord({ state, number }) {
  return html`<span class="vf-word" title=${t(`vf.state.${state}_hint`)}>
    <${StateSign} state=${state} />${number !== undefined && html`<b>${number}</b> `}${t(`vf.state.${state}`)}
  </span>`;
}

/** Which states there are, and how many of each. */
export function Legend({ numbers }) {
  const shown = STATES.filter((state) => numbers[state] > 0);
  return html`<ul class="legend">
    ${shown.map((state) => html`<li key=${state}><${StateWord} state=${state} number=${numbers[state]} /></li>`)}
  </ul>`;
}
