// Fields of the form: each says its key, what the host has, and why it cannot be filled in.
import { classes, html, useEffect, useId, useRef, useState } from "../../core/dom.js";
import { t } from "../../core/texts.js";
import { inWords } from "../plan_view.js";
import { show, take, takeNumber } from "./spec.js";

/**
 * What a field needs to know beside its value.
 * @typedef {object} Surroundings
 * @property {{can: string, why: string | null}} ability
 * @property {unknown} [before] what the host has, where the draft says otherwise
 * @property {boolean} [isChanged]
 * @property {unknown} [inherited] what holds when the field is left empty
 * @property {(id: string, isWrong: boolean) => void} [onWrong] told of fields that hold nonsense
 */

/**
 * One key.
 * @param {Surroundings & {spec: import("./spec.js").Spec, value: any, onSet: (value: unknown) => void}} props
 */
export function Field(props) {
  const { spec } = props;
  if (spec.kind === "vlan") return html`<${VLANField} ...${props} />`;
  if (spec.kind === "flag") return html`<${ChoiceField} ...${props} choices=${["on", "off"]} />`;
  if (spec.kind === "choice") return html`<${ChoiceField} ...${props} choices=${spec.choices} />`;
  return html`<${TextField} ...${props} />`;
}

/** The frame of a field: label, control, and what there is to say of it. */
function Framed({ id, spec, ability, isChanged, before, wrong, children, group = false }) {
  const isUnable = ability.can === "no";
  const hint = ability.why ?? null;
  const name = html`${t(`form.key.${spec.key}`)}${spec.unit && html` <span class="field-unit">${spec.unit}</span>`}`;
  return html`<div class=${classes("field", isUnable && "is-unable", isChanged && "is-changed")}
    role=${group ? "group" : undefined} aria-labelledby=${group ? `${id}-name` : undefined} data-key=${spec.key}>
    ${group ? html`<span class="field-name" id=${`${id}-name`}>${name}</span>` : html`<label for=${id}>${name}</label>`}
    ${children}
    <div class="field-notes" id=${`${id}-notes`}>
      ${wrong && html`<p class="field-wrong">${t(wrong.wrong, wrong.values)}</p>`}
      ${isChanged && before !== undefined && html`<p class="field-before">${t("form.on_host")} <span>${inWords(before)}</span></p>`}
      ${isUnable ? html`<p class="field-why">${hint ?? t("form.cannot")}</p>`
        : hint && !isChanged && !wrong && html`<p>${hint}</p>`}
    </div>
  </div>`;
}

function ChoiceField({ spec, value, onSet, choices, inherited, ability, before, isChanged }) {
  const id = useId();
  const shown = show(spec, value);
  const known = shown === "" || choices.includes(shown) ? choices : [...choices, shown];
  return html`<${Framed} id=${id} ...${{ spec, ability, before, isChanged }}>
    <select id=${id} value=${shown} disabled=${ability.can === "no"} aria-describedby=${`${id}-notes`}
      onChange=${(event) => onSet(take(spec, event.currentTarget.value).value)}>
      <option value="">${leftAlone(inherited)}</option>
      ${known.map((one) => html`<option key=${one} value=${one}>${wordFor(one)}</option>`)}
    </select>
  </${Framed}>`;
}

const wordFor = (word) => (word === "on" || word === "off" ? t(`plan.${word}`) : word);
const leftAlone = (inherited) => (
  inherited === undefined ? t("form.leave") : t("form.as_default", { value: inWords(inherited) })
);

/** Text that is taken when it was typed to its end, and kept as typed while it is wrong. */
function useTyped(value, takeText, onSet, onWrong) {
  const id = useId();
  const [typed, setTyped] = useState(value);
  const [wrong, setWrong] = useState(null);
  const told = useRef(onWrong);
  told.current = onWrong;
  useEffect(() => {
    setTyped(value);
    setWrong(null);
    told.current?.(id, false);
  }, [value]);
  useEffect(() => () => told.current?.(id, false), []);
  const commit = (text) => {
    const taken = takeText(text);
    setTyped(text);
    setWrong(taken.wrong ? taken : null);
    told.current?.(id, Boolean(taken.wrong));
    if (!taken.wrong) onSet(taken.value);
  };
  return { id, typed, wrong, commit };
}

