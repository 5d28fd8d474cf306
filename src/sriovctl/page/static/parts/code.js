import { html } from "../core/dom.js";
import { CopyButton } from "./copy_button.js";

/** Text as it is, such as a command, with a button that copies it. */
export function Code({ text, label }) {
  return html`<div class="code">
    <pre tabindex="0" aria-label=${label}><code>${text}</code></pre>
    <${CopyButton} text=${text} small />
  </div>`;
}
