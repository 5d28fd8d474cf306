// From counters to rates over time.  Pure: it is told what was read, and when.

export const KINDS = ["rx_bytes", "tx_bytes", "rx_packets", "tx_packets"];
const GAP_S = 10; // after a longer pause a rate would say nothing of now

/** What a VF is called here. */
export function vfKey(pf, index) {
  return `${pf}/${index}`;
}

/** Rates of all PFs and VFs, the newest last, of the last looks. */
export class RateSeries {
  /** @param {number} most looks to keep */
  constructor(most) {
    this.most = most;
    this.times = []; // seconds since the epoch, one for each look
    this.series = new Map(); // of each PF and VF, a value for each of `times`
    this.before = null;
  }

  /**
   * @param {any} document of /v1/counters
   * @param {number} now seconds since the epoch, by the browser's clock
   */
  take(document, now) {
    if (document.time_s === this.before?.time_s) return;
    const counters = countersOf(document);
    if (this.before && document.time_s > this.before.time_s) this.#add(counters, now);
    this.before = { time_s: document.time_s, counters };
  }

  /** Begin anew, as after a time in which nothing was heard. */
  forgetLast() {
    this.before = null;
  }

  /** `{times, rx_bytes, …}`, in each second; null where nobody counts.  Null: nothing is known. */
  of(key) {
    const kept = this.series.get(key);
    return kept ? { times: this.times, ...kept } : null;
  }

  #add(counters, now) {
    const isFull = this.times.length === this.most;
    if (isFull) this.times.shift();
    this.times.push(now);
    for (const key of new Set([...this.series.keys(), ...counters.keys()])) {
      const isNew = !this.series.has(key);
      const kept = isNew ? unknown(this.times.length - 1) : this.series.get(key);
      for (const kind of KINDS) {
        if (isFull && !isNew) kept[kind].shift();
        kept[kind].push(rateOf(this.before.counters.get(key), counters.get(key), kind));
      }
      this.series.set(key, kept);
    }
  }
}

function countersOf(document) {
  const found = new Map();
  for (const pf of document.pfs) {
    if (pf.counters) found.set(pf.device, { at_s: pf.at_s, counters: pf.counters });
    for (const vf of pf.vfs) {
      if (vf.counters) found.set(vfKey(pf.device, vf.vf_index), { at_s: pf.at_s, counters: vf.counters });
    }
  }
  return found;
}

function unknown(length) {
  return Object.fromEntries(KINDS.map((kind) => [kind, new Array(length).fill(null)]));
}

// Counters that went back were reset, with their driver or their VF.
function rateOf(from, to, kind) {
  const [first, last] = [from?.counters[kind], to?.counters[kind]];
  if (first == null || last == null || last < first) return null;
  const seconds = to.at_s - from.at_s;
  return seconds > 0 && seconds < GAP_S ? (last - first) / seconds : null;
}
