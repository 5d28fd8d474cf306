import { html, useMemo } from "../core/dom.js";
import { count, rateLimit, yesNo } from "../core/format.js";
import { href, setQuery } from "../core/router.js";
import { t, useLanguage } from "../core/texts.js";
import { Empty } from "./empty.js";
import { Table } from "./table.js";
import { STATES, stateOf, StateWord, userOf } from "./vf_state.js";

/** A VF's VLAN as it is written: the id, and what is not usual of it. */
export function vlanText(vlan) {
  if (!vlan || vlan.id === 0) return null;
  const qos = vlan.qos ? ` qos ${vlan.qos}` : "";
  return `${vlan.id}${qos}${vlan.protocol === "802.1q" ? "" : ` ${vlan.protocol}`}`;
}

/** A MAC that was set; the kernel writes zeros where none was. */
export function macText(mac) {
  return mac === "00:00:00:00:00:00" ? null : mac;
}

/**
 * All VFs of a PF with their attributes, to be sorted and filtered.
 * @param {{pf: any, usage: any, filter: string}} props
 */
export function VFTable({ pf, usage, filter }) {
  const spoken = useLanguage();
  const columns = useMemo(() => columnsOf(pf.device), [pf.device, spoken]);
  const rows = useMemo(() => rowsOf(pf, usage), [pf, usage]);
  const found = useMemo(() => matching(rows, filter), [rows, filter]);
  if (!pf.vfs.length) return html`<${NoVFs} pf=${pf} />`;
  return html`<section aria-label=${t("pf.vfs")}>
    <div class="section-head">
      <h2>${t("pf.vfs")}</h2>
      <div class="filter">
        <span class="hint" role="status">${found.length < rows.length ? t("pf.found", { found: count(found.length), all: count(rows.length) }) : ""}</span>
        <label class="unseen" for="vf-filter">${t("pf.filter")}</label>
        <input id="vf-filter" type="search" value=${filter} placeholder=${t("pf.filter")} spellcheck="false"
          autocomplete="off" onInput=${(event) => setQuery({ filter: event.target.value || null })} />
      </div>
    </div>
    <${Table} caption=${t("pf.vfs")} columns=${columns} rows=${found} rowKey=${(row) => row.vf_index}
      empty=${html`<${Empty} icon="search" title=${t("pf.nothing_found")} />`} />
  </section>`;
}

function NoVFs({ pf }) {
  const actions = html`<a class="button primary" href=${`#/change?pf=${encodeURIComponent(pf.device)}`}>${t("pf.make_vfs")}</a>`;
  return html`<${Empty} icon="overview" title=${t("pf.no_vfs")} actions=${actions} />`;
}

function rowsOf(pf, usage) {
  return pf.vfs.map((vf) => {
    const row = { ...vf, state: stateOf(pf, vf, usage), user: userOf(pf, vf, usage) };
    row.words = [vf.vf_index, vf.address, row.user, vf.driver, vf.netdev, macText(vf.admin_mac), row.state,
      vf.vlan && `vlan ${vlanText(vf.vlan) ?? ""}`].join(" ").toLowerCase();
    return row;
  });
}

// All words have to occur.
function matching(rows, filter) {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  return words.length ? rows.filter((row) => words.every((word) => row.words.includes(word))) : rows;
}

function columnsOf(pf) {
  const link = (vf) => html`<a href=${href("vf", pf, vf.vf_index)}>${vf.vf_index}</a>`;
  return [
    { key: "vf_index", label: t("word.vf"), number: true, render: link, sort: (vf) => vf.vf_index },
    { key: "state", label: t("word.state"), render: (vf) => html`<${StateWord} state=${vf.state} />`, sort: (vf) => STATES.indexOf(vf.state) },
    { key: "user", label: t("word.owner"), sort: (vf) => vf.user },
    { key: "address", label: t("word.address"), code: true, sort: (vf) => vf.address },
    { key: "driver", label: t("word.driver"), sort: (vf) => vf.driver },
    { key: "netdev", label: t("word.netdev"), code: true, sort: (vf) => vf.netdev },
    { key: "admin_mac", label: t("word.mac"), code: true, render: (vf) => macText(vf.admin_mac), sort: (vf) => macText(vf.admin_mac) },
    { key: "vlan", label: t("word.vlan"), number: true, render: (vf) => vlanText(vf.vlan), sort: (vf) => vf.vlan?.id || null },
    { key: "spoofchk", label: t("word.spoofchk"), render: (vf) => yesNo(vf.spoofchk), sort: (vf) => vf.spoofchk },
    { key: "trust", label: t("word.trust"), render: (vf) => yesNo(vf.trust), sort: (vf) => vf.trust },
    { key: "link_state", label: t("word.link_state"), sort: (vf) => vf.link_state },
    { key: "min_tx_rate_mbps", label: t("word.min_tx_rate"), number: true, render: (vf) => minimum(vf.min_tx_rate_mbps), sort: (vf) => vf.min_tx_rate_mbps },
    { key: "max_tx_rate_mbps", label: t("word.max_tx_rate"), number: true, render: (vf) => rateLimit(vf.max_tx_rate_mbps), sort: (vf) => vf.max_tx_rate_mbps },
    { key: "iommu_group", label: t("word.iommu_group"), number: true, sort: (vf) => vf.iommu_group },
  ];
}

/** A guaranteed rate; the kernel's 0 is none. */
export function minimum(mbps) {
  return mbps ? rateLimit(mbps) : null;
}
