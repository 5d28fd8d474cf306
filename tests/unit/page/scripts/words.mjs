// Plans, runs, findings, pools and fields, taken apart for those who show them.
import assert from "node:assert/strict";
import test from "node:test";

const from = (name) => import(`${process.env.PAGE}/parts/${name}.js`);
const plans = await from("plan_words");
const runs = await from("run_words");
const findings = await from("finding_words");
const pools = await from("pools/words");
const fields = await from("state_form/spec");

const step = (said) => ({
  action: "set-vf", subject: "0000:01:00.0 vf 0", before: {}, after: {}, disruption: "none", affected: [], reason: "", command: "", undo: {}, ...said,
});
const WORDS = { none: "none", on: "on", off: "off" };

test("the worst of a plan is the worst of its steps", () => {
  assert.equal(plans.worstOf([]), "none");
  assert.equal(plans.worstOf([step({ disruption: "link flap" }), step({ disruption: "VF destroyed" }), step({})]), "VF destroyed");
});

test("a link that drops is seen in what a step disrupts, in its reason, or in what it sets", () => {
  assert.ok(plans.cutsLink([step({ disruption: "link flap" })]));
  assert.ok(plans.cutsLink([step({ disruption: "guest affected", reason: "igb resets the PF: its link drops for about 3 s" })]));
  assert.ok(plans.cutsLink([step({ action: "set-link-up", after: { up: false } })]));
  assert.ok(!plans.cutsLink([step({ action: "set-link-up", after: { up: true } })]));
});

test("each user is named once, with the steps that they feel", () => {
  const found = plans.affectedBy([step({ affected: ["guest:a", "lease:1"] }), step({}), step({ affected: ["guest:a"] })]);
  assert.deepEqual(found, [{ token: "guest:a", steps: [1, 3] }, { token: "lease:1", steps: [1] }]);
  assert.deepEqual(plans.partsOfToken("address:fe80::1/64"), { kind: "address", name: "fe80::1/64" });
});

test("values are written as the command writes them", () => {
  const written = (value) => plans.formatValue(value, WORDS);
  assert.equal(written({ id: 0, qos: 0, protocol: "802.1q" }), "none");
  assert.equal(written({ id: 42, qos: 3, protocol: "802.1ad" }), "42 qos 3 802.1ad");
  assert.equal(written(true), "on");
  assert.equal(written(null), "–");
  assert.equal(written(0), "0");
});

test("steps that say the same of VFs side by side stand together", () => {
  const same = [0, 1, 2].map((vf) => step({ subject: `0000:01:00.0 vf ${vf}`, after: { trust: true } }));
  const other = step({ subject: "0000:01:00.0 vf 3", after: { trust: false } });
  const count = step({ action: "set-num-vfs", subject: "0000:01:00.0", after: { num_vfs: 4 } });
  const groups = plans.gatherSteps([count, ...same, other]);
  assert.deepEqual(groups.map((one) => one.indices), [[], [0, 1, 2], [3]]);
  assert.deepEqual(groups[1].steps.map((one) => one.number), [2, 3, 4]);
});

test("VFs that die are told apart from what else a step changes", () => {
  const dying = step({ action: "set-num-vfs", subject: "a", before: { num_vfs: 1, vfs: [{ vf_index: 0 }] }, after: { num_vfs: 0 } });
  assert.deepEqual(plans.destroyedBy(dying), [{ vf_index: 0 }]);
  assert.deepEqual(plans.changesOf(dying), [{ key: "num_vfs", before: 1, after: 0 }]);
});

test("how far a job is stands in the newest line that counts", () => {
  assert.deepEqual(plans.progressOf(["[1/4] a", "[2/4] b", "waiting for the link"]), { done: 1, at: "2", total: 4 });
  assert.deepEqual(plans.progressOf(["[3-4/8] set-vf 0000:01:00.0 (2 VFs)"]), { done: 2, at: "3-4", total: 8 });
  assert.equal(plans.progressOf(["reading"]), null);
});

const run = (number, pfs, said = {}) => ({ run: number, kind: "apply", status: "done", pfs, boot_id: "b", started: `2026-01-0${number}`, source: "api: ann", ...said });

test("a run can be taken back while no later one that stands changed its PFs", () => {
  const listed = [
    run(5, ["a"], { status: "undone" }), run(4, ["b"]), run(3, ["a"], { kind: "repair" }), run(2, ["a", "b"]), run(1, ["c"], { boot_id: "older" }),
  ];
  assert.deepEqual([...runs.undoable(listed)], [4]);
  assert.deepEqual([...runs.undoable([run(2, ["a"]), run(1, ["b"])])], [2, 1]);
  assert.deepEqual([...runs.undoable([run(2, ["a"], { status: "taken back" })])], []);
});

test("who did what is told by time, refused changes first", () => {
  const told = runs.whoDidWhat({
    runs: [run(1, ["a"])],
    leases: [{ lease: 7, owner: "web", pf: "a", vf_index: 2, taken: "2026-01-02", ended: "2026-01-03", status: "ended", reason: "released" }],
    jobs: [{ job: 1, kind: "apply", by: "bob", run: null, state: "failed", error: { cause: "is in use", subject: "a" } }, { job: 2, run: 1, error: null }],
  });
  assert.deepEqual(told.map((one) => [one.who, one.what]), [["bob", "apply"], ["web", "return"], ["web", "take"], ["ann", "apply"]]);
});

test("an event is told in few words", () => {
  const job = runs.describeEvent("job", { job: 3, kind: "apply", state: "failed", progress: ["[1/2] x"], error: { cause: "is in use" } });
  assert.deepEqual(job, { subject: "job 3", what: "apply: failed", detail: "is in use" });
  assert.equal(runs.describeEvent("host", { what: "link change", device: "0000:01:00.0" }).what, "link change");
});

