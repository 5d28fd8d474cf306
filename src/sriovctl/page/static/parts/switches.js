import { html } from "../core/dom.js";
import { chooseTheme, theme } from "../core/preferences.js";
import { useStore } from "../core/store.js";
import { chooseLanguage, t, useLanguage } from "../core/texts.js";
import { Icon } from "./icons.js";

const THEMES = ["system", "light", "dark"];
const SIGNS = { system: "auto", light: "sun", dark: "moon" };

/** Goes round: as the system wishes, light, dark. */
export function ThemeSwitch() {
  const now = useStore(theme);
  const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
  const words = t("shell.theme", { theme: t(`shell.theme.${now}`) });
  return html`<button type="button" class="icon-button" aria-label=${words} title=${words}
    onClick=${() => chooseTheme(next)}>
    <${Icon} name=${SIGNS[now]} />
  </button>`;
}

/** Each language is named in itself. */
export function LanguageSwitch() {
  const now = useLanguage();
  const other = now === "zh" ? "en" : "zh";
  const words = other === "zh" ? "中文" : "English";
  return html`<button type="button" class="quiet language" lang=${other} onClick=${() => chooseLanguage(other)}>
    ${words}
  </button>`;
}
