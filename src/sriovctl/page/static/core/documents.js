// Documents of the interface as views use them: read once, read anew when an event says so.
import { read } from "./api.js";
import { useCallback, useEffect, useMemo, useReducer, useRef } from "./dom.js";
import { onEvent } from "./live.js";

const GATHER_MS = 120; // events come in flocks; one reading for each flock
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
  if (action.kind === "start") return action.fresh ? EMPTY : { ...before, isLoading: true };
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
  const current = useRef({});

  const load = useCallback(async () => {
    current.current.controller?.abort();
    const controller = new AbortController();
    current.current.controller = controller;
    try {
      const document = await read(path, { accept, signal: controller.signal });
      if (!controller.signal.aborted) dispatch({ kind: "document", document });
    } catch (error) {
      if (!controller.signal.aborted) dispatch({ kind: "error", error });
    }
  }, [path, accept]);

  useEffect(() => {
    if (path === null) return undefined;
    dispatch({ kind: "start", fresh: true });
    load();
    const stop = keepUpToDate(path, load);
    return () => {
      stop();
      current.current.controller?.abort();
    };
  }, [path, load]);

  return useMemo(() => ({ ...state, reload: load }), [state, load]);
}

function keepUpToDate(path, load) {
  let timer = null;
  const soon = () => {
    timer ??= setTimeout(() => {
      timer = null;
      load();
    }, GATHER_MS);
  };
  const stop = onEvent((kind, payload) => {
    if (concerns(kind, payload, path)) soon();
  });
  const refresh = setInterval(() => document.hidden || load(), REFRESH_MS);
  const onShown = () => document.hidden || soon();
  document.addEventListener("visibilitychange", onShown);
  return () => {
    stop();
    clearTimeout(timer);
    clearInterval(refresh);
    document.removeEventListener("visibilitychange", onShown);
  };
}
