// The documents about the PCI tree, put together so that each function is found by its address.
import { GUESTS } from "./vf_state.js";

/**
 * @typedef {object} Place
 * @property {string} address
 * @property {any} node of /v1/tree; for a VF its PF
 * @property {any|null} vf
 * @property {number|null} group
 * @property {any[]} path nodes from the root bus, the function's own last
 */

/**
 * @param {any} tree document of /v1/tree
 * @param {any} owners document of /v1/owners, or null
 * @param {any} groups document of /v1/groups, or null
 */
export function indexTree(tree, owners, groups) {
  const places = new Map();
  for (const root of tree.roots) enter(places, root, []);
  const byGroup = Map.groupBy(places.values(), (place) => place.group);
  const reasons = new Map((groups?.groups ?? []).map((one) => [one.id, one.reason]));
  const users = Map.groupBy(owners?.owners ?? [], (one) => one.device);
  return { places, byGroup, reasons, users };
}

function enter(places, node, above) {
  const path = [...above, node];
  const address = node.address ?? node.label;
  places.set(address, { address, node, vf: null, group: node.iommu_group, path });
  for (const vf of node.vfs) {
    if (!vf.address) continue;
    places.set(vf.address, { address: vf.address, node, vf, group: vf.iommu_group, path });
  }
  for (const child of node.children) enter(places, child, path);
}

/** What one can filter by, in order. */
export function choicesOf(index) {
  const nodes = [...index.places.values()].filter((place) => !place.vf).map((place) => place.node);
  const pfs = nodes.filter((node) => node.kind === "PF" || node.total_vfs !== null);
  const numas = new Set(nodes.map((node) => node.numa_node).filter((one) => one !== null));
  const guests = new Set([...index.users.values()].flat().filter((one) => GUESTS.has(one.kind)).map((one) => one.token));
  return { pfs, numas: [...numas].sort((a, b) => a - b), guests: [...guests].sort() };
}

/**
 * The addresses that a filter chooses, with whatever is above them; null when there is no filter.
 * @returns {Set<string>|null}
 */
export function chosenBy(index, { numa, pf, guest }) {
  if (!numa && !pf && !guest) return null;
  const chosen = new Set();
  for (const place of index.places.values()) {
    if (numa && !isOnNode(place, numa)) continue;
    if (pf && place.node.address !== pf) continue;
    if (guest && !(index.users.get(place.address) ?? []).some((one) => one.token === guest)) continue;
    chosen.add(place.address);
    for (const node of place.path) chosen.add(node.address ?? node.label);
  }
  return chosen;
}

// A port tells no node where firmware says it of the card alone, and the other way round.
function isOnNode(place, numa) {
  return place.path.some((node) => String(node.numa_node) === numa);
}
