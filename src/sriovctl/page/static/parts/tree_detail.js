import { html } from "../core/dom.js";
import { href } from "../core/router.js";
import { t } from "../core/texts.js";
import { Empty } from "./empty.js";
import { Explanation } from "./explanation.js";
import { Facts } from "./facts.js";
import { Icon } from "./icons.js";

/** All about the function that was chosen in the drawing. */
export function TreeDetail({ index, address, onClose }) {
  const place = index.places.get(address);
  return html`<aside class="card tree-detail" aria-label=${t("topology.detail")}>
    <header>
      <h2>${place ? titleOf(place) : address}</h2>
      <button type="button" class="icon-button" aria-label=${t("shell.close")} onClick=${onClose}><${Icon} name="close" /></button>
    </header>
    ${place ? html`<${About} place=${place} users=${index.users.get(address) ?? []} />` : html`<${Empty} title=${t("topology.gone", { address })} />`}
  </aside>`;
}

function titleOf({ node, vf }) {
  return vf ? `VF ${vf.vf_index}` : (node.netdev ?? node.label);
}

function About({ place: { address, node, vf }, users }) {
  const isOn = !vf || vf.state === "on";
  const isFunction = node.address !== null;
  return html`
    ${!vf && node.name && html`<p class="hint">${node.name}</p>`}
    <${Facts} items=${facts({ address, node, vf, users })} />
    <${Ways} node=${node} vf=${vf} isOn=${isOn} />
    ${!isOn && html`<p class="hint">${vf.state === "off" ? t("topology.vf_off") : t("topology.vf_beyond")}</p>`}
    ${isFunction && isOn && html`<${Explanation} address=${address} />`}
  `;
}

function facts({ address, node, vf, users }) {
  const one = vf ?? node;
  return [
    [t("word.address"), address, { code: true }],
    [t("topology.kind"), vf ? t("word.vf") : node.kind],
    [t("word.driver"), one.driver],
    [t("word.netdev"), one.netdev, { code: true }],
    [t("word.numa_node"), node.numa_node],
    ...(node.buses ? [[t("topology.buses"), node.buses.join("–"), { code: true }]] : []),
    ...(users.length ? [[t("word.owner"), users.map((user) => user.token).join(", ")]] : []),
  ];
}

function Ways({ node, vf, isOn }) {
  if (node.total_vfs === null) return null;
  return html`<p class="actions">
    ${vf && isOn && html`<a class="button" href=${href("vf", node.address, vf.vf_index)}>VF ${vf.vf_index}</a>`}
    <a class="button" href=${href("pf", node.address)}>${t("vf.to_pf", { pf: node.netdev ?? node.address })}</a>
  </p>`;
}
