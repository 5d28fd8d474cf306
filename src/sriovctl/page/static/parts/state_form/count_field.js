// How many VFs: a number, and a slider as long as what will work on this host.
import { classes, html, useId } from "../../core/dom.js";
import { t } from "../../core/texts.js";
import { takeNumber } from "./spec.js";

/**
 * @param {{value: number | undefined, now: number | null, room: {usable: number | null,
 *   hardware: number | null, limit: string | null}, ability: {can: string, why: string | null},
 *   onSet: (value: number | undefined) => void}} props now: how many there are on the host
 */
export function CountField({ value, now, room, ability, onSet }) {
  const id = useId();
  const isOff = ability.can === "no";
  const most = room.usable ?? 65535;
  const isChanged = value !== undefined && now !== null && value !== now;
  const commit = (text) => {
    const taken = text.trim() === "" ? { value: undefined } : takeNumber({ most: 65535 }, text.trim());
    if (!taken.wrong) onSet(taken.value);
  };
  const isBeyond = value !== undefined && room.usable !== null && value > room.usable;
  return html`<div class=${classes("field", "count-field", isOff && "is-unable", isChanged && "is-changed")} data-key="num_vfs">
    <label for=${id}>${t("form.key.num_vfs")}</label>
    <div class="field-row">
      <input id=${id} type="number" min="0" max=${most} step="1" value=${value ?? ""} disabled=${isOff}
        placeholder=${t("form.leave")} aria-invalid=${isBeyond ? "true" : undefined} aria-describedby=${`${id}-notes`}
        onChange=${(event) => commit(event.currentTarget.value)} />
      ${room.usable !== null && room.usable > 0 && html`<input type="range" min="0" max=${most} step="1" value=${value ?? now ?? 0}
        disabled=${isOff} aria-label=${t("form.count_slider")} onChange=${(event) => commit(event.currentTarget.value)} />`}
      ${room.usable !== null && html`<span class="count-most">${t("form.of", { most: room.usable })}</span>`}
    </div>
    <div class="field-notes" id=${`${id}-notes`}>
      ${isBeyond && html`<p class="field-wrong">${t("form.wrong.beyond", { most: room.usable, limit: room.limit ?? "" })}</p>`}
      ${isChanged && html`<p class="field-before">${t("form.on_host")} <span>${now}</span></p>`}
      ${isChanged && now > 0 && html`<p class="field-warn">${t("form.through_zero", { vfs: now })}</p>`}
      ${isOff ? html`<p class="field-why">${ability.why ?? t("form.cannot")}</p>` : html`<p>${roomText(room)}</p>`}
    </div>
  </div>`;
}

function roomText({ usable, hardware, limit }) {
  if (usable === null) return t("form.room_unknown");
  if (hardware !== null && hardware !== usable) return t("form.room_limited", { usable, hardware, limit: limit ?? "" });
  return t("form.room", { usable });
}
