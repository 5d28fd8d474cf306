import { html } from "../core/dom.js";
import { rateLimit, yesNo } from "../core/format.js";
import { href } from "../core/router.js";
import { t } from "../core/texts.js";

/** A VF's VLAN as it is written: the id, and what is not usual of it. */
export function vlanText(vlan) {
  if (!vlan || vlan.id === 0) return null;
  const qos = vlan.qos ? ` qos ${vlan.qos}` : "";
  return `${vlan.id}${qos}${vlan.protocol === "802.1q" ? "" : ` ${vlan.protocol}`}`;
}

/** Columns of VFs' attributes, for Table. */
export function vfColumns(pf) {
  const link = (vf) => html`<a href=${href("vf", pf, vf.vf_index)}>${vf.vf_index}</a>`;
  return [
    { key: "vf_index", label: t("word.vf"), number: true, render: link, sort: (vf) => vf.vf_index },
    { key: "address", label: t("word.address"), code: true, sort: (vf) => vf.address },
    { key: "owner", label: t("word.owner"), sort: (vf) => vf.owner },
    { key: "driver", label: t("word.driver"), sort: (vf) => vf.driver },
    { key: "netdev", label: t("word.netdev"), code: true, sort: (vf) => vf.netdev },
    { key: "admin_mac", label: t("word.mac"), code: true, sort: (vf) => vf.admin_mac },
    { key: "vlan", label: t("word.vlan"), number: true, render: (vf) => vlanText(vf.vlan), sort: (vf) => vf.vlan?.id ?? null },
    { key: "spoofchk", label: t("word.spoofchk"), render: (vf) => yesNo(vf.spoofchk), sort: (vf) => vf.spoofchk },
    { key: "trust", label: t("word.trust"), render: (vf) => yesNo(vf.trust), sort: (vf) => vf.trust },
    { key: "link_state", label: t("word.link_state"), sort: (vf) => vf.link_state },
    { key: "min_tx_rate_mbps", label: t("word.min_tx_rate"), number: true, render: (vf) => rateLimit(vf.min_tx_rate_mbps), sort: (vf) => vf.min_tx_rate_mbps },
    { key: "max_tx_rate_mbps", label: t("word.max_tx_rate"), number: true, render: (vf) => rateLimit(vf.max_tx_rate_mbps), sort: (vf) => vf.max_tx_rate_mbps },
    { key: "iommu_group", label: t("word.iommu_group"), number: true, sort: (vf) => vf.iommu_group },
  ];
}
