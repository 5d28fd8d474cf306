// One stream of events for the whole page: it tells which documents are out of date, and comes
// back by itself when the host was away.
import { createStore } from "./store.js";

/** "connecting", "live", "reconnecting" or "lost". */
export const connection = createStore("connecting");

/** When the host was there last, or null while it is. */
export const awaySince = createStore(null);

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const LOST_AFTER_MS = 12_000; // until then a gap is nothing to speak of
const SILENCE_MS = 40_000; // the host says something every 15 s
// A browser opens six connections to a host and no more, for all its tabs together.
const REST_AFTER_MS = 30_000; // in the background

const listeners = new Set();
let stopCurrent = null;

/**
 * Hear each event: a kind ("host", "job", "runs", "leases", "health", or "missed", after which
 * everything is to be read anew) and what it says.
 * @param {(kind: string, payload: object) => void} listener
 * @returns {() => void} how to stop
 */
export function onEvent(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Begin to follow; again after signing in. */
export function startLive() {
  stopCurrent?.();
  const follower = new Follower();
  stopCurrent = () => follower.stop();
  follower.run();
}

export function stopLive() {
  stopCurrent?.();
  stopCurrent = null;
  connection.set("connecting");
}

class Follower {
  constructor() {
    this.lastId = null;
    this.wasLive = false;
    this.awaySince = null;
    this.attempt = 0;
    this.isStopped = false;
    this.retryNow = () => this.wake?.();
    this.cut = () => this.controller?.abort();
    this.onSeen = () => this.seen();
    addEventListener("online", this.retryNow);
    addEventListener("offline", this.cut);
    globalThis.document?.addEventListener("visibilitychange", this.onSeen);
  }

  stop() {
    this.isStopped = true;
    removeEventListener("online", this.retryNow);
    removeEventListener("offline", this.cut);
    globalThis.document?.removeEventListener("visibilitychange", this.onSeen);
    clearTimeout(this.restTimer);
    this.controller?.abort();
    this.wake?.();
  }

  seen() {
    clearTimeout(this.restTimer);
    if (document.hidden) this.restTimer = setTimeout(() => this.rest(), REST_AFTER_MS);
    else if (this.isResting) this.wake?.();
  }

  rest() {
    this.isResting = true;
    this.controller?.abort();
  }

  async run() {
    while (!this.isStopped) {
      try {
        await this.follow();
      } catch {
        // Whatever ended it, we come back.
      }
      if (this.isStopped) return;
      if (this.isResting) await this.untilSeen();
      else await this.waitAway();
    }
  }

  async untilSeen() {
    await new Promise((resolve) => {
      this.wake = resolve;
    });
    this.wake = null;
    this.isResting = false;
  }

  async waitAway() {
    this.sayAway();
    await this.pause();
  }

  async follow() {
    this.controller = new AbortController();
    const headers = { Accept: "text/event-stream" };
    if (this.lastId) headers["Last-Event-ID"] = this.lastId;
    const signal = this.controller.signal;
    const response = await fetch("/v1/events", { headers, signal, cache: "no-store" });
    if (!response.ok) throw new Error(`events: ${response.status}`);
    this.sayLive();
    await this.readAll(response.body.pipeThrough(new TextDecoderStream()).getReader());
  }

  async readAll(reader) {
    let text = "";
    for (;;) {
      const { done, value } = await this.within(reader.read());
      if (done) return;
      text += value;
      const blocks = text.split(/\r?\n\r?\n/);
      text = blocks.pop();
      for (const block of blocks) this.take(block);
    }
  }

  async within(promise) {
    const timer = setTimeout(() => this.controller.abort(), SILENCE_MS);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  take(block) {
    let kind = "message";
    let data = "";
    for (const line of block.split(/\r?\n/)) {
      const [, name, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
      if (name === "event") kind = value;
      else if (name === "data") data += value;
      else if (name === "id") this.lastId = value;
    }
    if (data) tell(kind, JSON.parse(data));
  }

  sayLive() {
    // What happened in a gap may concern more than events tell of.
    if (this.wasLive) tell("missed", { events: null });
    this.wasLive = true;
    this.awaySince = null;
    this.attempt = 0;
    awaySince.set(null);
    connection.set("live");
  }

  sayAway() {
    if (this.awaySince === null) {
      this.awaySince = performance.now();
      awaySince.set(new Date().toISOString());
    }
    const isLost = performance.now() - this.awaySince > LOST_AFTER_MS;
    connection.set(isLost ? "lost" : "reconnecting");
  }

  async pause() {
    const most = Math.min(FIRST_WAIT_MS * 2 ** this.attempt, LONGEST_WAIT_MS);
    this.attempt += 1;
    // Spread, so that many browsers do not come back in one moment.
    const wait = most * (0.7 + 0.3 * Math.random());
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, wait);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.wake = null;
  }
}

function tell(kind, payload) {
  for (const listener of [...listeners]) listener(kind, payload);
}
