// Counters, asked for while somebody looks at a plot.
import { read } from "./api.js";
import { useEffect, useReducer } from "./dom.js";
import { onEvent } from "./live.js";
import { RateSeries } from "./rate_series.js";

export { vfKey } from "./rate_series.js";

const EVERY_MS = 2000;
const MOST = 150; // five minutes

const rates = new RateSeries(MOST);
const states = new Map(); // what else is told of a PF: its link, whether it is wedged
const followers = new Set();
let timer = null; // 0 while an answer is awaited
let problem = null;

/**
 * Rates of a PF or VF since the page was opened, in each second; null where nobody counts.
 * @param {string} key a PF's device, or vfKey()
 * @returns {{times: number[], rx_bytes: (number|null)[], tx_bytes: (number|null)[],
 *   rx_packets: (number|null)[], tx_packets: (number|null)[]}|null}
 */
export function ratesOf(key) {
  return rates.of(key);
}

/** Whether there are rates of anything yet. */
export function hasCounted() {
  return rates.times.length > 0;
}

/** What the counters' document says of a PF beside counters, or null. */
export function stateOfPF(device) {
  return states.get(device) ?? null;
}

/** The error that keeps counters away, or null. */
export function ratesProblem() {
  return problem;
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
  ask();
}

// An answer that is awaited ends it by itself, or goes on for whoever came meanwhile.
function end() {
  if (!timer) return;
  clearTimeout(timer);
  timer = null;
}

async function ask() {
  timer = 0;
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

function take(told) {
  for (const { counters, vfs, ...state } of told.pfs) states.set(state.device, state);
  rates.take(told, Date.now() / 1000);
}

onEvent((kind) => {
  if (kind === "missed") rates.forgetLast();
});
