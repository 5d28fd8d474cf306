// A draft and the state that it says, there and back.
import assert from "node:assert/strict";
import test from "node:test";

const { readDraft, setIn, writeDraft, writeState } = await import(`${process.env.PAGE}/parts/draft/document.js`);
const {
  removeRow, renameRow, rowsOf, setCount, setRow, setVF, takeOver,
} = await import(`${process.env.PAGE}/parts/draft/vf_rows.js`);
const { differences, meanwhile } = await import(`${process.env.PAGE}/parts/draft/compare.js`);

const STATE = {
  version: 1,
  pfs: {
    eth0: {
      match: { address: "0000:01:00.0", permanent_mac: "52:54:00:6d:91:01" },
      num_vfs: 4,
      drivers_autoprobe: false,
      link: { state: "up" },
      vf_default: { spoofchk: true },
      vfs: { 0: { admin_mac: "52:54:00:6d:90:02", vlan: { id: 42 } }, "1-3": { trust: true, vlan: { id: 7, qos: 3 } } },
    },
    "0000:05:00.0": { match: { address: "0000:05:00.0" }, num_vfs: 0 },
  },
};
const WRITTEN = `version: 1
pfs:
  # the uplink of this rack
  eth0:
    match: {address: "0000:01:00.0"}
    num_vfs: 4 # as many as guests
    vfs:
      0: {trust: no}
      1-3: {trust: no, vlan: {id: 7}} # tenants
`;

const edited = (text, edit) => {
  const { doc } = readDraft(text);
  edit(doc);
  return writeDraft(doc);
};
const said = (text) => readDraft(text).state;

test("a state is written so that it reads back as itself", () => {
  const text = writeState(STATE);
  assert.deepEqual(said(text), STATE);
  assert.match(text, /^ {6}1-3: \{trust: true, vlan: \{id: 7, qos: 3\}\}$/m);
});

test("what other readers of YAML take for numbers is quoted", () => {
  const text = writeState(STATE);
  assert.match(text, /^ {2}"0000:05:00\.0":$/m);
  assert.match(text, /permanent_mac: "52:54:00:6d:91:01"/);
  assert.match(text, /link: \{state: up\}/);
});

