import { html } from "../core/dom.js";
import { count } from "../core/format.js";
import { href } from "../core/router.js";
import { t } from "../core/texts.js";
import { Badge } from "./badge.js";
import { Faceplate } from "./faceplate.js";
import { LinkBadge } from "./link_badge.js";
import { Sparkline } from "./sparkline.js";

/** A PF at a glance. */
export function PFCard({ pf, cells, usage, findings }) {
  const title = pf.netdev ?? pf.device;
  return html`<article class="card pf-card" aria-label=${`${t("word.pf")} ${title}`}>
    <header>
      <h3><a href=${href("pf", pf.device)}>${title}${pf.netdev && html` <code>${pf.device}</code>`}</a></h3>
      <${LinkBadge} pf=${pf} />
    </header>
    <p class="pf-card-name" title=${pf.name}>${pf.name ?? t("shell.unknown")}</p>
    <div class="pf-card-count">
      <p><b>${count(pf.num_vfs)}</b> ${t("overview.of_vfs", { total: count(pf.total_vfs) })}</p>
      <span class="pf-card-badges">${findings.map((one) => html`<${FindingBadge} key=${one.id} finding=${one} />`)}</span>
    </div>
    <${Faceplate} pf=${pf} cells=${cells} usage=${usage} />
    <footer>
      <dl class="pf-card-facts">
        <div><dt>${t("word.driver")}</dt><dd>${pf.driver ?? t("shell.none")}</dd></div>
        <div><dt>NUMA</dt><dd>${pf.numa_node ?? t("shell.none")}</dd></div>
        <div><dt>${t("word.iommu_group_short")}</dt><dd>${pf.iommu_group ?? t("shell.none")}</dd></div>
      </dl>
      ${pf.netdev && html`<${Sparkline} of=${pf.device} />`}
    </footer>
  </article>`;
}

function FindingBadge({ finding }) {
  if (finding.severity === "info") return null;
  const kind = finding.severity === "error" ? "bad" : "warn";
  return html`<a class="badge-link" href=${`#/doctor?subject=${encodeURIComponent(finding.subject)}`}>
    <${Badge} kind=${kind} sign>${finding.id}</${Badge}>
  </a>`;
}
