// What somebody chose in this browser; without storage it holds as long as the page is open.
import { createStore } from "./store.js";

function recall(name) {
  try {
    return localStorage.getItem(`sriovctl.${name}`);
  } catch {
    return null;
  }
}

function keep(name, value) {
  try {
    if (value === null) localStorage.removeItem(`sriovctl.${name}`);
    else localStorage.setItem(`sriovctl.${name}`, value);
  } catch {
    // Chosen for this visit only.
  }
}

/** "system", "light" or "dark". */
export const theme = createStore(recall("theme") ?? "system");

/** @param {"system"|"light"|"dark"} wanted */
export function chooseTheme(wanted) {
  keep("theme", wanted === "system" ? null : wanted);
  if (wanted === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = wanted;
  theme.set(wanted);
}

const system = globalThis.matchMedia?.("(prefers-color-scheme: dark)");

function isDarkNow() {
  return theme.get() === "system" ? Boolean(system?.matches) : theme.get() === "dark";
}

/** Whether the page is dark, whoever decided it. */
export const isDark = createStore(isDarkNow());

system?.addEventListener("change", () => isDark.set(isDarkNow()));
theme.follow(() => isDark.set(isDarkNow()));

export { keep, recall };
