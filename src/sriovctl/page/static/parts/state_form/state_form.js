// The draft as a form: choose a PF, and fill in what its driver can do.
import { classes, html, useMemo, useState } from "../../core/dom.js";
import { t } from "../../core/texts.js";
import { Alert } from "../alert.js";
import { Badge } from "../badge.js";
import { findPF } from "../draft/compare.js";
import { Empty } from "../empty.js";
import { PFForm } from "./pf_form.js";

const DRIVERS = ["none", "vfio-pci"];

/**
 * @param {{draft: any, pfs: any[], abilities: any[], capacity: any[], wanted: {pf?: string, vf?: string},
 *   onWrong: (id: string, isWrong: boolean) => void}} props wanted: the PF, and its VF, to begin with
 */
export function StateForm({ draft, pfs, abilities, capacity, wanted, onWrong }) {
  const entries = useMemo(() => entriesOf(draft.state, pfs), [draft.state, pfs]);
  const [chosen, setChosen] = useState(null);
  const changes = useMemo(() => byPlace(draft.changes), [draft.changes]);
  const here = entries.find((one) => one.label === chosen) ?? entries.find((one) => isNamed(one, wanted.pf)) ?? entries[0];
  const missing = pfs.filter((pf) => !entries.some((one) => one.host?.device === pf.device));
  if (!here) return html`<${Empty} icon="change" title=${t("form.no_pfs")}><${Missing} pfs=${missing} draft=${draft} /></${Empty}>`;
  const { label, said, host } = here;
  const of = (list) => list.find((one) => host && (one.device ?? one.address) === (host.device ?? host.address));
  return html`<div class="state-form">
    <${PFList} entries=${entries} here=${here} changes=${draft.changes} onChoose=${setChosen} />
    <div class="pf-form stack" role="group" aria-label=${label} key=${label}>
      ${!host && html`<${Alert} kind="warn" title=${t("form.no_such_pf")} />`}
      <${PFForm} label=${label} wanted=${said} host=${host} abilities=${of(abilities)} capacity=${of(capacity)}
        changes=${changes} edit=${draft.edit} onWrong=${onWrong} vf=${isNamed(here, wanted.pf) ? wanted.vf : undefined} />
    </div>
    <${Missing} pfs=${missing} draft=${draft} />
    <${Drivers} host=${host} />
  </div>`;
}

function entriesOf(state, pfs) {
  return Object.entries(state?.pfs ?? {}).map(([label, said]) => (
    { label, said: said ?? {}, host: findPF(said?.match, pfs) }
  ));
}

const isNamed = ({ label, host }, name) => name !== undefined && [label, host?.address, host?.device, host?.netdev].includes(name);
const byPlace = (changes) => new Map(changes.map((one) => [JSON.stringify([one.label, one.vf, one.key]), one]));

function PFList({ entries, here, changes, onChoose }) {
  return html`<ul class="pf-list" aria-label=${t("form.pfs")}>
    ${entries.map((entry) => html`<li key=${entry.label}>
      <button type="button" class=${classes("pf-choice", entry === here && "is-here")} aria-pressed=${String(entry === here)}
        onClick=${() => onChoose(entry.label)}>
        <span class="pf-choice-name">${entry.label}</span>
        <span class="pf-choice-more">${[entry.host?.driver, vfsOf(entry)].filter(Boolean).join(" · ")}</span>
        <${Count} changes=${changes.filter((one) => one.label === entry.label).length} />
      </button>
    </li>`)}
  </ul>`;
}

function vfsOf({ said, host }) {
  const count = said.num_vfs ?? host?.num_vfs;
  return count === undefined || count === null ? null : t("form.count", { vfs: count });
}

function Count({ changes }) {
  return changes > 0 && html`<${Badge} kind="accent">${t("form.changes", { changes })}</${Badge}>`;
}

/** PFs of the host that the draft leaves alone. */
function Missing({ pfs, draft }) {
  if (!pfs.length) return null;
  const add = (pf) => draft.edit({
    kind: "set", path: ["pfs", pf.netdev ?? pf.device],
    value: { match: pf.address ? { address: pf.address } : { netdev: pf.netdev ?? pf.device } },
  });
  return html`<div class="pf-missing">
    <p class="hint">${t("form.left_out_pfs")}</p>
    <div class="actions">${pfs.map((pf) => html`<button key=${pf.device} type="button" onClick=${() => add(pf)}>
      ${t("form.add_pf", { pf: pf.netdev ?? pf.device })}</button>`)}</div>
  </div>`;
}

/** What a VF may be bound to, as far as the host shows it. */
function Drivers({ host }) {
  const names = new Set([...DRIVERS, ...(host?.vfs ?? []).map((vf) => vf.driver).filter(Boolean)]);
  return html`<datalist id="drivers">${[...names].map((name) => html`<option key=${name} value=${name}></option>`)}</datalist>`;
}
