// One PF of the draft: its own keys, what is wanted of every VF, and of single ones.
import { html } from "../../core/dom.js";
import { t } from "../../core/texts.js";
import { rowsOf } from "../draft/vf_rows.js";
import { CountField } from "./count_field.js";
import { Field } from "./fields.js";
import { abilityFor, keysToShow, PF_KEYS, roomFor } from "./spec.js";
import { Rows } from "./rows.js";

/**
 * @param {{label: string, wanted: any, host: any, abilities: any, capacity: any,
 *   changes: Map<string, any>, edit: (change: object) => void,
 *   onWrong: (id: string, isWrong: boolean) => void, vf?: string}} props
 *   vf: the VF to begin with; host: the PF as it is; changes: by place, what differs from the host
 */
export function PFForm({ label, wanted, host, abilities, capacity, changes, edit, onWrong, vf }) {
  const room = roomFor(capacity, host);
  const set = (path, value) => edit({ kind: "set", path: ["pfs", label, ...path], value });
  const changeOf = (key) => changes.get(JSON.stringify([label, null, key]));
  const isNetwork = host === null || host.netdev !== null;
  const keys = isNetwork ? PF_KEYS : PF_KEYS.filter((one) => one.key === "drivers_autoprobe");
  return html`
    <section class="card form-part" aria-labelledby="form-pf">
      <h3 id="form-pf">${t("form.of_pf")}</h3>
      <div class="fields">
        <${CountField} value=${wanted.num_vfs} now=${host?.num_vfs ?? null} room=${room}
          ability=${abilityFor(abilities, "num_vfs")} onSet=${(value) => edit({ kind: "count", label, value })} />
        ${keys.map((spec) => html`<${Field} key=${spec.key} spec=${spec} value=${valueAt(wanted, spec.path)}
          ability=${abilityFor(abilities, spec.key)} isChanged=${Boolean(changeOf(spec.key))}
          before=${changeOf(spec.key)?.before} onWrong=${onWrong} onSet=${(value) => set(spec.path, value)} />`)}
      </div>
    </section>
    <section class="card form-part" aria-labelledby="form-all">
      <h3 id="form-all">${t("form.of_all_vfs")}</h3>
      <p class="hint">${t("form.of_all_vfs_hint")}</p>
      <${VFFields} wanted=${wanted.vf_default ?? {}} abilities=${abilities} onWrong=${onWrong} saysCannot
        onSet=${(key, value) => set(["vf_default", key], value)} />
    </section>
    <${Rows} label=${label} wanted=${wanted} rows=${rowsOf(wanted)} host=${host} abilities=${abilities}
      changes=${changes} edit=${edit} onWrong=${onWrong} begin=${vf} />
  `;
}

/**
 * The keys of a VF.
 * @param {{wanted: any, inherited?: any, abilities: any, onSet: (key: string, value: unknown) => void,
 *   changeOf?: (key: string) => any, onWrong: (id: string, isWrong: boolean) => void,
 *   saysCannot?: boolean}} props saysCannot: whether to name the rare keys that this driver lacks
 */
export function VFFields({ wanted, inherited = {}, abilities, onSet, changeOf = () => undefined, onWrong, saysCannot = false }) {
  const { keys, cannot } = keysToShow(abilities, wanted);
  const parts = {
    "vlan.qos": abilityFor(abilities, "vlan.qos"), "vlan.protocol": abilityFor(abilities, "vlan.protocol"),
  };
  return html`
    <div class="fields">
      ${keys.map((spec) => html`<${Field} key=${spec.key} spec=${spec} value=${wanted[spec.key]} parts=${parts}
        ability=${abilityFor(abilities, spec.key)} inherited=${inherited[spec.key]} isChanged=${Boolean(changeOf(spec.key))}
        before=${changeOf(spec.key)?.before} onWrong=${onWrong} onSet=${(value) => onSet(spec.key, value)} />`)}
    </div>
    ${cannot.length > 0 && saysCannot && html`<p class="hint form-cannot">${t("form.not_here")}
      ${cannot.map(({ why, keys: named }) => html`<span key=${why}><code>${named.join(", ")}</code>${why && ` (${why})`}</span>`)}
    </p>`}
  `;
}

const valueAt = (tree, path) => path.reduce((inner, key) => inner?.[key], tree);