const PLACEHOLDERS = { mac: "52:54:00:…", guid: "00:11:22:33:44:55:66:77" };

function TextField({ spec, value, onSet, inherited, ability, before, isChanged, onWrong }) {
  const { id, typed, wrong, commit } = useTyped(
    show(spec, value), (text) => take(spec, text), onSet, onWrong,
  );
  const isOff = ability.can === "no";
  const placeholder = inherited === undefined ? PLACEHOLDERS[spec.kind] ?? t("form.leave") : inWords(inherited);
  return html`<${Framed} id=${id} ...${{ spec, ability, before, isChanged, wrong }}>
    <div class="field-row">
      <input id=${id} type="text" value=${typed} disabled=${isOff} placeholder=${placeholder}
        class=${spec.kind === "mac" || spec.kind === "guid" ? "is-code" : ""}
        inputmode=${spec.kind === "number" ? "numeric" : undefined} autocomplete="off" spellcheck="false"
        list=${spec.kind === "name" ? "drivers" : undefined}
        aria-invalid=${wrong ? "true" : undefined} aria-describedby=${`${id}-notes`}
        onChange=${(event) => commit(event.currentTarget.value)} />
      ${spec.kind === "mac" && html`<button type="button" disabled=${isOff} aria-pressed=${value === "auto"}
        title=${t("form.auto_hint")} onClick=${() => onSet(value === "auto" ? undefined : "auto")}>${t("form.auto")}</button>`}
    </div>
  </${Framed}>`;
}

const MOST_VLAN = 4094;

function VLANField({ spec, value, onSet, inherited, ability, before, isChanged, onWrong, parts }) {
  const isOff = ability.can === "no";
  const { id, typed, wrong, commit } = useTyped(
    value?.id === undefined ? "" : String(value.id),
    (text) => (text.trim() === "" ? { value: undefined } : takeNumber({ least: 0, most: MOST_VLAN }, text.trim())),
    (vlan) => onSet(vlan === undefined ? undefined : { ...value, id: vlan }),
    onWrong,
  );
  const isNone = value?.id === undefined;
  const set = (key, text, usual) => {
    const { [key]: _, ...rest } = value;
    onSet(text === usual ? rest : { ...rest, [key]: key === "qos" ? Number(text) : text });
  };
  const [canQoS, canProtocol] = [parts["vlan.qos"], parts["vlan.protocol"]];
  const noted = { can: ability.can, why: [...new Set([ability.why, canProtocol.why, canQoS.why].filter(Boolean))].join("; ") || null };
  return html`<${Framed} id=${id} group ...${{ spec, before, isChanged, wrong }} ability=${noted}>
    <div class="field-row field-vlan">
      <input id=${id} type="text" inputmode="numeric" value=${typed} disabled=${isOff} aria-label=${t("form.vlan_id")}
        placeholder=${inherited === undefined ? t("form.as_is") : inWords(inherited)} autocomplete="off"
        aria-invalid=${wrong ? "true" : undefined} aria-describedby=${`${id}-notes`}
        onChange=${(event) => commit(event.currentTarget.value)} />
      <select aria-label=${t("form.vlan_qos")} title=${canQoS.why} value=${String(value?.qos ?? 0)}
        disabled=${isOff || isNone || canQoS.can === "no"}
        onChange=${(event) => set("qos", event.currentTarget.value, "0")}>
        ${[0, 1, 2, 3, 4, 5, 6, 7].map((qos) => html`<option key=${qos} value=${String(qos)}>${`qos ${qos}`}</option>`)}
      </select>
      <select aria-label=${t("form.vlan_protocol")} title=${canProtocol.why} value=${value?.protocol ?? "802.1q"}
        disabled=${isOff || isNone || canProtocol.can === "no"}
        onChange=${(event) => set("protocol", event.currentTarget.value, "802.1q")}>
        <option value="802.1q">802.1q</option>
        <option value="802.1ad">802.1ad</option>
      </select>
    </div>
  </${Framed}>`;
}
