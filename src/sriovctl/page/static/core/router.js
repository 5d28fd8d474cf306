// Addresses of views stand behind the "#", so that the server has nothing to know of them.
import { createStore, useStore } from "./store.js";

function parse(hash) {
  const [path, search = ""] = hash.replace(/^#/, "").split("?");
  return { path: path || "/", query: Object.fromEntries(new URLSearchParams(search)) };
}

/** `{path, query}` of what is shown. */
export const location_ = createStore(parse(location.hash));

addEventListener("hashchange", () => location_.set(parse(location.hash)));

/** Follow the address. */
export function useLocation() {
  return useStore(location_);
}

/**
 * The address of a view, for an anchor.  Parts are encoded, but ":" stays readable.
 * @param {...(string|number)} parts
 */
export function href(...parts) {
  return `#/${parts.map((one) => encodeURIComponent(one).replaceAll("%3A", ":")).join("/")}`;
}

/**
 * Change what stands behind "?", without a new entry in the browser's history.
 * @param {Record<string, string|null>} changes null takes a name out
 */
export function setQuery(changes) {
  const { path, query } = location_.get();
  const left = Object.entries({ ...query, ...changes }).filter(([, value]) => value);
  const search = new URLSearchParams(left).toString();
  history.replaceState(null, "", `#${path}${search ? `?${search}` : ""}`);
  location_.set(parse(location.hash));
}

/** @param {string} address as href() makes it */
export function navigate(address) {
  location.hash = address;
}

/**
 * Match a path with a pattern such as "/pf/:address".
 * @returns {Record<string, string>|null} what stands at each name
 */
export function match(pattern, path) {
  const names = pattern.split("/");
  const parts = path.split("/");
  if (names.length !== parts.length) return null;
  const found = {};
  for (const [at, name] of names.entries()) {
    if (name.startsWith(":")) found[name.slice(1)] = decoded(parts[at]);
    else if (name !== parts[at]) return null;
  }
  return found;
}

// An address may be typed by hand, or cut off in the middle of a character.
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
