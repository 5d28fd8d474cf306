// Requests, events, addresses and rates, without a browser.
import assert from "node:assert/strict";
import test from "node:test";

globalThis.addEventListener ??= () => {};
globalThis.removeEventListener ??= () => {};
globalThis.location ??= { hash: "" };

const from = (name) => import(`${process.env.PAGE}/core/${name}.js`);
const api = await from("api");
const live = await from("live");
const { concerns, Reading } = await from("documents");
const router = await from("router");
const format = await from("format");
const { session } = await from("session");
const { RateSeries, vfKey } = await from("rate_series");

function answering(...answers) {
  const asked = [];
  globalThis.fetch = async (path, options = {}) => {
    asked.push({ path, ...options });
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer instanceof Error) throw answer;
    return answer(options);
  };
  return asked;
}

const json = (body, { status = 200, headers = {} } = {}) => () =>
  new Response(body === null ? null : JSON.stringify(body), { status, headers: { "Content-Type": "application/json", ...headers } });

test("a document that is as before is the same object", async () => {
  const asked = answering(json({ pfs: [] }, { headers: { ETag: '"a"' } }), json(null, { status: 304 }));
  const first = await api.read("/v1/pfs");
  assert.equal(await api.read("/v1/pfs"), first);
  assert.equal(asked[1].headers["If-None-Match"], '"a"');
  assert.equal(api.etagOf(first), '"a"');
});

test("a document keeps its own ETag when its path was read anew", async () => {
  const states = ["a", "b"].map((tag) => json({ state: tag }, { headers: { ETag: `"${tag}"` } }));
  answering(...states);
  const [first, second] = [await api.read("/v1/state"), await api.read("/v1/state")];
  assert.deepEqual([api.etagOf(first), api.etagOf(second)], ['"a"', '"b"']);
});

test("an error says what the command would", async () => {
  const error = { code: "busy", cause: "is in use", subject: "0000:01:00.0", hint: "wait", evidence: { errno: 16 } };
  answering(json({ error }, { status: 423, headers: { "Retry-After": "2" } }));
  await assert.rejects(api.read("/v1/capacity"), (problem) => {
    assert.deepEqual(problem.problem, error);
    assert.equal(problem.status, 423);
    assert.equal(problem.retryAfter, "2");
    return true;
  });
});

test("an answer that is no document of ours is an error all the same", async () => {
  answering(() => new Response("bad gateway", { status: 502, statusText: "Bad Gateway" }));
  await assert.rejects(api.read("/v1/owners"), { status: 502, message: "Bad Gateway" });
});

test("a host that does not answer is told from one that refuses", async () => {
  answering(new TypeError("failed to fetch"));
  await assert.rejects(api.read("/v1/doctor"), { code: "unreachable" });
});

test("changes carry the token of the session, and a session that ended is noticed", async () => {
  session.set({ name: "token ci", role: "operate", csrf: "secret", host: {} });
  const asked = answering(json({ job: {} }, { status: 202 }), json({ error: { cause: "who asks" } }, { status: 401 }));
  await api.send("POST", "/v1/jobs", { kind: "confirm" });
  assert.equal(asked[0].headers["X-CSRF-Token"], "secret");
  assert.equal(asked[0].body, '{"kind":"confirm"}');
  await assert.rejects(api.send("DELETE", "/v1/jobs/1"), { status: 401 });
  assert.equal(session.get().role, null);
  assert.equal(session.get().csrf, null);
});

test("events are told as they come, and a gap is followed by reading anew", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const heard = [];
  const stop = live.onEvent((kind, payload) => heard.push([kind, payload]));
  const stream = (...parts) => () => new Response(new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(new TextEncoder().encode(part));
      controller.close();
    },
  }));
  const waiting = (options) => new Promise((_, reject) => options.signal.addEventListener("abort", () => reject(new Error("cut"))));
  const asked = answering(
    stream('retry: 2000\n\nid: x-1\nevent: ho', 'st\ndata: {"what": "link"}\n\n: still here\n\n'),
    new TypeError("refused"),
    stream('id: x-2\nevent: job\ndata: {"state": "done"}\n\n'),
    waiting,
  );
  live.startLive();
  for (let turn = 0; turn < 3; turn += 1) {
    for (let n = 0; n < 50; n += 1) await new Promise(setImmediate);
    t.mock.timers.tick(2000);
  }
  for (let n = 0; n < 50; n += 1) await new Promise(setImmediate);
  stop();
  live.stopLive();
  assert.deepEqual(heard, [["host", { what: "link" }], ["missed", { events: null }], ["job", { state: "done" }]]);
  assert.deepEqual(asked.map((one) => one.headers["Last-Event-ID"]), [undefined, "x-1", "x-1", "x-2"]);
});

test("an event puts out of date what it is about", () => {
  assert.ok(concerns("host", {}, "/v1/tree.svg?style=false"));
  assert.ok(concerns("host", {}, "/v1/explain/0000:01:00.0"));
  assert.ok(!concerns("host", {}, "/v1/runs"));
  assert.ok(concerns("job", { state: "running" }, "/v1/runs"));
  assert.ok(!concerns("job", { state: "running" }, "/v1/pfs"));
  assert.ok(concerns("job", { state: "failed" }, "/v1/pfs"));
  assert.ok(concerns("missed", { events: 3 }, "/v1/health"));
  assert.ok(!concerns("something new", {}, "/v1/pfs"));
});

