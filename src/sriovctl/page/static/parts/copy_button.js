import { announce } from "../core/announce.js";
import { html, useState } from "../core/dom.js";
import { t } from "../core/texts.js";
import { Icon } from "./icons.js";

const SAID_MS = 1500;

/**
 * Copies a text.
 * @param {{text: string|(() => string), label?: string, small?: boolean}} props label: what is copied
 */
export function CopyButton({ text, label, small = false }) {
  const [isDone, setDone] = useState(false);
  async function copy() {
    await putOnClipboard(typeof text === "function" ? text() : text);
    announce(t("shell.copied"));
    setDone(true);
    setTimeout(() => setDone(false), SAID_MS);
  }
  const words = label ?? t("shell.copy");
  return html`<button type="button" class=${small ? "icon-button" : "quiet"} onClick=${copy}
    aria-label=${small ? words : undefined} title=${small ? words : undefined}>
    <${Icon} name=${isDone ? "check" : "copy"} />${!small && html`<span>${isDone ? t("shell.copied") : words}</span>`}
  </button>`;
}

async function putOnClipboard(text) {
  if (navigator.clipboard && isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  // Without TLS on another host's address there is no clipboard API.
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "unseen";
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}
