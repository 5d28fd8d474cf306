// What can be done with pools and leases; each asks, and says in full why it was refused.
import { send } from "../../core/api.js";
import { html, useEffect, useId, useState } from "../../core/dom.js";
import { session } from "../../core/session.js";
import { useStore } from "../../core/store.js";
import { t } from "../../core/texts.js";
import { AskDialog } from "../ask_dialog.js";
import { parseRange } from "../draft/ranges.js";
import { poolState, secondsOf, UNITS } from "./words.js";

const explain = (error) => (EXPLAINED.includes(error.status) ? t(`pools.refused.${error.status}`) : null);
const EXPLAINED = [404, 409, 423];

/** A labelled control, with what there is to say of it. */
function Labelled({ label, hint, children }) {
  const id = useId();
  return html`<div class="field"><label for=${id}>${label}</label>${children(id)}${hint && html`<div class="field-notes"><p>${hint}</p></div>`}</div>`;
}

function useForm(open, initial) {
  const [form, setForm] = useState(initial);
  useEffect(() => {
    if (open) setForm(initial());
  }, [open]);
  const bind = (key) => ({ value: form[key], onInput: (event) => setForm({ ...form, [key]: event.currentTarget.value }) });
  const check = (key) => ({ checked: form[key], onChange: (event) => setForm({ ...form, [key]: event.currentTarget.checked }) });
  return { form, setForm, bind, check };
}

/** Number and unit; empty is until it is released. */
function Span({ form, bind }) {
  const id = useId();
  return html`<div class="field"><label for=${id}>${t("pools.ttl")}</label>
    <div class="field-row"><input id=${id} type="number" min="1" step="any" placeholder=${t("pools.until_released")} disabled=${form.pinned} ...${bind("ttl")} />
      <select aria-label=${t("pools.ttl_unit")} disabled=${form.pinned} ...${bind("unit")}>
        ${Object.keys(UNITS).map((unit) => html`<option key=${unit} value=${unit}>${t(`pools.unit.${unit}`)}</option>`)}
      </select></div>
    <div class="field-notes"><p>${t("pools.ttl_hint")}</p></div></div>`;
}

/** @param {{pool: any, pools: any[], open: boolean, onClose: () => void, onDone: (answer: any) => void}} props */
export function TakeDialog({ pool, pools, open, onClose, onDone }) {
  const now = useStore(session);
  const { form, bind, check } = useForm(open, () => ({
    pool: pool ?? pools[0]?.name ?? "", owner: now?.name ?? "", count: "1", ttl: "8", unit: "h", numa: "", policy: "", disjoint: false, pinned: false,
  }));
  const count = Number(form.count);
  const isReady = form.pool.trim() !== "" && form.owner.trim() !== "" && Number.isInteger(count) && count > 0;
  const run = () => {
    const ttl = form.pinned ? null : secondsOf(form.ttl, form.unit);
    return send("POST", "/v1/leases", {
      pool: form.pool.trim(), owner: form.owner.trim(), count,
      ...(ttl === null ? {} : { ttl_s: ttl }), ...(form.numa === "" ? {} : { numa_node: Number(form.numa) }),
      ...(form.policy ? { policy: form.policy } : {}), ...(form.disjoint ? { group_disjoint: true } : {}), ...(form.pinned ? { pinned: true } : {}),
    });
  };
  return html`<${AskDialog} open=${open} title=${t("pools.take_title")} label=${t("pools.take")} isReady=${isReady} run=${run} onDone=${onDone} onClose=${onClose} explain=${explain}>
    <div class="fields">
      <${Labelled} label=${t("pools.pool")} hint=${t("pools.pool_hint")}>${(id) => html`<input id=${id} type="text" list="pool-names" autocomplete="off" spellcheck="false" ...${bind("pool")} />
        <datalist id="pool-names">${pools.map((one) => html`<option key=${one.name} value=${one.name}></option>`)}</datalist>`}</${Labelled}>
      <${Labelled} label=${t("pools.owner")} hint=${t("pools.owner_hint")}>${(id) => html`<input id=${id} type="text" autocomplete="off" spellcheck="false" ...${bind("owner")} />`}</${Labelled}>
      <${Labelled} label=${t("pools.how_many")} hint=${t("pools.how_many_hint")}>${(id) => html`<input id=${id} type="number" min="1" max="4096" ...${bind("count")} />`}</${Labelled}>
      <${Span} form=${form} bind=${bind} />
      <${Labelled} label=${t("word.numa_node")}>${(id) => html`<input id=${id} type="number" min="0" placeholder=${t("pools.any")} ...${bind("numa")} />`}</${Labelled}>
      <${Labelled} label=${t("pools.policy")}>${(id) => html`<select id=${id} ...${bind("policy")}><option value="">${t("pools.as_pool")}</option><option value="pack">pack</option><option value="spread">spread</option></select>`}</${Labelled}>
    </div>
    <label class="check"><input type="checkbox" ...${check("disjoint")} /><span>${t("pools.disjoint")}</span></label>
    <label class="check"><input type="checkbox" ...${check("pinned")} /><span>${t("pools.pinned")}</span></label>
  </${AskDialog}>`;
}

