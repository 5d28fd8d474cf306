// Counters, asked for while somebody looks at a plot, and the rates that follow from them.
import { read } from "./api.js";
import { useEffect, useReducer } from "./dom.js";
import { onEvent } from "./live.js";

const EVERY_MS = 2000;
const MOST = 150; // five minutes
const GAP_S = 10; // after a longer pause a rate would say nothing of now
const KINDS = ["rx_bytes", "tx_bytes", "rx_packets", "tx_packets"];

const times = []; // seconds since the epoch, one for each sample
const series = new Map(); // of each PF and VF, a value for each of `times`
const states = new Map(); // what else is told of a PF: its link, whether it is wedged
const followers = new Set();
let before = null;
let timer = null;
let problem = null;

/** What a VF is called here. */
export function vfKey(pf, index) {
  return `${pf}/${index}`;
}

/**
 * Rates of a PF or VF since the page was opened, in each second; null where nobody counts.
 * @param {string} key a PF's device, or vfKey()
 * @returns {{times: number[], rx_bytes: (number|null)[], tx_bytes: (number|null)[],
 *   rx_packets: (number|null)[], tx_packets: (number|null)[]}|null}
 */
export function ratesOf(key) {
  const kept = series.get(key);
  return kept ? { times, ...kept } : null;
}

/** What the counters' document says of a PF beside counters, or null. */
export function stateOfPF(device) {
  return states.get(device) ?? null;
}

/** The error that keeps counters away, or null. */
export function ratesProblem() {
  return problem;
}

/** Whether there are rates of anything yet. */
export function hasCounted() {
  return times.length > 0;
}

/** Ask for counters while this is shown, and draw anew with each answer. */
export function useRates() {
  const [, draw] = useReducer((n) => n + 1, 0);
  useEffect(() => {
    followers.add(draw);
    begin();
    return () => {
      followers.delete(draw);
      if (!followers.size) end();
    };
  }, []);
}

function begin() {
  if (timer !== null) return;
  timer = 0;
  ask();
}

function end() {
  clearTimeout(timer);
  timer = null;
}

async function ask() {
  if (!document.hidden) {
    try {
      take(await read("/v1/counters"));
      problem = null;
    } catch (error) {
      problem = error;
    }
    for (const follower of [...followers]) follower();
  }
  if (followers.size) timer = setTimeout(ask, EVERY_MS);
  else timer = null;
}

function take(document) {
  const now = new Map();
  for (const pf of document.pfs) {
    const { counters, vfs, ...state } = pf;
    states.set(pf.device, state);
    if (counters) now.set(pf.device, { at_s: pf.at_s, counters });
    for (const vf of vfs) {
      if (vf.counters) now.set(vfKey(pf.device, vf.vf_index), { at_s: pf.at_s, counters: vf.counters });
    }
  }
  if (before && document.time_s > before.time_s) add(now);
  if (document.time_s !== before?.time_s) before = { time_s: document.time_s, counters: now };
}

function add(now) {
  const isFull = times.length === MOST;
  if (isFull) times.shift();
  times.push(Date.now() / 1000);
  for (const key of new Set([...series.keys(), ...now.keys()])) {
    const kept = series.get(key) ?? empty(times.length - 1);
    for (const kind of KINDS) {
      if (isFull && series.has(key)) kept[kind].shift();
      kept[kind].push(rateOf(before.counters.get(key), now.get(key), kind));
    }
    series.set(key, kept);
  }
}

function empty(length) {
  return Object.fromEntries(KINDS.map((kind) => [kind, new Array(length).fill(null)]));
}

// Counters that went back were reset, with their driver or their VF.
function rateOf(from, to, kind) {
  const [first, last] = [from?.counters[kind], to?.counters[kind]];
  if (first == null || last == null || last < first) return null;
  const seconds = to.at_s - from.at_s;
  return seconds > 0 && seconds < GAP_S ? (last - first) / seconds : null;
}

// VFs that were made anew count from the beginning.
onEvent((kind) => {
  if (kind === "missed") before = null;
});
