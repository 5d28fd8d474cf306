import { Component, html } from "../core/dom.js";
import { t } from "../core/texts.js";
import { Alert } from "./alert.js";

/** Keeps a mistake in one view from taking the whole page along. */
export class Boundary extends Component {
  componentDidCatch(error) {
    console.error(error);
    this.setState({ error });
  }

  render({ children }, { error }) {
    if (!error) return children;
    const again = html`<button type="button" onClick=${() => this.setState({ error: null })}>${t("shell.retry")}</button>`;
    return html`<${Alert} kind="bad" live title=${t("shell.view_broke")} actions=${again}>
      <p><code>${String(error)}</code></p>
    </${Alert}>`;
  }
}
