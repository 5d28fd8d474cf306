// Who looks at the page, which host it is of, and what they may.
import { createStore } from "./store.js";

/** The document of /v1/session, or null before it is known. */
export const session = createStore(null);

const RANKS = { read: 1, operate: 2, admin: 3 };

/**
 * Whether a role includes another.
 * @param {string|null|undefined} role
 * @param {"read"|"operate"|"admin"} needed
 */
export function includes(role, needed) {
  return (RANKS[role] ?? 0) >= RANKS[needed];
}
