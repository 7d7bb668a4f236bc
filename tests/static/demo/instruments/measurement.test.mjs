/** The measurement of one answer, from a scripted wire. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Measurement, compareTexts } from "../../../../static/demo/instruments/measurement.js";

const entry = (at, connection, carrier, kind, fields = {}) => ({ at, connection, carrier, kind, direction: "in", bytes: 0, head: null, text: "", ...fields });
const chunk = (seq, content) => ({ type: "chunk", seq, content });

/** Feed an answer over EventSource that starts at 1000. */
function overEventSource() {
  const run = new Measurement({ transport: "sse", model: "sim", startedAt: 1000 });
  run.onWire(entry(1001, 1, "http", "request", { direction: "out", bytes: 80, text: "POST /api/generations {}" }));
  run.onWire(entry(1005, 1, "http", "open", { head: 300 }));
  run.onWire(entry(1006, 1, "http", "frame", { bytes: 268, text: "{}" }));
  run.onWire(entry(1007, 2, "eventsource", "request", { direction: "out", text: "GET /api/generations/g_1/events" }));
  run.onWire(entry(1010, 2, "eventsource", "open"));
  run.onWire(entry(1011, 2, "eventsource", "frame", { bytes: 60, text: 'id: g_1:1\nevent: accepted\ndata: {"type":"accepted"}\n\n' }));
  run.onEvent({ type: "accepted", model: "sim?speed=85" }, 1011);
  return run;
}

function chunkFrame(run, at, seq, content) {
  const text = `id: g_1:${seq}\ndata: ${JSON.stringify({ type: "chunk", content })}\n\n`;
  run.onWire(entry(at, 2, "eventsource", "frame", { bytes: text.length, text }));
  run.onEvent(chunk(seq, content), at);
  return text.length;
}

test("nothing is known before the first event", () => {
  const { handshakeMs, handshake, ttftMs, gapP50, overheadPerEvent, stopMs, cancelMs, intact } = new Measurement({ transport: "sse", model: "", startedAt: 0 }).figures;
  assert.deepEqual([handshakeMs, handshake, ttftMs, gapP50, overheadPerEvent, stopMs, cancelMs, intact], [null, null, null, null, null, null, null, null]);
});

test("the handshake of EventSource is two requests, whose steps add up to the whole", () => {
  const { handshakeMs, handshake, model } = overEventSource().figures;
  assert.equal(handshakeMs, 11);
  assert.equal(model, "sim?speed=85");
  assert.deepEqual(handshake.steps, [{ label: "POST", ms: 4 }, { label: "stream", ms: 3 }, { label: "event", ms: 1 }, { label: "page", ms: 3 }]);
  assert.deepEqual([handshake.requests, handshake.roundTrips, handshake.sent, handshake.heads], [2, 2, 80, null]);
});

test("a new WebSocket is an upgrade and a message; a kept one only a message", () => {
  const out = (at) => entry(at, 1, "websocket", "frame", { direction: "out", bytes: 70, text: "{}" });
  const first = new Measurement({ transport: "websocket", model: "", startedAt: 0 });
  first.onWire(entry(1, 1, "websocket", "request", { direction: "out" }));
  first.onWire(entry(5, 1, "websocket", "open"));
  first.onWire(out(5));
  first.onEvent({ type: "accepted" }, 7);
  assert.deepEqual([first.figures.handshake.requests, first.figures.handshake.roundTrips], [1, 2]);
  const second = new Measurement({ transport: "websocket", model: "", startedAt: 100 });
  second.onWire(out(101));
  second.onEvent({ type: "accepted" }, 103);
  assert.deepEqual([first.figures.opened, second.figures.opened], [true, false]);
  assert.deepEqual(second.figures.handshake, { steps: [{ label: "start", ms: 3 }], requests: 0, roundTrips: 1, sent: 70, heads: null });
});