test("an edit leaves the comments where they are", () => {
  const text = edited(WRITTEN, (doc) => setIn(doc, ["pfs", "eth0", "num_vfs"], 6));
  assert.match(text, /# the uplink of this rack/);
  assert.match(text, /num_vfs: 6 # as many as guests/);
});

test("a key that is left alone goes, and so does what becomes empty", () => {
  const text = edited(WRITTEN, (doc) => {
    setIn(doc, ["pfs", "eth0", "link", "mtu"], 9000);
    setIn(doc, ["pfs", "eth0", "link", "mtu"], undefined);
  });
  assert.deepEqual(said(text).pfs.eth0, said(WRITTEN).pfs.eth0);
  assert.ok(!text.includes("link:"));
});

test("one VF of a range is parted from the others", () => {
  const text = edited(writeState(STATE), (doc) => setVF(doc, "eth0", 2, "trust", false));
  assert.deepEqual(Object.keys(said(text).pfs.eth0.vfs), ["0", "1", "2", "3"]);
  assert.deepEqual(said(text).pfs.eth0.vfs[2], { trust: false, vlan: { id: 7, qos: 3 } });
  assert.deepEqual(said(text).pfs.eth0.vfs[3], { trust: true, vlan: { id: 7, qos: 3 } });
});

test("words for booleans stay booleans when a range is parted", () => {
  const text = edited(WRITTEN, (doc) => setVF(doc, "eth0", 3, "vlan", undefined));
  assert.match(text, /1-2: \{trust: false, vlan: \{id: 7\}\}/);
  assert.match(text, /3: \{trust: false\}/);
});

test("rows are added, renamed and removed in the order of their indices", () => {
  const text = edited(writeState(STATE), (doc) => {
    removeRow(doc, "eth0", "0");
    renameRow(doc, "eth0", "1-3", "2-3");
    setRow(doc, "eth0", "0-1", { admin_mac: "auto" });
  });
  assert.deepEqual(rowsOf(said(text).pfs.eth0).map((row) => row.key), ["0-1", "2-3"]);
});

test("the last row takes the mapping with it", () => {
  const text = edited(WRITTEN, (doc) => {
    removeRow(doc, "eth0", "0");
    removeRow(doc, "eth0", "1-3");
  });
  assert.equal(said(text).pfs.eth0.vfs, undefined);
});

test("fewer VFs drop what is beyond, and more bring back what the host has", () => {
  const before = STATE.pfs.eth0;
  const fewer = edited(writeState(STATE), (doc) => setCount(doc, "eth0", 2, before));
  assert.deepEqual(Object.keys(said(fewer).pfs.eth0.vfs), ["0", "1"]);
  const none = edited(fewer, (doc) => setCount(doc, "eth0", 0, before));
  assert.equal(said(none).pfs.eth0.vfs, undefined);
  const again = edited(none, (doc) => setCount(doc, "eth0", 4, before));
  assert.deepEqual(differences(STATE, said(again)), []);
  const back = edited(fewer, (doc) => setCount(doc, "eth0", 4, before));
  assert.deepEqual(differences(STATE, said(back)), []);
});

test("an alias gets a copy of its own before it is edited", () => {
  const text = edited(
    "version: 1\npfs:\n  a:\n    vf_default: &x {trust: true}\n    vfs:\n      0: *x\n",
    (doc) => setIn(doc, ["pfs", "a", "vfs", "0", "spoofchk"], true),
  );
  assert.deepEqual(said(text).pfs.a.vf_default, { trust: true });
  assert.deepEqual(said(text).pfs.a.vfs[0], { trust: true, spoofchk: true });
});

test("a mistake says line and column, and there is no state then", () => {
  const { state, mistakes } = readDraft("version: 1\npfs: [\n");
  assert.equal(state, null);
  assert.equal(mistakes.length, 1);
  assert.equal(mistakes[0].line, 3);
});

test("an alias that names nothing is a mistake, not the end of the page", () => {
  const { state, mistakes } = readDraft("version: 1\npfs: {a: {vf_default: *nobody}}\n");
  assert.equal(state, null);
  assert.match(mistakes[0].message, /nobody/);
});

test("what is no state is read all the same", () => {
  for (const text of ["", "# nothing", "3", "- a", "pfs: [1]", "pfs: {a: 3}", "pfs: {a: {vfs: {x: 1, 0: y, 1: null}}}"]) {
    const { state } = readDraft(text);
    for (const pf of Object.values(state.pfs ?? {})) assert.ok(rowsOf(pf).length <= 2);
    assert.ok(Array.isArray(differences(STATE, state)), text);
  }
});

test("what changed meanwhile is taken over, and what both changed stays mine", () => {
  const now = structuredClone(STATE);
  now.pfs.eth0.link.mtu = 9000;
  now.pfs.eth0.vfs[0].vlan = { id: 50 };
  const mine = edited(writeState(STATE), (doc) => {
    setVF(doc, "eth0", 0, "vlan", { id: 60 });
    setVF(doc, "eth0", 1, "trust", false);
  });
  const { take, conflicts } = meanwhile(STATE, said(mine), now);
  assert.deepEqual(conflicts.map((one) => [one.key, one.vf, one.after.id, one.mine.id]), [["vlan", 0, 50, 60]]);
  const rebased = said(edited(mine, (doc) => takeOver(doc, take)));
  assert.equal(rebased.pfs.eth0.link.mtu, 9000);
  assert.deepEqual(
    differences(now, rebased).map((one) => [one.vf, one.key, one.after?.id ?? one.after]),
    [[0, "vlan", 60], [1, "trust", false]],
  );
});
