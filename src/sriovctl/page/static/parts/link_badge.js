import { html } from "../core/dom.js";
import { stateOfPF } from "../core/rates.js";
import { t } from "../core/texts.js";
import { Badge } from "./badge.js";

/** Whether a PF's netdev is up and has a link; the newest word that we have. */
export function LinkBadge({ pf }) {
  if (!pf.netdev) return null;
  const told = stateOfPF(pf.device);
  const isUp = told?.link?.up ?? pf.up;
  if (isUp == null) return null;
  if (!isUp) return html`<${Badge}>${t("overview.link.down")}</${Badge}>`;
  if (told?.link?.carrier === false) return html`<${Badge} kind="warn">${t("overview.link.no_carrier")}</${Badge}>`;
  return html`<${Badge} kind="good">${t("overview.link.up")}</${Badge}>`;
}