test("addresses of views come back as what they were made of", () => {
  const made = router.href("vf", "netdevsim/netdevsim7", 3);
  assert.deepEqual(router.match("/vf/:address/:index", made.slice(1)), { address: "netdevsim/netdevsim7", index: "3" });
  assert.equal(router.href("pf", "0000:01:00.0"), "#/pf/0000:01:00.0");
  assert.equal(router.match("/pf/:address", "/pf"), null);
  assert.deepEqual(router.match("/pf/:address", "/pf/50%"), { address: "50%" });
});

test("figures are written as people read them", () => {
  assert.equal(format.bitRate(0), "0 bit/s");
  assert.equal(format.bitRate(2_540_000_000), "2.5 Gbit/s");
  assert.equal(format.bytes(16384), "16 KiB");
  assert.equal(format.rateLimit(0), "no limit");
  assert.equal(format.rateLimit(1000), "1 Gbit/s");
  assert.equal(format.rateLimit(null), "–");
  assert.equal(format.clock(59.6), "1:00");
  assert.equal(format.clock(3725), "1:02:05");
  assert.equal(format.count(null), "unknown");
});

const counted = (time_s, rx, vf) => ({
  time_s,
  pfs: [{
    device: "a", at_s: time_s, counters: { rx_bytes: rx, tx_bytes: null, rx_packets: 0, tx_packets: 0 },
    vfs: vf === null ? [] : [{ vf_index: 0, counters: { rx_bytes: vf, tx_bytes: 0, rx_packets: 0, tx_packets: 0 } }],
  }],
});

test("a rate is what was counted between two looks, and unknown where that says nothing", () => {
  const rates = new RateSeries(4);
  rates.take(counted(0, 1000, null), 100);
  assert.equal(rates.of("a"), null);
  rates.take(counted(2, 5000, 10), 102);
  rates.take(counted(2, 5000, 10), 103); // the same look, kept by the host
  rates.take(counted(4, 200, 30), 104); // the driver began anew
  rates.take(counted(60, 9000, 40), 160); // nobody looked for a minute
  rates.take(counted(62, 9000, null), 162);
  assert.deepEqual(rates.of("a").rx_bytes, [2000, null, null, 0]);
  assert.deepEqual(rates.of("a").tx_bytes, [null, null, null, null]);
  assert.deepEqual(rates.of(vfKey("a", 0)).rx_bytes, [null, 10, null, null]);
  assert.deepEqual(rates.of("a").times, [102, 104, 160, 162]);
  rates.take(counted(64, 9100, 0), 164);
  assert.deepEqual(rates.of("a").rx_bytes, [null, null, 0, 50]);
  assert.equal(rates.of(vfKey("a", 0)).rx_bytes.length, 4);
});

test("after a gap a rate needs two looks again", () => {
  const rates = new RateSeries(4);
  rates.take(counted(0, 0, null), 0);
  rates.forgetLast();
  rates.take(counted(2, 10, null), 2);
  assert.equal(rates.of("a"), null);
});

test("however much happens, one reading is under way, and the last word is read", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const ends = [];
  const reading = new Reading(() => new Promise((resolve) => ends.push(resolve)));
  const turn = async (milliseconds) => {
    t.mock.timers.tick(milliseconds);
    await new Promise(setImmediate);
  };
  reading.now();
  reading.soon();
  reading.soon();
  await turn(5000);
  assert.equal(ends.length, 1);
  ends[0]();
  await turn(0);
  await turn(2000);
  assert.equal(ends.length, 2);
  ends[1]();
  await turn(5000);
  assert.equal(ends.length, 2);
  reading.soon();
  reading.stop();
  await turn(5000);
  assert.equal(ends.length, 2);
});

test("a tab in the background leaves the connection to others, and comes back when it is seen", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const listeners = [];
  globalThis.document = { hidden: false, addEventListener: (_, one) => listeners.push(one), removeEventListener: () => {} };
  const open = (options) => new Promise((_, reject) => options.signal.addEventListener("abort", () => reject(new Error("cut"))));
  const asked = answering(open);
  const settle = async () => {
    for (let n = 0; n < 20; n += 1) await new Promise(setImmediate);
  };
  const see = async (hidden) => {
    document.hidden = hidden;
    for (const listener of listeners) listener();
    await settle();
  };
  live.startLive();
  await settle();
  await see(true);
  t.mock.timers.tick(29_000);
  await see(false); // a glance elsewhere is no reason
  t.mock.timers.tick(60_000);
  await settle();
  assert.equal(asked.length, 1);
  await see(true);
  t.mock.timers.tick(31_000);
  await settle();
  assert.ok(asked[0].signal.aborted);
  t.mock.timers.tick(600_000);
  await settle();
  assert.equal(asked.length, 1);
  await see(false);
  assert.equal(asked.length, 2);
  live.stopLive();
  delete globalThis.document;
});
