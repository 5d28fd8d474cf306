import { html } from "../core/dom.js";
import { ErrorAlert } from "./alert.js";
import { Loading } from "./loading.js";

/**
 * What useDocument() read: it, the error that kept it away, or that it is on its way.  A document
 * that could not be read anew stays, below the error.
 * @param {{of: {document: any, error: Error|null, reload: () => void}, children: (document: any) => any}} props
 */
export function Shown({ of: { document, error, reload }, children }) {
  const isAway = error?.code === "unreachable"; // the header says so, once for all
  if (document === null && !error) return html`<${Loading} />`;
  return html`
    ${error && !(isAway && document) && html`<${ErrorAlert} error=${error} onRetry=${reload} />`}
    ${document && children(document)}
  `;
}
