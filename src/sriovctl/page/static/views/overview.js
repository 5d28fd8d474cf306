import { useDocument } from "../core/documents.js";
import { html, useMemo } from "../core/dom.js";
import { useRates } from "../core/rates.js";
import { session } from "../core/session.js";
import { t } from "../core/texts.js";
import { Shown } from "../parts/document.js";
import { Empty } from "../parts/empty.js";
import { Alerts } from "../parts/host_alerts.js";
import { PFCard } from "../parts/pf_card.js";
import { Readiness } from "../parts/readiness.js";
import { cellsOf, Legend, tally, usageOf } from "../parts/vf_state.js";

const LARGE = 128; // cells, beyond which a card takes the room of two

/** The host in five seconds. */
export default function Overview() {
  const pfs = useDocument("/v1/pfs");
  const doctor = useDocument("/v1/doctor").document;
  const health = useDocument("/v1/health").document;
  const runs = useDocument("/v1/runs").document;
  const owners = useDocument("/v1/owners").document;
  const leases = useDocument("/v1/leases").document;
  useRates();
  const usage = useMemo(() => usageOf({ owners, leases, doctor }), [owners, leases, doctor]);
  return html`
    <h1 class="unseen">${t("overview.heading", { host: session.get().host.hostname })}</h1>
    <div class="overview">
      <${Readiness} doctor=${doctor} health=${health} pfs=${pfs.document} />
      <${Alerts} doctor=${doctor} health=${health} runs=${runs} pfs=${pfs.document} />
      <${Shown} of=${pfs}>${(document) => html`<${Cards} pfs=${document.pfs} usage=${usage} doctor=${doctor} />`}</${Shown}>
    </div>
  `;
}

function Cards({ pfs, usage, doctor }) {
  const cells = useMemo(() => new Map(pfs.map((pf) => [pf.device, cellsOf(pf, usage)])), [pfs, usage]);
  const numbers = useMemo(() => tally([...cells.values()].flat()), [cells]);
  if (!pfs.length) return html`<${NoPFs} />`;
  return html`
    <section aria-label=${t("overview.pfs")}>
      <div class="section-head"><h2>${t("overview.pfs")}</h2><${Legend} numbers=${numbers} /></div>
      <ul class="pf-cards">
        ${pfs.map((pf) => html`<li key=${pf.device} class=${cells.get(pf.device).length > LARGE ? "is-large" : ""}>
          <${PFCard} pf=${pf} cells=${cells.get(pf.device)} usage=${usage}
            findings=${(doctor?.findings ?? []).filter((one) => one.subject === pf.device)} />
        </li>`)}
      </ul>
    </section>
  `;
}

function NoPFs() {
  const actions = html`<a class="button primary" href="#/doctor">${t("overview.see_doctor")}</a>
    <a class="button" href="#/topology">${t("overview.see_topology")}</a>`;
  return html`<${Empty} icon="overview" title=${t("overview.empty")} actions=${actions}>
    <p>${t("overview.empty_text")}</p>
  </${Empty}>`;
}
