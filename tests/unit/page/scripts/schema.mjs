// What the editor of YAML offers, and where.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

const { hintAt, offersAt, placeAt } = await import(`${process.env.PAGE}/parts/yaml_schema.js`);
const schema = JSON.parse(readFileSync(new URL("../../../../docs/state-file.schema.json", import.meta.url), "utf8"));

/** The cursor stands at the bar. */
function at(marked) {
  const offset = marked.indexOf("|");
  const place = placeAt(marked.replace("|", ""), offset);
  const known = { "match.address": ["0000:01:00.0"], from: ["up"] };
  return { place, labels: offersAt(schema, place, { known }).map((one) => one.label) };
}

test("keys are offered by where one stands, in blocks and in brackets", () => {
  assert.deepEqual(at("|").labels, ["version", "pfs", "pools"]);
  assert.ok(at("pfs:\n  up:\n    |").labels.includes("num_vfs"));
  assert.ok(at("pfs:\n  up:\n    match: {address: \"0000:01:00.0\", n|").labels.includes("netdev"));
  assert.deepEqual(at("pfs:\n  up:\n    vfs:\n      1-3: {vlan: {id: 4, |").labels, ["id", "qos", "protocol"]);
  assert.ok(at("pfs:\n  up:\n    vfs:\n      0:\n        |\n  x: 1").labels.includes("admin_mac"));
  assert.deepEqual(at("pfs:\n  up:\n    vfs:\n      0: {vlan: {id: 4}, t|").place.path, ["pfs", "up", "vfs", "0"]);
});

test("the name of a PF is one's own, and nothing is offered for it", () => {
  assert.deepEqual(at("pfs:\n  |").labels, []);
});

test("values are offered where there are few", () => {
  assert.deepEqual(at("pfs:\n  \"0000:05:00.0\":\n    link: {state: |").labels, ["up", "down"]);
  assert.deepEqual(at("pfs:\n  up:\n    vf_default:\n      trust: |").labels, ["true", "false"]);
  assert.deepEqual(at("pfs:\n  up:\n    vfs:\n      0: {admin_mac: a|}").labels, ["auto"]);
});

test("values that this host knows are offered too, quoted where they must be", () => {
  const { place, labels } = at("pfs:\n  up:\n    match: {address: |");
  assert.deepEqual(labels, ["0000:01:00.0"]);
  assert.equal(offersAt(schema, place, { known: { address: ["0000:01:00.0"] } })[0].apply, '"0000:01:00.0"');
  assert.deepEqual(at("pools:\n  finance: {from: [|").labels, ["up"]);
});

test("comments and strings are no brackets", () => {
  assert.deepEqual(at("pfs: # all of { them\n  up:\n    link: {state: |").labels, ["up", "down"]);
  assert.deepEqual(at("pfs:\n  up:\n    match: {serial: \"{\", netdev: a}\n    link: {|").labels, ["state", "mtu"]);
});

test("pointing at a key tells what it means", () => {
  const text = "pfs:\n  up:\n    num_vfs: 3\n    link: {mtu: 9000}\n";
  assert.match(hintAt(schema, text, text.indexOf("num_vfs") + 3).meaning, /VFs/);
  assert.equal(hintAt(schema, text, text.indexOf("mtu") + 1).kind, "68…65535");
  assert.equal(hintAt(schema, text, text.indexOf("9000")), null);
  assert.equal(hintAt(schema, text, text.indexOf("up:") + 1), null);
});
