// The one place that says which library draws.
export {
  h, html, render, Component,
  useState, useReducer, useEffect, useLayoutEffect, useMemo, useCallback, useRef, useId,
} from "../vendor/preact.js";

/**
 * Join class names, leaving out what is empty.
 * @param {...(string|false|null|undefined)} names
 */
export function classes(...names) {
  return names.filter(Boolean).join(" ");
}
