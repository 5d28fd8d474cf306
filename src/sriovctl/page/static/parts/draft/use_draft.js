// The draft of this browser tab: a text over the state that the host had when it was begun.
import { useCallback, useEffect, useMemo, useReducer } from "../../core/dom.js";
import { session } from "../../core/session.js";
import { differences, meanwhile } from "./compare.js";
import { readDraft, setIn, writeDraft, writeState } from "./document.js";
import { removeRow, renameRow, setCount, setRow, takeOver } from "./vf_rows.js";

// One browser may look at several hosts through the same address, one after the other.
const place = () => `sriovctl.draft ${session.get()?.host?.hostname ?? ""}`;

/**
 * @typedef {{etag: string, state: any}} Base the host's state, and how it was called
 * @typedef {{text: string, base: Base, isHandWritten: boolean, isApplied?: boolean, revision?: number}} Kept
 *   isApplied: the host has it, and a look that shows so is still to come;
 *   revision: counts what was written by others than the editor of the text
 */

/** @returns {Kept | null} */
function recall() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(place()) ?? "null");
    return typeof kept?.text === "string" && kept.base?.etag ? kept : null;
  } catch {
    return null;
  }
}

/** @param {Kept | null} kept */
function keep(kept) {
  try {
    if (kept === null) sessionStorage.removeItem(place());
    else sessionStorage.setItem(place(), JSON.stringify(kept));
  } catch {
    // Without storage, or where it is full, the draft lasts as long as the page.
  }
}

/** @param {Base} base */
const begin = (base) => ({ text: writeState(base.state), base, isHandWritten: false });

const EDITS = {
  set: (doc, { path, value }) => setIn(doc, path, value),
  count: (doc, { label, value }, base) => setCount(doc, label, value, base.state.pfs?.[label]),
  row: (doc, { label, key, wanted }) => setRow(doc, label, key, wanted),
  "rename-row": (doc, { label, key, next }) => renameRow(doc, label, key, next),
  "remove-row": (doc, { label, key }) => removeRow(doc, label, key),
};

function reduce(now, action) {
  if (action.kind === "text") return { ...now, text: action.text, isHandWritten: true, isApplied: false };
  const next = reduceOthers(now, action);
  // An editor takes over what others wrote, never an echo of what was typed into it.
  return next === now ? now : { ...next, revision: (now?.revision ?? 0) + 1 };
}

function reduceOthers(now, action) {
  if (action.kind === "host") return afterLook(now, action.base);
  if (action.kind === "restart") return begin(action.base);
  if (action.kind === "rebase") return rebased(now, action.base);
  if (action.kind === "ended") return afterJob(now, action.text);
  if (action.kind === "settle") return now.isApplied ? settled(now, action.base) : now;
  const { doc } = readDraft(now.text);
  EDITS[action.kind](doc, action, now.base);
  return { ...now, text: writeDraft(doc), isApplied: false };
}

// A draft that says nothing of its own follows the host.
function afterLook(now, base) {
  if (now === null) return begin(base);
  if (now.isApplied) return settled(now, base);
  if (now.base.etag === base.etag) return now;
  if (isUntouched(now)) return begin(base);
  return isTrueOf(now, base) ? settled(now, base) : now;
}

// Known at once, and not only when the host was read: who leaves the page before that must not
// find it again as something that is still to be done.
const afterJob = (now, text) => (
  now.text === text || isUntouched(now) ? { ...now, isApplied: true } : now
);

function isUntouched({ text, base }) {
  if (text === writeState(base.state)) return true;
  const { state } = readDraft(text);
  return state !== null && !state.pools && !differences(base.state, state).length && !text.includes("#");
}

// Whether the host has become all that was wanted of it, as after a job that ended elsewhere.
function isTrueOf(now, base) {
  const { state } = readDraft(rebased(now, base).text);
  return state !== null && !state.pools && !differences(base.state, state).length;
}

function rebased(now, base) {
  const { doc, state } = readDraft(now.text);
  if (state === null) return { ...now, base };
  takeOver(doc, meanwhile(now.base.state, state, base.state).take);
  return { ...now, text: writeDraft(doc), base };
}

// After it was applied: what was typed by hand stays, with its comments; a form begins anew.
const settled = (now, base) => (
  now.isHandWritten ? { ...now, base, isApplied: false } : begin(base)
);

/**
 * @param {Base | null} host as it was read last
 */
export function useDraft(host) {
  const [kept, dispatch] = useReducer(reduce, null, recall);
  useEffect(() => {
    if (host) dispatch({ kind: "host", base: host });
  }, [host]);
  const read = useMemo(() => (kept ? readDraft(kept.text) : null), [kept?.text]);
  const changes = useMemo(
    () => (read?.state ? differences(kept.base.state, read.state) : []), [read, kept?.base],
  );
  // Who comes back to a draft that says nothing of its own begins with what the host is by then.
  const isOwn = kept !== null && (kept.isHandWritten || (!kept.isApplied && changes.length > 0));
  useEffect(() => keep(isOwn ? kept : null), [kept, isOwn]);
  const setText = useCallback((text) => dispatch({ kind: "text", text }), []);
  if (!kept) return null;
  return {
    text: kept.text, revision: kept.revision, base: kept.base, state: read.state, mistakes: read.mistakes, changes,
    isBehind: host !== null && host.etag !== kept.base.etag, edit: dispatch, setText,
  };
}
