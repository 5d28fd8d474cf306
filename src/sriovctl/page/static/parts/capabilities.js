// The capability structures of a function, decoded; names are those of the PCI Express specification.
import { html } from "../core/dom.js";
import { bytes, count, yesNo } from "../core/format.js";
import { t } from "../core/texts.js";
import { Badge } from "./badge.js";
import { Facts } from "./facts.js";
import { Table } from "./table.js";

/** @param {{of: any}} props of: the document of /v1/show */
export function Capabilities({ of: shown }) {
  const { sriov, acs, ari, express, msix, ats } = shown.capabilities;
  return html`<section class="card capabilities" aria-label=${t("pf.capabilities")}>
    <div class="section-head"><h2>${t("pf.capabilities")}</h2></div>
    ${sriov && html`<${SRIOV} of=${sriov} />`}
    ${express && html`<${Express} of=${express} ari=${ari} />`}
    ${msix && html`<h3>MSI-X</h3><${Facts} items=${[
      ["Vectors", count(msix.vectors)],
      ["Enabled", yesNo(msix.enabled)],
      ["Table", `BAR ${msix.table_bar} + ${hex(msix.table_offset)}`],
      ["PBA", `BAR ${msix.pba_bar} + ${hex(msix.pba_offset)}`],
    ]} />`}
    ${acs && html`<h3>ACS</h3><${ACS} of=${acs} />`}
    ${ats && html`<h3>ATS</h3><${Facts} items=${Object.entries(ats).map(([name, value]) => [name, plain(value)])} />`}
    <details>
      <summary>${t("pf.capability_list", { n: shown.capability_list.length })}</summary>
      <${Table} caption=${t("pf.capability_names")} columns=${listColumns()} rows=${shown.capability_list}
        rowKey=${(one) => one.offset} />
    </details>
    ${shown.problems?.map((problem) => html`<p class="hint" key=${problem} lang="en">${problem}</p>`)}
  </section>`;
}

function SRIOV({ of: sriov }) {
  return html`<h3>SR-IOV <code class="at">${hex(sriov.offset)}</code></h3>
    <${Facts} items=${[
      ["TotalVFs", count(sriov.total_vfs)],
      ["InitialVFs", count(sriov.initial_vfs)],
      ["NumVFs", count(sriov.num_vfs)],
      ["First VF Offset", count(sriov.first_vf_offset)],
      ["VF Stride", count(sriov.vf_stride)],
      ["VF Device ID", sriov.vf_device_id, { code: true }],
      ["VF Enable", yesNo(sriov.vf_enable)],
      ["VF MSE", yesNo(sriov.vf_mse)],
      ["ARI Capable Hierarchy", yesNo(sriov.ari_capable_hierarchy)],
      ["System Page Size", bytes(sriov.system_page_size)],
      ["Supported Page Sizes", sriov.supported_page_sizes.map(bytes).join(", ")],
    ]} />
    <${Table} caption="VF BARs" columns=${barColumns()} rows=${sriov.vf_bars} rowKey=${(bar) => bar.index} />`;
}

function Express({ of: express, ari }) {
  return html`<h3>PCI Express <code class="at">${hex(express.offset)}</code></h3>
    <${Facts} items=${[
      ["Type", express.type_name],
      ["Link", link(express.link_speed_gts, express.link_width)],
      ["Link, at most", link(express.max_link_speed_gts, express.max_link_width)],
      ["Max Payload", `${bytes(express.max_payload_bytes)} / ${bytes(express.max_payload_supported_bytes)}`],
      ["FLR", yesNo(express.flr)],
      ["ARI", ari ? hex(ari.offset) : yesNo(false)],
    ]} />`;
}

/** What ACS offers, and which of it is on. */
export function ACS({ of: acs }) {
  return html`<ul class="acs">
    ${acs.capabilities.map((name) => {
      const isOn = acs.control.includes(name);
      return html`<li key=${name}><${Badge} kind=${isOn ? "good" : "warn"} sign>${name} ${isOn ? t("pf.acs_on") : t("pf.acs_off")}</${Badge}></li>`;
    })}
  </ul>`;
}

function hex(value) {
  return value == null ? null : `0x${value.toString(16)}`;
}

function link(speed, width) {
  return speed == null ? null : `${speed} GT/s x${width}`;
}

function plain(value) {
  return typeof value === "boolean" ? yesNo(value) : value;
}

const barColumns = () => [
  { key: "index", label: "VF BAR", number: true },
  { key: "address", label: t("word.address"), code: true, render: (bar) => hex(bar.address) },
  { key: "size", label: t("pf.bar_size"), number: true, render: (bar) => bytes(bar.size) },
  { key: "width", label: t("pf.bar_width"), number: true, render: (bar) => (bar.width ? `${bar.width} bit` : null) },
  { key: "prefetchable", label: t("pf.bar_prefetchable"), render: (bar) => yesNo(bar.prefetchable) },
];

const listColumns = () => [
  { key: "offset", label: "Offset", code: true, render: (one) => hex(one.offset) },
  { key: "id", label: "ID", code: true },
  { key: "name", label: t("word.name") },
  { key: "version", label: t("pf.capability_version"), number: true },
];
