// Differences of two states, and ranges of VFs.
import assert from "node:assert/strict";
import test from "node:test";

const { differences, findPF, gather, isSame, plain, wantedVFs } = await import(`${process.env.PAGE}/parts/draft/compare.js`);
const {
  firstFree, formatIndices, objectToKey, parseRange, spans,
} = await import(`${process.env.PAGE}/parts/draft/ranges.js`);

const pf = (said) => ({ version: 1, pfs: { a: { match: { netdev: "a" }, ...said } } });

test("another way to write the same is no difference", () => {
  const one = pf({ num_vfs: 4, vf_default: { trust: "on" }, vfs: { "0-1": { vlan: { id: 4 } } } });
  const other = pf({
    num_vfs: 4,
    vfs: {
      0: { trust: true, vlan: { id: 4, qos: 0, protocol: "802.1q" } }, 1: { trust: "yes", vlan: { id: 4 } },
      "2-3": { trust: true },
    },
  });
  assert.deepEqual(differences(one, other), []);
});

test("what one VF says goes over what all say, key by key", () => {
  const wanted = wantedVFs({ num_vfs: 2, vf_default: { trust: true, spoofchk: true }, vfs: { 1: { trust: false } } });
  assert.deepEqual(wanted.get(0), { trust: true, spoofchk: true });
  assert.deepEqual(wanted.get(1), { trust: false, spoofchk: true });
});

test("VFs that differ alike are one line", () => {
  const found = differences(pf({ num_vfs: 5 }), pf({ num_vfs: 5, vfs: { "0-2": { trust: true }, 4: { trust: true } } }));
  assert.equal(found.length, 4);
  assert.deepEqual(gather(found), [{ label: "a", key: "trust", before: undefined, after: true, vfs: "0-2, 4" }]);
});

test("of VFs that go nothing more is said", () => {
  const found = differences(pf({ num_vfs: 4, vf_default: { trust: true } }), pf({ num_vfs: 1, vf_default: { trust: true } }));
  assert.deepEqual(found.map((one) => one.key), ["num_vfs"]);
});

test("a driver of none is none, however it is said", () => {
  assert.ok(isSame(plain("driver", null), plain("driver", "none")));
  assert.ok(isSame(plain("admin_mac", "52-54-00-6D-90-02"), plain("admin_mac", "52:54:00:6d:90:02")));
});

test("a match means the one PF that fits all of it", () => {
  const pfs = [
    { address: "0000:01:00.0", device: "0000:01:00.0", netdev: "eth0", driver: "igb", vendor_id: "8086", permanent_mac: "52:54:00:6d:91:01" },
    { address: "0000:04:00.0", device: "0000:04:00.0", netdev: "eth1", driver: "igb", vendor_id: "8086", permanent_mac: "52:54:00:6d:91:02" },
  ];
  assert.equal(findPF({ address: "01:00.0" }, pfs), pfs[0]);
  assert.equal(findPF({ permanent_mac: "52-54-00-6D-91-02" }, pfs), pfs[1]);
  assert.equal(findPF({ driver: "igb", netdev: "eth1" }, pfs), pfs[1]);
  assert.equal(findPF({ vendor_id: "0x8086" }, pfs), null);
  assert.equal(findPF({ netdev: "eth9" }, pfs), null);
  assert.equal(findPF(undefined, pfs), null);
});

test("ranges are read as the state file has them", () => {
  assert.deepEqual(parseRange("1-3"), { first: 1, last: 3 });
  assert.deepEqual(parseRange(0), { first: 0, last: 0 });
  for (const wrong of ["3-1", "01", "-1", "1-", "a", "", "1,2"]) assert.equal(parseRange(wrong), null, wrong);
});

test("indices side by side are written as ranges", () => {
  assert.equal(formatIndices([3, 0, 1, 2, 7, 7]), "0-3, 7");
  assert.deepEqual(spans([]), []);
});

test("a key is refused that is none, that is taken, or that is beyond", () => {
  assert.equal(objectToKey("x", [], 4), "syntax");
  assert.equal(objectToKey("1-2", ["2-3"], 4), "overlap");
  assert.equal(objectToKey("4", [], 4), "beyond");
  assert.equal(objectToKey("0-1", ["2-3"], 4), null);
  assert.equal(objectToKey("9", [], null), null);
});

test("the first VF without a row is found", () => {
  assert.equal(firstFree(["0-1", "3"], 4), "2");
  assert.equal(firstFree(["0-3"], 4), null);
  assert.equal(firstFree([], 0), null);
});
