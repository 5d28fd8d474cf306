// Documents of the interface as views use them: read once, read anew when an event says so.
import { read } from "./api.js";
import { useCallback, useEffect, useMemo, useReducer, useRef } from "./dom.js";
import { onEvent } from "./live.js";

const GATHER_MS = 120; // events come in flocks; one reading for each flock
const LEAST_MS = 800; // between two readings, however much happens
const REFRESH_MS = 30_000; // for what no event tells of

// Which paths each kind of event puts out of date.
const HOST = [
  ..."pfs vfs groups doctor capacity owners guests state tree explain show abilities".split(" "),
];
const CONCERNED = {
  host: HOST,
  job: ["jobs", "runs"],
  runs: ["runs", ...HOST],
  leases: ["leases", "pools", "owners", "pfs", "vfs"],
  health: ["health"],
};

/**
 * Whether an event puts a path out of date.
 * @param {string} kind
 * @param {any} payload
 * @param {string} path
 */
export function concerns(kind, payload, path) {
  if (kind === "missed") return true;
  const room = path.split("/")[2].split(/[.?]/)[0];
  const hasEnded = kind === "job" && ["done", "failed", "cancelled"].includes(payload.state);
  const concerned = hasEnded ? [...CONCERNED.job, ...HOST, "leases"] : CONCERNED[kind];
  return concerned?.includes(room) ?? false;
}

const EMPTY = { document: null, error: null, isLoading: true };

function reduce(before, action) {
  if (action.kind === "start") return EMPTY;
  if (action.kind === "error") return { ...before, error: action.error, isLoading: false };
  const isSame = before.document === action.document && !before.error && !before.isLoading;
  return isSame ? before : { document: action.document, error: null, isLoading: false };
}

/**
 * The document at a path, kept up to date while it is shown.  What was read last stays while it is
 * read anew, and when that fails.
 * @param {string|null} path null: nothing to read yet
 * @param {{accept?: string}} [options]
 * @returns {{document: any, error: Error|null, isLoading: boolean, reload: () => void}}
 */
export function useDocument(path, { accept } = {}) {
  const [state, dispatch] = useReducer(reduce, EMPTY);
  const latest = useRef({ number: 0, controller: null });

  // Of two readings at once the later one counts; neither ends the other, or none would ever end.
  const load = useCallback(async () => {
    const { controller } = latest.current;
    const number = ++latest.current.number;
    const isWanted = () => !controller.signal.aborted && number === latest.current.number;
    try {
      const document = await read(path, { accept, signal: controller.signal });
      if (isWanted()) dispatch({ kind: "document", document });
    } catch (error) {
      if (isWanted()) dispatch({ kind: "error", error });
    }
  }, [path, accept]);

  useEffect(() => {
    if (path === null) return undefined;
    const controller = new AbortController();
    latest.current.controller = controller;
    dispatch({ kind: "start" });
    const stop = keepUpToDate(path, load);
    return () => {
      stop();
      controller.abort();
    };
  }, [path, load]);

  return useMemo(() => ({ ...state, reload: load }), [state, load]);
}

// Reads now, and again whenever something says that it is out of date.
function keepUpToDate(path, load) {
  const reading = new Reading(load);
  reading.now();
  const stop = onEvent((kind, payload) => {
    if (concerns(kind, payload, path)) reading.soon();
  });
  const refresh = setInterval(() => document.hidden || reading.soon(), REFRESH_MS);
  const onShown = () => document.hidden || reading.soon();
  document.addEventListener("visibilitychange", onShown);
  return () => {
    stop();
    reading.stop();
    clearInterval(refresh);
    document.removeEventListener("visibilitychange", onShown);
  };
}

/** One reading at a time, and not too many of them. */
export class Reading {
  #load;
  #timer = null;
  #isBusy = false;
  #isDue = false;
  #ended = -Infinity;
  #isStopped = false;

  /** @param {() => Promise<void>} load which does not fail */
  constructor(load) {
    this.#load = load;
  }

  /** Read at once. */
  async now() {
    this.#timer = null;
    this.#isBusy = true;
    this.#isDue = false;
    await this.#load();
    this.#isBusy = false;
    this.#ended = performance.now();
    if (this.#isDue) this.soon();
  }

  /** Read in a moment, or after the reading that is under way. */
  soon() {
    if (this.#isStopped) return;
    if (this.#isBusy) this.#isDue = true;
    else this.#timer ??= setTimeout(() => this.now(), this.#wait());
  }

  stop() {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #wait() {
    return Math.max(GATHER_MS, this.#ended + LEAST_MS - performance.now());
  }
}
