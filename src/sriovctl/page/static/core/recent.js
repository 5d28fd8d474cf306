// What happened since the page was opened, the newest first.
import { onEvent } from "./live.js";
import { createStore } from "./store.js";

const MOST = 200;

/** `{number, time, kind, payload}` of each event. */
export const recent = createStore([]);

let number = 0;

onEvent((kind, payload) => {
  number += 1;
  const one = { number, time: new Date().toISOString(), kind, payload };
  recent.set([one, ...recent.get()].slice(0, MOST));
});
