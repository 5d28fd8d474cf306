import { useDocument } from "../core/documents.js";
import { html } from "../core/dom.js";
import { rateLimit, yesNo } from "../core/format.js";
import { vfKey } from "../core/rates.js";
import { href } from "../core/router.js";
import { t } from "../core/texts.js";
import { Shown } from "../parts/document.js";
import { Empty } from "../parts/empty.js";
import { Explanation } from "../parts/explanation.js";
import { Facts } from "../parts/facts.js";
import { PageHead } from "../parts/page_head.js";
import { RatesPanel } from "../parts/rates_panel.js";
import { RunsOf } from "../parts/runs_of.js";
import { useUsage } from "../parts/use_usage.js";
import { stateOf, StateWord } from "../parts/vf_state.js";
import { macText, minimum, vlanText } from "../parts/vf_table.js";

/** One VF: what is set of it, who has it, and how it is kept apart. */
export default function VF({ address, index }) {
  const answer = useDocument(`/v1/pfs/${encodeURIComponent(address)}`);
  const usage = useUsage();
  return html`<${Shown} of=${answer}>${({ pf }) => {
    const vf = pf.vfs.find((one) => String(one.vf_index) === index);
    return vf ? html`<${Page} pf=${pf} vf=${vf} usage=${usage} />` : html`<${Gone} pf=${pf} index=${index} />`;
  }}</${Shown}>`;
}

function Page({ pf, vf, usage }) {
  return html`
    <${Head} pf=${pf} vf=${vf} usage=${usage} />
    <div class="function-page">
      <div class="columns">
        <div class="stack">
          <section class="card" aria-label=${t("vf.attributes")}>
            <div class="section-head"><h2>${t("vf.attributes")}</h2></div>
            <${Attributes} vf=${vf} />
          </section>
          ${pf.netdev && html`<${RatesPanel} of=${vfKey(pf.device, vf.vf_index)} />`}
          <${RunsOf} pf=${pf.device} subject=${`${pf.device} vf ${vf.vf_index}`} />
        </div>
        <div class="stack">
          <section class="card" aria-label=${t("word.owner")}>
            <div class="section-head"><h2>${t("word.owner")}</h2></div>
            <${Users} pf=${pf} vf=${vf} usage=${usage} />
          </section>
          ${vf.address && html`<section class="card" aria-label=${t("word.iommu_group")}>
            <div class="section-head"><h2>${t("word.iommu_group")}</h2></div>
            <${Explanation} address=${vf.address} />
          </section>`}
        </div>
      </div>
    </div>
  `;
}

function Head({ pf, vf, usage }) {
  const actions = html`
    <a class="button" href=${`${href("topology")}?at=${vf.address ?? pf.device}`}>${t("pf.in_topology")}</a>
    <a class="button primary" href=${`#/change?pf=${encodeURIComponent(pf.device)}&vf=${vf.vf_index}`}>${t("vf.change")}</a>`;
  return html`<${PageHead} title=${`VF ${vf.vf_index}`} actions=${actions}>
    <p class="head-badges">
      <span>${t("vf.of")} <a href=${href("pf", pf.device)}>${pf.netdev ?? pf.device}</a></span>
      ${vf.address && html`<code>${vf.address}</code>`}
      <${StateWord} state=${stateOf(pf, vf, usage)} />
    </p>
    <${Neighbours} pf=${pf} vf=${vf} />
  </${PageHead}>`;
}

function Neighbours({ pf, vf }) {
  const at = pf.vfs.indexOf(vf);
  const [before, after] = [pf.vfs[at - 1], pf.vfs[at + 1]];
  const link = (one) => one && html`<a href=${href("vf", pf.device, one.vf_index)}>VF ${one.vf_index}</a>`;
  return html`<nav class="neighbours" aria-label=${t("vf.neighbours")}>${link(before)} ${link(after)}</nav>`;
}

function Attributes({ vf }) {
  return html`<${Facts} items=${[
    [t("word.mac"), macText(vf.admin_mac), { code: true }],
    [t("word.vlan"), vlanText(vf.vlan)],
    [t("word.spoofchk"), yesNo(vf.spoofchk)],
    [t("word.trust"), yesNo(vf.trust)],
    [t("word.link_state"), vf.link_state],
    [t("word.min_tx_rate"), minimum(vf.min_tx_rate_mbps)],
    [t("word.max_tx_rate"), rateLimit(vf.max_tx_rate_mbps)],
    [t("word.driver"), vf.driver],
    [t("word.netdev"), vf.netdev, { code: true }],
    [t("word.numa_node"), vf.numa_node],
  ]} />`;
}

function Users({ pf, vf, usage }) {
  const users = usage.users.get(vf.address) ?? [];
  const lease = usage.held.get(`${pf.device}/${vf.vf_index}`);
  if (!users.length && !lease) return html`<p class="hint">${t("vf.nobody")}</p>`;
  return html`<ul class="users">
    ${users.map((one) => html`<li key=${one.token}>
      <code>${one.token}</code><span class="hint" lang="en">${one.evidence}</span>
    </li>`)}
    ${lease && html`<li key="lease"><a href="#/pools">${t("vf.lease", { lease: lease.lease })}</a>
      <span class="hint">${t("vf.lent_to", { owner: lease.owner })}</span></li>`}
  </ul>`;
}

function Gone({ pf, index }) {
  const actions = html`<a class="button primary" href=${href("pf", pf.device)}>${t("vf.to_pf", { pf: pf.netdev ?? pf.device })}</a>`;
  return html`<h1 class="unseen">${`VF ${index}`}</h1>
    <${Empty} title=${t("vf.gone", { index })} actions=${actions} />`;
}
