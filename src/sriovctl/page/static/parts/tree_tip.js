import { html } from "../core/dom.js";
import { t } from "../core/texts.js";
import { ACSBadge } from "./acs_badge.js";

const WIDTH = 320;

/** What the pointer is at: its group, the reason, and the way up hop by hop. */
export function TreeTip({ index, pointed: { place, isGroup, x, y, width, height } }) {
  const { node, vf, group, path } = place;
  const members = index.byGroup.get(group) ?? [];
  const users = index.users.get(place.address) ?? [];
  const left = Math.max(8, Math.min(x + 14, width - WIDTH - 8));
  const isLow = y > height * 0.6;
  const at = isLow ? { left: `${left}px`, bottom: `${height - y + 14}px` } : { left: `${left}px`, top: `${y + 14}px` };
  const hops = path.filter((one) => one.acs);
  return html`<div class="tip tree-tip" style=${at} aria-hidden="true">
    ${!isGroup && html`<p><b>${vf ? `VF ${vf.vf_index}` : (node.netdev ?? node.kind)}</b> <code>${place.address}</code></p>
      ${!vf && node.name && html`<p class="hint">${node.name}</p>`}
      ${users.map((one) => html`<p key=${one.token}>${one.token}</p>`)}`}
    <p class="group-word">${groupWord(group, members)}</p>
    ${group !== null && index.reasons.get(group) && html`<p lang="en">${index.reasons.get(group).text}</p>`}
    ${hops.length > 0 && !isGroup && html`<p class="tip-hops">
      ${hops.map((hop) => html`<span key=${hop.label}><code>${hop.label}</code> <${ACSBadge} state=${hop.acs} /></span>`)}
    </p>`}
  </div>`;
}

function groupWord(group, members) {
  if (group === null) return t("explain.no_group");
  return members.length > 1 ? t("explain.shared", { id: group, n: members.length - 1 }) : t("explain.alone", { id: group });
}
