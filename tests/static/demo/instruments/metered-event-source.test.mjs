/** The metered `EventSource`. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { HIDDEN, meteredEventSource } from "../../../../static/demo/instruments/metered-event-source.js";
import { WireLog } from "../../../../static/demo/instruments/wire-log.js";

class Source extends EventTarget {
  static CONNECTING = 0;
  readyState = 1;

  constructor(url) {
    super();
    this.url = url;
  }

  close() {
    this.readyState = 2;
  }
}

function message(type, data, lastEventId) {
  return Object.assign(new Event(type), { data, lastEventId });
}

const URL_OF_EVENTS = "http://gateway/api/generations/g_1/events?ticket=secret";

test("each message is a frame; the browser's own figure adds what it hides", () => {
  const timers = [];
  const log = new WireLog(() => 0);
  const source = new (meteredEventSource(log, Source, { timingOf: () => ({ encodedBodySize: 100 }), later: (callback) => timers.push(callback) }))(URL_OF_EVENTS);
  const order = [];
  log.onEntry = ({ kind }) => order.push(kind);
  source.addEventListener("message", () => order.push("client"));
  source.dispatchEvent(new Event("open"));
  source.dispatchEvent(message("message", "{}", "g_1:2"));
  source.close();
  source.close();
  for (const callback of timers) callback();
  assert.deepEqual(order, ["open", "frame", "client", "end", "frame"]);
  assert.equal(log.entries[0].text, "GET /api/generations/g_1/events?ticket=…");
  const [counted, hidden] = log.entries.filter(({ kind }) => kind === "frame");
  assert.deepEqual([counted.text, counted.bytes], ["data: {}\nid: g_1:2\n\n", 20]);
  assert.deepEqual([hidden.text, hidden.bytes], [HIDDEN, 80]);
});

test("a lost connection is a new request when the browser reconnects", () => {
  const log = new WireLog(() => 0);
  const source = new (meteredEventSource(log, Source, { later: () => {} }))(URL_OF_EVENTS);
  source.readyState = Source.CONNECTING;
  source.dispatchEvent(new Event("error"));
  source.dispatchEvent(new Event("open"));
  assert.deepEqual(log.entries.map(({ kind, connection }) => [kind, connection]), [["request", 1], ["lost", 1], ["request", 2], ["open", 2]]);
  source.close();
});
