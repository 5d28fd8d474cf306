// What a screen reader says without the focus being moved.
import { createStore } from "./store.js";

export const announcement = createStore("");

/** @param {string} text */
export function announce(text) {
  announcement.set("");
  // A region that is filled with what it held already is not read again.
  setTimeout(() => announcement.set(text), 50);
}
