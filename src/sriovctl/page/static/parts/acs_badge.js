import { html } from "../core/dom.js";
import { t } from "../core/texts.js";
import { Badge } from "./badge.js";

// The tree's own labels, and what each says.
const STATES = {
  ACS: ["good", "on"],
  "ACS quirk": ["good", "quirk"],
  "ACS on?": ["warn", "assumed"],
  forced: ["warn", "forced"],
  "ACS off": ["bad", "off"],
  "no ACS": ["bad", "absent"],
  "ACS ?": ["neutral", "unknown"],
};

/** Whether a port keeps apart what is below it. */
export function ACSBadge({ state }) {
  const [kind, word] = STATES[state] ?? ["neutral", "unknown"];
  return html`<${Badge} kind=${kind} sign title=${t(`acs.${word}`)}>${state}</${Badge}>`;
}
