// The catalogue's texts in the language that was chosen.
import english from "../texts/en.js";
import { keep } from "./preferences.js";
import { createStore, useStore } from "./store.js";

const OTHERS = { zh: () => import("../texts/zh.js") };

/** "en" or "zh". */
export const language = createStore("en");
let texts = english;

/**
 * The text of a key.  `{name}` is replaced, and `{name:one|many}` by the form that fits a number.
 * @param {string} key
 * @param {Record<string, string|number>} [values]
 */
export function t(key, values) {
  const text = texts[key] ?? english[key] ?? key;
  return values ? text.replace(/\{(\w+)(?::([^|}]*)\|([^}]*))?\}/g, fill) : text;

  function fill(_, name, one, many) {
    if (one !== undefined) return Number(values[name]) === 1 ? one : many;
    return String(values[name] ?? "");
  }
}

/** @param {"en"|"zh"} wanted */
export async function chooseLanguage(wanted) {
  await load(wanted);
  keep("language", wanted);
}

/** Load what core/early.js found to be wanted. */
export async function loadLanguage() {
  await load(document.documentElement.lang);
}

async function load(wanted) {
  texts = wanted in OTHERS ? (await OTHERS[wanted]()).default : english;
  document.documentElement.lang = wanted in OTHERS ? wanted : "en";
  language.set(document.documentElement.lang);
}

/** Draw anew when another language is chosen. */
export function useLanguage() {
  return useStore(language);
}
