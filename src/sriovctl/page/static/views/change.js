import { useDocument } from "../core/documents.js";
import { html } from "../core/dom.js";
import { t } from "../core/texts.js";
import { Code } from "../parts/code.js";
import { Shown } from "../parts/document.js";
import { PageHead } from "../parts/page_head.js";

export default function Change() {
  const state = useDocument("/v1/state");
  return html`
    <${PageHead} title=${t("change.title")} />
    <${Shown} of=${state}>${(document) => html`<${Code} label=${t("change.state")}
      text=${JSON.stringify(document.state, null, 2)} />`}</${Shown}>
  `;
}
