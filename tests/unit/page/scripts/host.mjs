// What a VF is, and what the PCI tree tells, put together from several documents.
import assert from "node:assert/strict";
import test from "node:test";

globalThis.addEventListener ??= () => {};
globalThis.location ??= { hash: "" };

const from = (name) => import(`${process.env.PAGE}/parts/${name}.js`);
const vfs = await from("vf_state");
const tree = await from("tree_index");
const { pathTo } = await from("explanation");
const table = await from("vf_table");

const vf = (vf_index, said = {}) => ({ vf_index, address: `0000:01:10.${vf_index}`, driver: null, owner: null, ...said });
const PF = { device: "0000:01:00.0", total_vfs: 8, vfs: [] };
const user = (device, kind, name) => ({ device, kind, name, token: `${kind}:${name}`, evidence: "" });

function stateOf(one, documents = {}) {
  return vfs.stateOf(PF, one, vfs.usageOf(documents));
}

test("a VF is what its users make of it", () => {
  const owners = (kind) => ({ owners: { owners: [user("0000:01:10.0", kind, "x")] } });
  assert.equal(stateOf(vf(0)), "free");
  assert.equal(stateOf(vf(0, { driver: "vfio-pci" })), "free");
  assert.equal(stateOf(vf(0, { driver: "igbvf" })), "host");
  for (const kind of ["guest", "guest-config", "network", "namespace", "process", "vfio"]) {
    assert.equal(stateOf(vf(0), owners(kind)), "guest");
  }
  for (const kind of ["address", "bridge", "bond", "ovs", "stacked", "default-route", "ssh", "mount"]) {
    assert.equal(stateOf(vf(0), owners(kind)), "host");
  }
  assert.equal(stateOf(vf(0, { owner: "guest:x" })), "guest");
});

test("a lease shows, unless a guest does or something is wrong", () => {
  const lease = (status) => ({ leases: { leases: [{ lease: 3, status, pf: PF.device, vf_index: 0, owner: "ci" }] } });
  assert.equal(stateOf(vf(0), lease("held")), "leased");
  assert.equal(stateOf(vf(0), lease("ended")), "free");
  assert.equal(stateOf(vf(0), lease("dirty")), "faulty");
  assert.equal(stateOf(vf(0, { owner: "guest:x" }), lease("held")), "guest");
  assert.equal(vfs.userOf(PF, vf(0), vfs.usageOf(lease("held"))), "lease:3 (ci)");
});

test("what is not ours is foreign, and what the doctor finds is faulty", () => {
  const foreign = { owners: { owners: [user(PF.device, "foreign", PF.device)] } };
  assert.equal(stateOf(vf(0), foreign), "foreign");
  const doctor = (severity) => ({ doctor: { findings: [{ severity, subject: "0000:01:10.0" }] } });
  assert.equal(stateOf(vf(0), doctor("error")), "faulty");
  assert.equal(stateOf(vf(0), doctor("warning")), "free");
});

test("a face plate has a place for each VF, and not for thousands that are off", () => {
  const usage = vfs.usageOf({});
  const cells = vfs.cellsOf({ ...PF, vfs: [vf(0), vf(1)] }, usage);
  assert.deepEqual(vfs.tally(cells), { free: 2, host: 0, guest: 0, leased: 0, foreign: 0, faulty: 0, off: 6 });
  assert.equal(vfs.cellsOf({ ...PF, total_vfs: 4096 }, usage).length, 64);
  assert.equal(vfs.cellsOf({ ...PF, total_vfs: null }, usage).length, 0);
});

test("each state has a sign of its own", () => {
  const drawn = vfs.STATES.map((state) => vfs.SIGNS[state].path(0, 0));
  assert.equal(new Set(drawn).size, vfs.STATES.length);
});

test("attributes are written as they were set", () => {
  assert.equal(table.vlanText({ id: 0, qos: 0, protocol: "802.1q" }), null);
  assert.equal(table.vlanText({ id: 42, qos: 3, protocol: "802.1ad" }), "42 qos 3 802.1ad");
  assert.equal(table.macText("00:00:00:00:00:00"), null);
  assert.equal(table.minimum(0), null);
});

const node = (said) => ({ kind: "device", address: null, label: said.address ?? "0000:00", numa_node: null, iommu_group: null, acs: null, vfs: [], total_vfs: null, children: [], ...said });
const TREE = {
  roots: [node({
    kind: "host bridge",
    children: [
      node({ kind: "root port", address: "0000:00:01.0", iommu_group: 1, acs: "ACS", numa_node: 1, children: [
        node({ kind: "PF", address: "0000:01:00.0", iommu_group: 2, total_vfs: 2, vfs: [
          { vf_index: 0, address: "0000:01:10.0", iommu_group: 3 }, { vf_index: 1, address: null, iommu_group: null },
        ] }),
      ] }),
      node({ kind: "PF", address: "0000:02:00.0", iommu_group: 2, numa_node: 0, total_vfs: 1 }),
    ],
  })],
};
const OWNERS = { owners: [user("0000:01:10.0", "guest", "web"), user("0000:02:00.0", "address", "192.0.2.1")] };
const GROUPS = { groups: [{ id: 2, members: [], reason: { text: "because" } }] };

test("the tree is found by address, VFs included", () => {
  const index = tree.indexTree(TREE, OWNERS, GROUPS);
  const place = index.places.get("0000:01:10.0");
  assert.equal(place.group, 3);
  assert.deepEqual(place.path.map((one) => one.label), ["0000:00", "0000:00:01.0", "0000:01:00.0"]);
  assert.equal(index.byGroup.get(2).length, 2);
  assert.equal(index.reasons.get(2).text, "because");
  assert.deepEqual(tree.choicesOf(index).numas, [0, 1]);
  assert.deepEqual(tree.choicesOf(index).guests, ["guest:web"]);
  assert.equal(tree.choicesOf(index).pfs.length, 2);
});

test("a filter chooses what fits, with the way to it", () => {
  const index = tree.indexTree(TREE, OWNERS, GROUPS);
  const chosen = (query) => [...(tree.chosenBy(index, query) ?? [])].sort();
  assert.equal(tree.chosenBy(index, {}), null);
  assert.deepEqual(chosen({ guest: "guest:web" }), ["0000:00", "0000:00:01.0", "0000:01:00.0", "0000:01:10.0"]);
  assert.deepEqual(chosen({ numa: "0" }), ["0000:00", "0000:02:00.0"]);
  assert.deepEqual(chosen({ numa: "0", guest: "guest:web" }), []);
  assert.ok(chosen({ pf: "0000:01:00.0" }).includes("0000:01:10.0"));
});

test("the way to a function is told hop by hop", () => {
  assert.deepEqual(pathTo(TREE, "0000:01:10.0").map((one) => one.acs), [null, "ACS", null]);
  assert.deepEqual(pathTo(TREE, "0000:ff:00.0"), []);
});