test("events that say the same, one after the other, are one", () => {
  const line = (number, detail, kind = "job") => ({ number, kind, subject: "job 1", what: "apply: running", detail });
  const folded = runs.foldAlike([line(4, "b"), line(3, "a"), line(2, "a"), line(1, "a", "host")]);
  assert.deepEqual(folded.map((one) => [one.number, one.times]), [[4, 1], [3, 2], [1, 1]]);
});

test("a command in a fix is found, and a sentence is none", () => {
  assert.equal(findings.commandIn("bind the card's driver: echo ADDRESS > /sys/bus/pci/drivers_probe"), "echo ADDRESS > /sys/bus/pci/drivers_probe");
  assert.equal(findings.commandIn("modprobe vfio-pci"), "modprobe vfio-pci");
  const two = "echo vfio-pci > /sys/a/driver_override; echo a > /sys/a/driver/unbind";
  assert.equal(findings.commandIn(`give it away as well: ${two}`), two);
  assert.equal(findings.commandIn("ip link set dev eth0 up; then look again"), null);
  assert.equal(findings.commandIn("or: sriovctl record DIR, as root"), null);
  assert.equal(findings.commandIn("sriovctl capacity ADDRESS names the limit"), null);
  assert.equal(findings.commandIn("firmware: switch on 'ACS'"), null);
});

test("a finding as text is what the command prints", () => {
  const text = findings.findingAsText({
    id: "acs-missing", severity: "error", subject: "0000:04:00.0", meaning: "They share.", evidence: [{ source: "config", value: "none" }], fix: ["a", "b"], gain: "apart",
  });
  assert.equal(text, "ERROR acs-missing  0000:04:00.0\n   They share.\n   seen: config: none\n   fix:  a\n         b\n   then: apart");
});

test("findings stand by severity, also those of a word yet unknown", () => {
  const grouped = findings.bySeverity([{ severity: "info" }, { severity: "dire" }, { severity: "error" }]);
  assert.deepEqual(grouped.map((one) => one.severity), ["error", "info", "dire"]);
});

test("a pool is said in a state that names its PFs by what stays with them", () => {
  const state = pools.poolState({
    name: " f ", ranges: ["0", "2-3"], numa: "any", policy: "pack",
    pfs: [{ netdev: "eth0", device: "0000:01:00.0", address: "0000:01:00.0", permanent_mac: "52:54:00:6d:91:01" }, { netdev: null, device: "0000:05:00.0", address: "0000:05:00.0", permanent_mac: null }],
  });
  assert.deepEqual(state.pfs["0000:05:00.0"], { match: { address: "0000:05:00.0" } });
  assert.deepEqual(state.pools, { f: { from: ["eth0", "0000:05:00.0"], vfs: ["0", "2-3"], numa: "any", policy: "pack" } });
  assert.equal(pools.secondsOf("1.5", "h"), 5400);
  const form = { pool: " f ", owner: "web", count: "2", ttl: "8", unit: "h", numa: "1", policy: "", disjoint: true, pinned: false };
  assert.deepEqual(pools.leaseWish(form), { pool: "f", owner: "web", count: 2, ttl_s: 28800, numa_node: 1, group_disjoint: true });
  assert.equal(pools.leaseWish({ ...form, pinned: true }).ttl_s, undefined);
  assert.equal(pools.secondsOf(" ", "h"), null);
});

test("what is typed is taken by the kind of its key", () => {
  const mac = { key: "admin_mac", kind: "mac" };
  assert.deepEqual(fields.take(mac, " AUTO "), { value: "auto" });
  assert.deepEqual(fields.take(mac, "52:54:00:6D:90:02"), { value: "52:54:00:6d:90:02" });
  assert.equal(fields.take(mac, "01:00:5e:00:00:01").wrong, "form.wrong.mac");
  assert.deepEqual(fields.take({ kind: "number", least: 68, most: 9216 }, "9000"), { value: 9000 });
  assert.equal(fields.take({ kind: "number", least: 68, most: 9216 }, "67").wrong, "form.wrong.number");
  assert.equal(fields.take({ kind: "number" }, "1e3").wrong, "form.wrong.number");
  assert.deepEqual(fields.take({ kind: "flag" }, ""), { value: undefined });
});

test("keys that cannot be set for one reason are named together, and what is said keeps its field", () => {
  const no = (key, why) => ({ key, can: "no", why });
  const nvme = { abilities: [...fields.VF_KEYS.slice(0, 7).map(({ key }) => no(key, "no netdev")), no("node_guid", "no netdev"), no("msix_count", "not shared")] };
  const shown = fields.keysToShow(nvme, { trust: true });
  assert.deepEqual(shown.keys.map((spec) => spec.key), ["trust", "driver", "rss_query", "port_guid"]);
  assert.deepEqual(shown.cannot.map((one) => one.why), ["no netdev", "not shared"]);
  const igb = { abilities: [no("link_state", "no operation"), no("rss_query", "no operation"), no("min_tx_rate_mbps", "refuses")] };
  assert.deepEqual(fields.keysToShow(igb, {}).cannot, [{ why: "no operation", keys: ["rss_query"] }]);
});

test("the room of a PF is what will work, and says what limits it", () => {
  const capacity = { total_vfs: 8, max_usable_vfs: 7, limits: [{ kind: "total-vfs", max_vfs: 8 }, { kind: "sriov-totalvfs", max_vfs: 7 }, { kind: "irqs", max_vfs: null }] };
  assert.deepEqual(fields.roomFor(capacity, null), { usable: 7, hardware: 8, limit: "sriov-totalvfs" });
  assert.deepEqual(fields.roomFor(undefined, { total_vfs: 4 }), { usable: 4, hardware: 4, limit: null });
});
