// Take, renew and release leases; each asks, and says in full why it was refused.
import { send } from "../../core/api.js";
import { html } from "../../core/dom.js";
import { session } from "../../core/session.js";
import { useStore } from "../../core/store.js";
import { t } from "../../core/texts.js";
import { AskDialog } from "../ask_dialog.js";
import { Checked, Chosen, explain, Span, Typed, useForm } from "./form.js";
import { leaseWish, secondsOf } from "./words.js";

/** @param {{pool: any, pools: any[], open: boolean, onClose: () => void, onDone: (answer: any) => void}} props */
export function TakeDialog({ pool, pools, open, onClose, onDone }) {
  const now = useStore(session);
  const names = pools.map((one) => one.name);
  const { form, bind, check } = useForm(open, () => ({
    pool: pool ?? names[0] ?? "", owner: now?.name ?? "", count: "1", ttl: "8", unit: "h",
    numa: "", policy: "", disjoint: false, pinned: false,
  }));
  const count = Number(form.count);
  const isReady = form.pool.trim() !== "" && form.owner.trim() !== "" && Number.isInteger(count) && count > 0;
  return html`<${AskDialog} open=${open} title=${t("pools.take_title")} label=${t("pools.take")} isReady=${isReady}
    run=${() => send("POST", "/v1/leases", leaseWish(form))} ...${{ onDone, onClose, explain }}>
    <div class="fields">
      <${Typed} label=${t("pools.pool")} hint=${t("pools.pool_hint")} offers=${names} bound=${bind("pool")} />
      <${Typed} label=${t("pools.owner")} hint=${t("pools.owner_hint")} bound=${bind("owner")} />
      <${Typed} label=${t("pools.how_many")} hint=${t("pools.how_many_hint")} type="number" min="1" max="4096"
        bound=${bind("count")} />
      <${Span} form=${form} bind=${bind} isOff=${form.pinned} />
      <${Typed} label=${t("word.numa_node")} type="number" min="0" placeholder=${t("pools.any")} bound=${bind("numa")} />
      <${Chosen} label=${t("pools.policy")} words=${["", "pack", "spread"]} texts=${{ "": t("pools.as_pool") }}
        bound=${bind("policy")} />
    </div>
    <${Checked} label=${t("pools.disjoint")} bound=${check("disjoint")} />
    <${Checked} label=${t("pools.pinned")} bound=${check("pinned")} />
  </${AskDialog}>`;
}

/** @param {{lease: any, onClose: () => void, onDone: (answer: any) => void}} props lease: null while closed */
export function RenewDialog({ lease, onClose, onDone }) {
  const { form, bind } = useForm(lease !== null, () => ({ ttl: "", unit: "h" }));
  const title = t("pools.renew_title", { lease: lease?.lease ?? "" });
  const run = () => {
    const ttl = secondsOf(form.ttl, form.unit);
    return send("POST", `/v1/leases/${lease.lease}/renew`, ttl === null ? {} : { ttl_s: ttl });
  };
  return html`<${AskDialog} open=${lease !== null} title=${title} label=${t("pools.renew")} ...${{ run, onDone, onClose, explain }}>
    <p>${t("pools.renew_text")}</p>
    <${Span} form=${form} bind=${bind} />
  </${AskDialog}>`;
}

/** @param {{lease: any, onClose: () => void, onDone: (answer: any) => void}} props lease: null while closed */
export function ReleaseDialog({ lease, onClose, onDone }) {
  const title = t("pools.release_title", { lease: lease?.lease ?? "" });
  const run = () => send("DELETE", `/v1/leases/${lease.lease}`);
  const { owner = "", vf_index: vf = "", pf = null, pf_identity: identity = "" } = lease ?? {};
  return html`<${AskDialog} open=${lease !== null} title=${title} label=${t("pools.release")} isDangerous
    ...${{ run, onDone, onClose, explain }}>
    <p>${t("pools.release_text", { owner, vf, pf: pf ?? identity })}</p>
    <p class="hint">${t("pools.release_hint")}</p>
  </${AskDialog}>`;
}
