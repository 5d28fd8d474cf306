// Leases, whose they are, and until when.
import { html, useEffect, useState } from "../../core/dom.js";
import { clock, moment } from "../../core/format.js";
import { href } from "../../core/router.js";
import { t } from "../../core/texts.js";
import { Badge } from "../badge.js";
import { Empty } from "../empty.js";
import { Table } from "../table.js";

const KINDS = {
  held: "accent", expired: "warn", orphaned: "warn", scrubbing: "info", dirty: "bad", lost: "bad", ended: "neutral",
};

/**
 * @param {{document: any, rights: {allowed: boolean, why: string | null}, ask: (what: object) => void}} props
 */
export function LeaseTable({ document, rights, ask }) {
  const sinceS = useSecondsSince(document);
  return html`<${Table} caption=${t("pools.leases")} rows=${document.leases} rowKey=${(one) => one.lease}
    rowClass=${(one) => (one.ended ? "is-over" : "")} columns=${columns(rights, ask, sinceS)}
    empty=${html`<${Empty} icon="pools" title=${t("pools.no_leases")} />`} />`;
}

/** Seconds since a document was read, once a second. */
function useSecondsSince(document) {
  const [since, setSince] = useState(0);
  useEffect(() => {
    const start = performance.now();
    setSince(0);
    const timer = setInterval(() => setSince(Math.floor((performance.now() - start) / 1000)), 1000);
    return () => clearInterval(timer);
  }, [document]);
  return since;
}

const columns = (rights, ask, sinceS) => [
  { key: "lease", label: t("pools.lease"), number: true, sort: (one) => one.lease },
  { key: "status", label: t("word.state"), sort: (one) => one.status, render: (one) => html`<${Status} lease=${one} />` },
  { key: "owner", label: t("pools.owner"), sort: (one) => one.owner },
  { key: "pool", label: t("pools.pool"), sort: (one) => one.pool },
  { key: "vf", label: t("word.vf"), code: true, sort: (one) => one.address, render: (one) => html`<${VF} lease=${one} />` },
  { key: "generation", label: t("pools.generation"), number: true, sort: (one) => one.generation },
  { key: "taken", label: t("pools.taken"), sort: (one) => one.taken, render: (one) => moment(one.taken) },
  { key: "until", label: t("pools.until"), sort: (one) => one.expires_in_s, render: (one) => untilText(one, sinceS) },
  { key: "do", label: t("pools.do"), render: (one) => (one.ended ? "" : html`<${Deeds} lease=${one} rights=${rights} ask=${ask} />`) },
];

function Status({ lease: { status, note } }) {
  const title = [t(`pools.status_hint.${status}`), note].filter(Boolean).join(" ");
  return html`<${Badge} kind=${KINDS[status] ?? "neutral"} title=${title}>${t(`pools.status.${status}`)}</${Badge}>
    ${note && html`<span class="hint lease-note">${note}</span>`}`;
}

function VF({ lease }) {
  const name = lease.address ?? t("plan.vfs", { vfs: lease.vf_index });
  return lease.pf ? html`<a href=${href("vf", lease.pf, lease.vf_index)}>${name}</a>` : name;
}

function untilText(lease, sinceS) {
  if (lease.ended) return `${moment(lease.ended)}${lease.reason ? ` (${lease.reason})` : ""}`;
  if (lease.expires_in_s !== null) {
    return html`<span class="lease-left">${clock(Math.max(0, lease.expires_in_s - sinceS))}</span>`;
  }
  if (lease.pid !== null) return t("pools.with_process", { pid: lease.pid });
  return t(lease.pinned ? "pools.until_pinned" : "pools.until_released");
}

function Deeds({ lease, rights, ask }) {
  const canRenew = lease.status === "held" && lease.expires_in_s !== null;
  return html`<span class="deeds">
    <button type="button" class="quiet" disabled=${!rights.allowed || !canRenew}
      title=${rights.why ?? (canRenew ? null : t("pools.no_renewal"))} onClick=${() => ask({ renew: lease })}
      aria-label=${t("pools.renew_title", { lease: lease.lease })}>${t("pools.renew")}</button>
    <button type="button" class="quiet" disabled=${!rights.allowed} title=${rights.why} onClick=${() => ask({ release: lease })}
      aria-label=${t("pools.release_title", { lease: lease.lease })}>${t("pools.release")}</button>
  </span>`;
}
