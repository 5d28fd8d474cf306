// From the address of a VF to its page.
import { html } from "../core/dom.js";
import { href } from "../core/router.js";

/**
 * Find PF and index of each VF, by its address.
 * @param {any[]} pfs as /v1/pfs lists them
 * @returns {Map<string, {pf: any, vf: any}>}
 */
export function vfsByAddress(pfs) {
  const found = new Map();
  for (const pf of pfs) for (const vf of pf.vfs) if (vf.address) found.set(vf.address, { pf, vf });
  return found;
}

/** An address, as a link where it is a VF or a PF of this host. */
export function FunctionLink({ address, pfs, vfs }) {
  const place = vfs.get(address);
  if (place) {
    return html`<a class="is-code" href=${href("vf", place.pf.address ?? place.pf.device, place.vf.vf_index)}>${address}</a>`;
  }
  const pf = pfs.find((one) => one.address === address);
  return pf ? html`<a class="is-code" href=${href("pf", address)}>${address}</a>` : html`<code>${address}</code>`;
}
