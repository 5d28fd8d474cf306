// Preact with hooks and htm as one module, so that there is one copy of Preact.
import { h } from "preact";
import htm from "htm";

export { h, render, Fragment, Component, createContext } from "preact";
export {
  useState, useReducer, useEffect, useLayoutEffect, useMemo, useCallback, useRef, useContext, useId,
} from "preact/hooks";
export const html = htm.bind(h);
