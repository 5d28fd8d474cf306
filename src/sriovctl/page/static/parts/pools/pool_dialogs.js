// Define pools, and forget them.
import { send } from "../../core/api.js";
import { html } from "../../core/dom.js";
import { t } from "../../core/texts.js";
import { AskDialog } from "../ask_dialog.js";
import { parseRange } from "../draft/ranges.js";
import { Checked, Chosen, explain, Typed, useForm } from "./form.js";
import { poolState } from "./words.js";

/** @param {{pool: string | null, onClose: () => void, onDone: (answer: any) => void}} props */
export function ForgetDialog({ pool, onClose, onDone }) {
  const run = () => send("DELETE", `/v1/pools/${encodeURIComponent(pool)}`);
  return html`<${AskDialog} open=${pool !== null} title=${t("pools.forget_title", { pool: pool ?? "" })}
    label=${t("pools.forget")} isDangerous ...${{ run, onDone, onClose, explain }}>
    <p>${t("pools.forget_text")}</p>
  </${AskDialog}>`;
}

/** @param {{pfs: any[], open: boolean, onClose: () => void, onDone: (answer: any) => void}} props */
export function DefineDialog({ pfs, open, onClose, onDone }) {
  const { form, set, bind } = useForm(open, () => ({ name: "", from: [], vfs: "", numa: "any", policy: "pack" }));
  const ranges = form.vfs.split(/[\s,]+/).filter(Boolean);
  const areWrong = ranges.some((one) => parseRange(one) === null);
  const isReady = form.name.trim() !== "" && form.from.length > 0 && !areWrong;
  const chosen = pfs.filter((pf) => form.from.includes(pf.device));
  const run = () => send("POST", "/v1/pools", poolState({ ...form, ranges, pfs: chosen }));
  return html`<${AskDialog} open=${open} title=${t("pools.define_title")} label=${t("pools.define")} isReady=${isReady}
    ...${{ run, onDone, onClose, explain }}>
    <${Typed} label=${t("word.name")} maxlength="64" bound=${bind("name")} />
    <${Lenders} pfs=${pfs} chosen=${form.from} onChoose=${(from) => set("from", from)} />
    <div class="fields">
      <${Typed} label=${t("pools.which_vfs")} hint=${t("pools.which_vfs_hint")} placeholder=${t("pools.all_vfs")}
        wrong=${areWrong ? t("form.wrong.range_syntax") : null} bound=${bind("vfs")} />
      <${Chosen} label=${t("word.numa_node")} hint=${t(`pools.numa.${form.numa}`)} words=${["any", "preferred", "required"]}
        bound=${bind("numa")} />
      <${Chosen} label=${t("pools.policy")} hint=${t(`pools.policies.${form.policy}`)} words=${["pack", "spread"]}
        bound=${bind("policy")} />
    </div>
  </${AskDialog}>`;
}

function Lenders({ pfs, chosen, onChoose }) {
  const turn = (device) => onChoose(
    chosen.includes(device) ? chosen.filter((one) => one !== device) : [...chosen, device],
  );
  return html`<fieldset class="choices">
    <legend>${t("pools.lends_from")}</legend>
    ${pfs.map((pf) => html`<${Checked} key=${pf.device} label=${`${pf.netdev ?? pf.device} `}
      bound=${{ checked: chosen.includes(pf.device), onChange: () => turn(pf.device) }}>
      <span class="hint">${factsOf(pf)}</span>
    </${Checked}>`)}
  </fieldset>`;
}

const factsOf = (pf) => (
  [pf.netdev && pf.address, pf.driver, t("form.count", { vfs: pf.num_vfs ?? 0 })].filter(Boolean).join(" · ")
);
