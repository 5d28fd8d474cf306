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

/** Whether the page is dark now, whoever decided it. */
export function isDark() {
  const wanted = theme.get();
  return wanted === "system" ? matchMedia("(prefers-color-scheme: dark)").matches : wanted === "dark";
}

export { keep, recall };
