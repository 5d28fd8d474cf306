// Requests to the REST interface, with its one shape of errors.
import { session } from "./session.js";

/** What the interface refused or failed at, in the words of the command. */
export class ApiError extends Error {
  constructor(status, problem, retryAfter = null) {
    super(problem.cause);
    this.name = "ApiError";
    this.status = status;
    this.code = problem.code;
    this.problem = problem;
    this.retryAfter = retryAfter;
  }
}

/** The host did not answer at all. */
export class UnreachableError extends Error {
  constructor() {
    super("unreachable");
    this.name = "UnreachableError";
    this.code = "unreachable";
  }
}

const kept = new Map();
const etags = new WeakMap();
const MOST_KEPT = 60;

/**
 * The document at a path.  One that is as before is the same object as before.
 * @param {string} path such as "/v1/pfs"
 * @param {{accept?: string, signal?: AbortSignal}} [options]
 */
export async function read(path, { accept = "application/json", signal } = {}) {
  const key = `${accept} ${path}`;
  const before = kept.get(key);
  const headers = { Accept: accept };
  if (before) headers["If-None-Match"] = before.etag;
  const response = await ask(path, { headers, signal, cache: "no-store" });
  if (response.status === 304) return before.document;
  const document = await bodyOf(response);
  if (!response.ok) throw problemOf(response, document);
  keep(key, response.headers.get("ETag"), document);
  return document;
}

function keep(key, etag, document) {
  kept.delete(key);
  if (!etag) return;
  kept.set(key, { etag, document });
  if (typeof document === "object") etags.set(document, etag);
  if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
}

/** Forget all documents, as when somebody else signs in. */
export function forgetDocuments() {
  kept.clear();
}

/**
 * The ETag of a document that was read, for If-Match: its own, not that of a later reading.
 * @param {object} document
 */
export function etagOf(document) {
  return etags.get(document) ?? null;
}

/**
 * Ask for a change.  An object goes as JSON; text needs a contentType.
 * @param {"POST"|"PUT"|"DELETE"} method
 * @param {string} path
 * @param {object|string} [body]
 * @param {{contentType?: string, headers?: Record<string, string>}} [options]
 */
export async function send(method, path, body, { contentType, headers = {} } = {}) {
  const all = { Accept: "application/json", ...headers };
  const csrf = session.get()?.csrf;
  if (csrf) all["X-CSRF-Token"] = csrf;
  if (body !== undefined) all["Content-Type"] = contentType ?? "application/json";
  const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  const response = await ask(path, { method, headers: all, body: text });
  const document = await bodyOf(response);
  if (!response.ok) throw problemOf(response, document);
  return document;
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new UnreachableError();
  }
  if (response.status === 401 && path !== "/v1/session") signedOut();
  return response;
}

async function bodyOf(response) {
  if (response.status === 204 || response.status === 304) return null;
  try {
    const type = response.headers.get("Content-Type") ?? "";
    return type.includes("json") ? await response.json() : await response.text();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new UnreachableError();
  }
}

function problemOf(response, document) {
  const problem = document?.error ?? {
    code: String(response.status),
    cause: response.statusText || `HTTP ${response.status}`,
    subject: null,
    hint: null,
    evidence: {},
  };
  return new ApiError(response.status, problem, response.headers.get("Retry-After"));
}

function signedOut() {
  const now = session.get();
  if (now?.role) session.set({ ...now, name: null, role: null, csrf: null });
}

/** Ask who we are to this host. */
export async function loadSession() {
  session.set(await read("/v1/session"));
  return session.get();
}

/**
 * Sign in with a bearer token, or with the one-time key that `sriovctl page` prints.
 * @param {string} token
 */
export async function signIn(token) {
  forgetDocuments();
  session.set(await send("POST", "/v1/session", { token }));
}

export async function signOut() {
  await send("DELETE", "/v1/session");
  forgetDocuments();
  await loadSession();
}