/** @param {{lease: any, onClose: () => void, onDone: (answer: any) => void}} props lease: null while closed */
export function RenewDialog({ lease, onClose, onDone }) {
  const { form, bind } = useForm(lease !== null, () => ({ ttl: "", unit: "h", pinned: false }));
  const run = () => {
    const ttl = secondsOf(form.ttl, form.unit);
    return send("POST", `/v1/leases/${lease.lease}/renew`, ttl === null ? {} : { ttl_s: ttl });
  };
  return html`<${AskDialog} open=${lease !== null} title=${t("pools.renew_title", { lease: lease?.lease ?? "" })} label=${t("pools.renew")} run=${run} onDone=${onDone} onClose=${onClose} explain=${explain}>
    <p>${t("pools.renew_text")}</p><${Span} form=${form} bind=${bind} />
  </${AskDialog}>`;
}

/** @param {{lease: any, onClose: () => void, onDone: (answer: any) => void}} props lease: null while closed */
export function ReleaseDialog({ lease, onClose, onDone }) {
  const run = () => send("DELETE", `/v1/leases/${lease.lease}`);
  return html`<${AskDialog} open=${lease !== null} title=${t("pools.release_title", { lease: lease?.lease ?? "" })} label=${t("pools.release")} isDangerous
    run=${run} onDone=${onDone} onClose=${onClose} explain=${explain}>
    <p>${t("pools.release_text", { owner: lease?.owner ?? "", vf: lease?.vf_index ?? "", pf: lease?.pf ?? lease?.pf_identity ?? "" })}</p>
    <p class="hint">${t("pools.release_hint")}</p>
  </${AskDialog}>`;
}

/** @param {{pool: string | null, onClose: () => void, onDone: (answer: any) => void}} props */
export function ForgetDialog({ pool, onClose, onDone }) {
  const run = () => send("DELETE", `/v1/pools/${encodeURIComponent(pool)}`);
  return html`<${AskDialog} open=${pool !== null} title=${t("pools.forget_title", { pool: pool ?? "" })} label=${t("pools.forget")} isDangerous run=${run} onDone=${onDone} onClose=${onClose} explain=${explain}>
    <p>${t("pools.forget_text")}</p>
  </${AskDialog}>`;
}

/** @param {{pfs: any[], open: boolean, onClose: () => void, onDone: (answer: any) => void}} props */
export function DefineDialog({ pfs, open, onClose, onDone }) {
  const { form, setForm, bind } = useForm(open, () => ({ name: "", from: [], vfs: "", numa: "any", policy: "pack" }));
  const ranges = form.vfs.split(/[\s,]+/).filter(Boolean);
  const areWrong = ranges.some((one) => parseRange(one) === null);
  const turn = (device) => setForm({
    ...form, from: form.from.includes(device) ? form.from.filter((one) => one !== device) : [...form.from, device],
  });
  const run = () => send("POST", "/v1/pools", poolState({ ...form, ranges, pfs: pfs.filter((pf) => form.from.includes(pf.device)) }));
  return html`<${AskDialog} open=${open} title=${t("pools.define_title")} label=${t("pools.define")} isReady=${form.name.trim() !== "" && form.from.length > 0 && !areWrong}
    run=${run} onDone=${onDone} onClose=${onClose} explain=${explain}>
    <${Labelled} label=${t("word.name")}>${(id) => html`<input id=${id} type="text" maxlength="64" autocomplete="off" spellcheck="false" ...${bind("name")} />`}</${Labelled}>
    <fieldset class="choices"><legend>${t("pools.lends_from")}</legend>
      ${pfs.map((pf) => html`<label key=${pf.device} class="check"><input type="checkbox" checked=${form.from.includes(pf.device)} onChange=${() => turn(pf.device)} />
        <span>${pf.netdev ?? pf.device} <span class="hint">${[pf.address, pf.driver, t("form.count", { vfs: pf.num_vfs ?? 0 })].filter(Boolean).join(" · ")}</span></span></label>`)}
    </fieldset>
    <div class="fields">
      <${Labelled} label=${t("pools.which_vfs")} hint=${areWrong ? html`<span class="field-wrong">${t("form.wrong.range_syntax")}</span>` : t("pools.which_vfs_hint")}>${(id) => html`<input id=${id} type="text" placeholder=${t("pools.all_vfs")} aria-invalid=${areWrong ? "true" : undefined} ...${bind("vfs")} />`}</${Labelled}>
      <${Labelled} label=${t("word.numa_node")} hint=${t(`pools.numa.${form.numa}`)}>${(id) => html`<select id=${id} ...${bind("numa")}>${["any", "preferred", "required"].map((one) => html`<option key=${one} value=${one}>${one}</option>`)}</select>`}</${Labelled}>
      <${Labelled} label=${t("pools.policy")} hint=${t(`pools.policies.${form.policy}`)}>${(id) => html`<select id=${id} ...${bind("policy")}>${["pack", "spread"].map((one) => html`<option key=${one} value=${one}>${one}</option>`)}</select>`}</${Labelled}>
    </div>
  </${AskDialog}>`;
}
