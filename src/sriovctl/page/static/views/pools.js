// VFs that are lent: pools with what is free, and leases with whose they are and until when.
import { announce } from "../core/announce.js";
import { useDocument } from "../core/documents.js";
import { html, useState } from "../core/dom.js";
import { useRights } from "../core/rights.js";
import { setQuery } from "../core/router.js";
import { loadStyle } from "../core/styles.js";
import { t } from "../core/texts.js";
import { Shown } from "../parts/document.js";
import { Icon } from "../parts/icons.js";
import { PageHead } from "../parts/page_head.js";
import { ReleaseDialog, RenewDialog, TakeDialog } from "../parts/pools/lease_dialogs.js";
import { LeaseTable } from "../parts/pools/lease_table.js";
import { PoolCards } from "../parts/pools/pool_cards.js";
import { DefineDialog, ForgetDialog } from "../parts/pools/pool_dialogs.js";

await Promise.all([loadStyle("change"), loadStyle("pools")]);

const NOTHING = { take: null, define: false, renew: null, release: null, forget: null };

export default function Pools({ query }) {
  const pools = useDocument("/v1/pools");
  const leases = useDocument(query.ended ? "/v1/leases?all=true" : "/v1/leases");
  const rights = useRights("operate");
  const [asked, setAsked] = useState(NOTHING);
  const ask = (what) => setAsked({ ...NOTHING, ...what });
  const close = () => setAsked(NOTHING);
  const done = (text) => {
    close();
    announce(text);
    pools.reload();
    leases.reload();
  };
  return html`
    <${PageHead} title=${t("pools.title")} lead=${t("pools.lead")} actions=${html`<${Actions} rights=${rights} ask=${ask} />`} />
    <h2>${t("pools.pools")}</h2>
    <${Shown} of=${pools}>${(document) => html`<${PoolCards} pools=${document.pools} rights=${rights} ask=${ask} />`}</${Shown}>
    <div class="leases-head">
      <h2>${t("pools.leases")}</h2>
      <label class="check"><input type="checkbox" checked=${Boolean(query.ended)}
        onChange=${(event) => setQuery({ ended: event.currentTarget.checked ? "1" : null })} />
        <span>${t("pools.also_ended")}</span></label>
    </div>
    <${Shown} of=${leases}>${(document) => html`<${LeaseTable} document=${document} rights=${rights} ask=${ask} />`}</${Shown}>
    <${Dialogs} asked=${asked} pools=${pools.document?.pools ?? []} close=${close} done=${done} />
  `;
}

function Actions({ rights, ask }) {
  return html`
    <button type="button" disabled=${!rights.allowed} title=${rights.why} onClick=${() => ask({ define: true })}>
      <${Icon} name="plus" />${t("pools.define")}</button>
    <button type="button" class="primary" disabled=${!rights.allowed} title=${rights.why} onClick=${() => ask({ take: {} })}>
      ${t("pools.take")}</button>`;
}

function Dialogs({ asked, pools, close, done }) {
  const pfs = useDocument("/v1/pfs");
  const said = (what) => ({ onClose: close, onDone: () => done(t(`pools.said.${what}`)) });
  return html`
    <${TakeDialog} open=${asked.take !== null} pool=${asked.take?.pool} pools=${pools} ...${said("taken")} />
    <${DefineDialog} open=${asked.define} pfs=${pfs.document?.pfs ?? []} ...${said("defined")} />
    <${RenewDialog} lease=${asked.renew} ...${said("renewed")} />
    <${ReleaseDialog} lease=${asked.release} ...${said("released")} />
    <${ForgetDialog} pool=${asked.forget} ...${said("forgotten")} />`;
}