test("bytes are counted in full, and by event for content", () => {
  const run = overEventSource();
  const bytes = [[1120, 2, "Hello"], [1180, 3, " world"], [1260, 4, "!"]].map((args) => chunkFrame(run, ...args));
  const { bytesIn, bytesOut, textEvents, textBytes, overheadPerEvent, perEvent, ttftMs, gaps } = run.figures;
  const sum = bytes.reduce((a, b) => a + b);
  assert.deepEqual([bytesIn, bytesOut, textEvents, textBytes], [268 + 60 + sum, 80, 3, 12]);
  assert.equal(overheadPerEvent, (sum - 12) / 3);
  assert.equal(perEvent.text + perEvent.event + perEvent.framing, sum / 3);
  assert.deepEqual([ttftMs, gaps], [120, [60, 80]]);
});

test("polls cost a head for each response", () => {
  const run = new Measurement({ transport: "poll", model: "", startedAt: 0 });
  const text = JSON.stringify({ events: [chunk(2, "abcd"), chunk(3, "ef")], position: "g_1:3", ended: false });
  run.onWire(entry(1, 1, "http", "request", { direction: "out", text: "GET /api/generations/g_1/poll?after=1" }));
  run.onWire(entry(2, 1, "http", "open", { head: 300 }));
  run.onWire(entry(2, 1, "http", "frame", { bytes: text.length, text }));
  const { bytesIn, textEvents, overheadPerEvent, textBytes } = run.figures;
  assert.deepEqual([bytesIn, textEvents, overheadPerEvent, textBytes], [300 + text.length, 2, (300 + text.length - 6) / 2, 6]);
});

test("a reconnect is timed from the new request to the next event, and the time offline is told apart", () => {
  const run = overEventSource();
  chunkFrame(run, 1120, 2, "a");
  run.onBreak(1200);
  run.onWire(entry(1200, 2, "eventsource", "end"));
  run.onWire(entry(1250, 3, "http", "request", { direction: "out", text: "POST /api/generations/g_1/feedback {}" })); // no stream
  run.onWire(entry(3200, 4, "eventsource", "request", { direction: "out", text: "GET /api/generations/g_1/events" }));
  run.onWire(entry(3204, 4, "eventsource", "open"));
  assert.equal(run.sinceRequest(3206), 6);
  run.onEvent(chunk(3, "b"), 3206);
  assert.equal(run.sinceRequest(3207), null);
  assert.deepEqual(run.figures.reconnects, [{ offlineMs: 2000, ms: 6 }]);
  assert.deepEqual(run.figures.gaps, []);
});

test("a stop is timed from the click to the last event", () => {
  const run = overEventSource();
  chunkFrame(run, 1120, 2, "abc");
  run.onStop(1200);
  chunkFrame(run, 1210, 3, "de");
  run.onEvent({ type: "interrupted", cancel_ms: 3.5, metrics: { ttft_ms: 100 }, usage: { output_tokens: 2 } }, 1219);
  const { stopMs, cancelMs, charsAfterStop, addedTtftMs, tokens } = run.figures;
  assert.deepEqual([stopMs, cancelMs, charsAfterStop, addedTtftMs, tokens], [19, 3.5, 2, 20, 2]);
});

test("a stop that came too late was none", () => {
  const run = overEventSource();
  run.onStop(1200);
  run.onEvent({ type: "complete" }, 1201);
  assert.deepEqual([run.figures.stopMs, run.figures.cancelMs], [null, null]);
});

test("entries of earlier and later answers do not count, late ones of its own requests do", () => {
  const run = overEventSource();
  run.onWire(entry(1050, 0, "eventsource", "frame", { bytes: 1000, text: "" }));
  const before = run.figures.bytesIn;
  run.onEvent({ type: "complete" }, 1300);
  run.onWire(entry(1400, 2, "eventsource", "frame", { bytes: 11, text: "" }));
  run.onWire(entry(1400, 9, "http", "request", { direction: "out", bytes: 50, text: "GET /api/generations/g_1" }));
  run.onWire(entry(1401, 9, "http", "frame", { bytes: 500, text: "{}" }));
  assert.equal(before, 268 + 60);
  assert.deepEqual([run.figures.bytesIn, run.figures.bytesOut], [before + 11, 80]);
});

test("texts are compared character by character", () => {
  assert.deepEqual(compareTexts("abc", "abc"), { intact: true, characters: 3, message: "All 3 characters are here, none twice." });
  const { intact, message } = compareTexts("abbc", "abc");
  assert.equal(intact, false);
  assert.equal(message, "The text differs from the gateway’s after character 2: 4 here, 3 there.");
});
