// What the journal, the jobs and the leases tell of who did what.  Pure.

const STANDING = new Set(["running", "unconfirmed", "done", "failed"]);

/**
 * @typedef {import("./draft/compare.js").Tree} Tree
 */

/**
 * Which runs can be taken back: applies that stand, and whose PFs no later one has changed.
 * @param {Tree[]} runs the newest first
 * @returns {Set<number>}
 */
export function undoable(runs) {
  const found = new Set();
  const changedLater = new Set();
  const boot = runs.find((run) => run.boot_id)?.boot_id;
  for (const run of runs) {
    if (run.kind !== "apply" || !STANDING.has(run.status)) continue;
    const isOfThisBoot = !run.boot_id || run.boot_id === boot;
    if (isOfThisBoot && !run.pfs.some((pf) => changedLater.has(pf))) found.add(run.run);
    for (const pf of run.pfs) changedLater.add(pf);
  }
  return found;
}

/**
 * Who did what, the newest first: runs, leases, and jobs that came to no run.
 * @param {{runs: Tree[], leases: Tree[], jobs: Tree[]}} all
 * @returns {{when: string | null, who: string, what: string, subject: string, outcome: string,
 *   id: string, problem?: Tree}[]}
 */
export function whoDidWhat({ runs, leases, jobs }) {
  const told = [
    ...runs.map((run) => ({
      when: run.started, who: withoutDoor(run.source), what: run.kind, run: run.run,
      subject: run.pfs.join(", "), outcome: run.status, id: `run ${run.run}`,
    })),
    ...leases.flatMap((lease) => actsOfLease(lease)),
  ].sort((a, b) => (a.when < b.when ? 1 : a.when > b.when ? -1 : 0));
  const refused = jobs.filter((job) => job.run === null && job.error).map((job) => ({
    when: null, who: job.by, what: job.kind, subject: job.error.subject ?? "", problem: job.error,
    outcome: job.state, id: `job ${job.job}`,
  }));
  return [...refused, ...told];
}

function actsOfLease(lease) {
  const vf = `${lease.pf ?? lease.pf_identity ?? "?"} vf ${lease.vf_index}`;
  const taken = {
    when: lease.taken, who: lease.owner, what: "take", subject: vf, outcome: lease.status,
    id: `lease ${lease.lease} taken`, lease: lease.lease,
  };
  if (!lease.ended) return [taken];
  const outcome = lease.reason ?? lease.status;
  return [taken, { ...taken, when: lease.ended, what: "return", outcome, id: `lease ${lease.lease} back` }];
}

/** "api: uid 0 (root)" was asked for by "uid 0 (root)". */
export const withoutDoor = (source) => source.replace(/^api: /, "");

/**
 * What one event is about, in few words of the interface.
 * @param {string} kind
 * @param {Tree} payload
 * @returns {{subject: string, what: string, detail: string}}
 */
export function describeEvent(kind, payload) {
  if (kind === "job") {
    const last = payload.progress?.at(-1) ?? "";
    const detail = payload.error ? payload.error.cause : last;
    return { subject: `job ${payload.job}`, what: `${payload.kind}: ${payload.state}`, detail };
  }
  if (kind === "host") {
    const { what = "", device = "", ...rest } = payload;
    return { subject: device ?? "", what, detail: plainly(rest) };
  }
  if (kind === "health") return { subject: "", what: payload.health ?? "", detail: payload.reason ?? "" };
  return { subject: "", what: "", detail: plainly(payload) };
}

/**
 * Fold lines that say the same, one after the other.
 * @template {{kind: string, subject: string, what: string, detail: string}} Line
 * @param {Line[]} lines
 * @returns {(Line & {times: number})[]} the first of each
 */
export function foldAlike(lines) {
  const folded = [];
  for (const line of lines) {
    const before = folded.at(-1);
    const isSame = before && ["kind", "subject", "what", "detail"].every((key) => before[key] === line[key]);
    if (isSame) before.times += 1;
    else folded.push({ ...line, times: 1 });
  }
  return folded;
}

function plainly(payload) {
  return Object.entries(payload).filter(([, value]) => value !== null && value !== "").map(
    ([key, value]) => `${key} ${typeof value === "object" ? JSON.stringify(value) : value}`,
  ).join(", ");
}
