import { useDocument } from "../core/documents.js";
import { html, useMemo } from "../core/dom.js";
import { count, yesNo } from "../core/format.js";
import { href } from "../core/router.js";
import { t } from "../core/texts.js";
import { Capabilities } from "../parts/capabilities.js";
import { CapacityBars } from "../parts/capacity_bars.js";
import { Shown } from "../parts/document.js";
import { Facts } from "../parts/facts.js";
import { Faceplate } from "../parts/faceplate.js";
import { LinkBadge } from "../parts/link_badge.js";
import { PageHead } from "../parts/page_head.js";
import { RatesPanel } from "../parts/rates_panel.js";
import { RunsOf } from "../parts/runs_of.js";
import { useUsage } from "../parts/use_usage.js";
import { cellsOf, Legend, tally } from "../parts/vf_state.js";
import { VFTable } from "../parts/vf_table.js";

/** One PF: what it is, what it has, what it could have. */
export default function PF({ address, query }) {
  const name = encodeURIComponent(address);
  const answer = useDocument(`/v1/pfs/${name}`);
  const usage = useUsage();
  return html`<${Shown} of=${answer}>${({ pf }) => html`<${Page} pf=${pf} usage=${usage} query=${query} />`}</${Shown}>`;
}

function Page({ pf, usage, query }) {
  const cells = useMemo(() => cellsOf(pf, usage, { most: 256 }), [pf, usage]);
  const capacity = useDocument(pf.address && `/v1/capacity?pf=${encodeURIComponent(pf.device)}`).document?.pfs[0];
  const shown = useDocument(pf.address && `/v1/show/${encodeURIComponent(pf.address)}`).document;
  return html`
    <${Head} pf=${pf} />
    <div class="function-page">
      <div class="columns">
        <div class="stack">
          <section class="card" aria-label=${t("pf.faceplate")}>
            <div class="section-head">
              <h2>${t("word.vfs")}</h2><p>${t("pf.on_of", { on: count(pf.num_vfs), total: count(pf.total_vfs) })}</p>
            </div>
            <${Faceplate} pf=${pf} cells=${cells} usage=${usage} />
            <${Legend} numbers=${tally(cells)} />
          </section>
          ${pf.netdev && html`<${RatesPanel} of=${pf.device} />`}
          ${capacity && html`<${CapacityBars} of=${capacity} />`}
        </div>
        <div class="stack">
          <section class="card" aria-label=${t("pf.about")}><${About} pf=${pf} shown=${shown} /></section>
          <${RunsOf} pf=${pf.device} />
        </div>
      </div>
      <${VFTable} pf=${pf} usage=${usage} filter=${query.filter ?? ""} />
      ${shown && html`<${Capabilities} of=${shown} />`}
    </div>
  `;
}

function Head({ pf }) {
  const actions = html`
    <a class="button" href=${`#/topology?at=${encodeURIComponent(pf.device)}`}>${t("pf.in_topology")}</a>
    <a class="button primary" href=${`#/change?pf=${encodeURIComponent(pf.device)}`}>${t("pf.change")}</a>`;
  return html`<${PageHead} title=${pf.netdev ?? pf.device} lead=${pf.name} actions=${actions}>
    <p class="head-badges">${pf.netdev && html`<code>${pf.device}</code>`} <${LinkBadge} pf=${pf} /></p>
  </${PageHead}>`;
}

function About({ pf, shown }) {
  return html`<${Facts} items=${[
    [t("word.address"), pf.address, { code: true }],
    [t("word.netdev"), pf.netdev, { code: true }],
    [t("word.driver"), pf.driver],
    [t("word.ids"), pf.vendor_id && `${pf.vendor_id}:${pf.device_id}`, { code: true }],
    [t("word.mac"), pf.permanent_mac, { code: true }],
    [t("word.numa_node"), pf.numa_node],
    [t("word.iommu_group"), pf.iommu_group],
    [t("pf.autoprobe"), yesNo(pf.drivers_autoprobe)],
    [t("pf.bridge_above"), shown?.bridge_above && html`<a href=${`${href("topology")}?at=${shown.bridge_above}`}>${shown.bridge_above}</a>`, { code: true }],
    [t("word.owner"), pf.owner],
  ]} />`;
}
