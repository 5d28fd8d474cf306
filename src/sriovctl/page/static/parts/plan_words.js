// What a plan says, taken apart for those who show it.  Pure.

/** From the least to the worst. */
const DISRUPTIONS = ["none", "link flap", "VF destroyed", "guest affected"];

/**
 * @typedef {import("./draft/compare.js").Tree} Tree
 */

/**
 * The worst disruption of all steps.
 * @param {Tree[]} steps
 */
export function worstOf(steps) {
  const ranks = steps.map((step) => DISRUPTIONS.indexOf(step.disruption));
  return DISRUPTIONS[Math.max(0, ...ranks)];
}

/**
 * Whether the link of a PF drops on the way, so that whoever comes over it may be cut off.
 * @param {Tree[]} steps
 */
export function cutsLink(steps) {
  return steps.some((step) => (
    step.disruption === "link flap" || / link (drops|flap)/.test(step.reason)
    || (step.action === "set-link-up" && step.after.up === false)
  ));
}

/**
 * Who would feel the plan, by token, with the numbers of the steps that they would feel.
 * @param {Tree[]} steps
 * @returns {{token: string, steps: number[]}[]}
 */
export function affectedBy(steps) {
  const found = new Map();
  for (const [at, step] of steps.entries()) {
    for (const token of step.affected) {
      if (!found.has(token)) found.set(token, { token, steps: [] });
      found.get(token).steps.push(at + 1);
    }
  }
  return [...found.values()];
}

/**
 * Take a token apart: "guest:MyGuest".
 * @param {string} token
 */
export function partsOfToken(token) {
  const at = token.indexOf(":");
  return at < 0 ? { kind: "", name: token } : { kind: token.slice(0, at), name: token.slice(at + 1) };
}

/**
 * Write a value of a step or of a state as the command does.
 * @param {any} value
 * @param {{none: string, on: string, off: string}} words
 * @returns {string}
 */
export function formatValue(value, words) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? words.on : words.off;
  if (Array.isArray(value)) return value.map((one) => formatValue(one, words)).join(", ");
  if (typeof value === "object") {
    return "id" in value ? formatVLAN(value, words) : JSON.stringify(value);
  }
  return String(value);
}

function formatVLAN({ id, qos, protocol }, words) {
  if (!id && !qos) return words.none;
  const tag = protocol && protocol !== "802.1q" ? ` ${protocol}` : "";
  return `${id}${qos ? ` qos ${qos}` : ""}${tag}`;
}

/**
 * What a step changes, key by key; VFs that die are listed apart.
 * @param {Tree} step
 * @returns {{key: string, before: unknown, after: unknown}[]}
 */
export function changesOf(step) {
  return Object.keys(step.after).filter((key) => key !== "vfs").map((key) => (
    { key, before: step.before[key], after: step.after[key] }
  ));
}

/**
 * The VFs that a step destroys.
 * @param {Tree} step
 * @returns {Tree[]}
 */
export function destroyedBy(step) {
  return step.action === "set-num-vfs" && step.after.num_vfs === 0 ? step.before.vfs ?? [] : [];
}

/**
 * Put steps together that say the same of VFs of one PF, side by side: their commands and reasons
 * stay with each of them.
 * @param {Tree[]} steps
 * @returns {{subject: string, vfs: string | null, steps: {number: number, step: Tree}[]}[]}
 */
export function gatherSteps(steps) {
  const groups = [];
  for (const [at, step] of steps.entries()) {
    const { pf, vf } = partsOfSubject(step.subject);
    const id = JSON.stringify([pf, vf === null ? at : step.action, step.before, step.after,
      step.disruption, step.affected, step.reason]);
    const newest = groups.at(-1);
    const one = { number: at + 1, step };
    if (newest && newest.id === id && vf !== null) {
      newest.steps.push(one);
      newest.indices.push(vf);
    } else groups.push({ id, subject: pf, indices: vf === null ? [] : [vf], steps: [one] });
  }
  return groups;
}

/**
 * Take a subject apart: "0000:01:00.0 vf 3".
 * @param {string} subject
 * @returns {{pf: string, vf: number | null}}
 */
export function partsOfSubject(subject) {
  const found = /^(.*) vf (\d+)$/.exec(subject);
  return found ? { pf: found[1], vf: Number(found[2]) } : { pf: subject, vf: null };
}

/**
 * How far a job has come: the newest line of its progress that counts, "[3/9] set-vf …" or
 * "[4-7/9] set-vf …" for what is done at once.
 * @param {string[]} progress
 * @returns {{done: number, at: string, total: number} | null} done: steps before those at work
 */
export function progressOf(progress) {
  for (const line of [...progress].reverse()) {
    const found = /^\[(\d+)(-\d+)?\/(\d+)\]/.exec(line);
    if (found) return { done: Number(found[1]) - 1, at: found[1] + (found[2] ?? ""), total: Number(found[3]) };
  }
  return null;
}
