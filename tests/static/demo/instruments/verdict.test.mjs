/** What measured runs say. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { History } from "../../../../static/demo/instruments/history.js";
import { headline, hints, networkRows, verdictRows } from "../../../../static/demo/instruments/verdict.js";

const figures = (transport, values) => ({
  transport, model: "sim", handshakeMs: null, ttftMs: null, gapP95: null, overheadPerEvent: null, reconnectMs: null, stopMs: null, bytesPerToken: null, reconnects: [], nextMs: null, opened: true, handshake: null, ...values,
});

function historyOf(...runs) {
  const history = new History();
  for (const run of runs) history.add(figures(...run));
  return history;
}

test("a difference within the spread of the runs is chance", () => {
  const history = historyOf(...[10, 90, 20, 80].map((stopMs) => ["sse", { stopMs }]), ...[2, 3, 2, 3].map((stopMs) => ["websocket", { stopMs }]));
  const [row] = verdictRows(history);
  assert.deepEqual(row, { title: "Stop", values: { sse: "50 ms", websocket: "2.5 ms" }, better: null, meaning: "Equal, within the spread of the runs." });
});

test("a small difference is named, but no transport is ahead", () => {
  const [row] = verdictRows(historyOf(["sse", { stopMs: 20 }], ["websocket", { stopMs: 5 }]));
  assert.deepEqual([row.better, row.meaning], [null, "WebSocket is faster here, by 15 ms: too little to notice."]);
});

test("a greater one names the transport that is ahead, and by how much", () => {
  const [row] = verdictRows(historyOf(["sse", { overheadPerEvent: 80 }], ["websocket", { overheadPerEvent: 95 }]));
  assert.deepEqual([row.better, row.meaning], ["sse", "SSE sends less for each event: 15 B."]);
});

test("a measure of one transport is no verdict", () => {
  assert.deepEqual(verdictRows(historyOf(["sse", { stopMs: 20 }], ["websocket", {}])), []);
});

test("the headline says what to do, who is ahead, or that it does not matter", () => {
  assert.match(headline(new History()), /^Nothing measured yet/);
  assert.match(headline(historyOf(["sse", { stopMs: 20 }])), /^Measured over SSE only/);
  const thrice = (...runs) => historyOf(...runs, ...runs, ...runs);
  assert.match(headline(thrice(["sse", { stopMs: 20 }], ["websocket", { stopMs: 12 }])), /equal here/);
  const mixed = [["sse", { stopMs: 20, overheadPerEvent: 80 }], ["websocket", { stopMs: 12, overheadPerEvent: 95 }]];
  assert.equal(headline(thrice(...mixed)), "SSE is ahead in overhead for each event. In 1 measure there is no difference to notice.");
  assert.equal(headline(historyOf(...mixed)), "After 1 run: SSE is ahead in overhead for each event. Times vary from run to run: measure five.");
});

test("few runs do not say which transport is faster", () => {
  const runs = [["sse", { stopMs: 300 }], ["websocket", { stopMs: 5 }]];
  const [few] = verdictRows(historyOf(...runs, ...runs));
  assert.deepEqual([few.better, few.meaning], [null, "WebSocket is faster here, by 295 ms in 2 runs: that may be chance."]);
  assert.equal(headline(historyOf(...runs)), "After 1 run: nothing to tell apart yet. Times vary from run to run: measure five.");
  assert.equal(verdictRows(historyOf(...runs, ...runs, ...runs))[0].better, "websocket");
});

test("networks add one round trip for each wait", () => {
  const history = historyOf(["sse", { handshakeMs: 10, nextMs: 10, handshake: { roundTrips: 2 } }], ["websocket", { handshakeMs: 8, handshake: { roundTrips: 1 } }]);
  assert.deepEqual(networkRows(history).find(({ rttMs }) => rttMs === 80).ms, { sse: 170, websocket: 88 });
  assert.deepEqual(networkRows(historyOf(["sse", { handshakeMs: 10, nextMs: 10, handshake: { roundTrips: 2 } }])), []);
});

test("hints name what was not measured", () => {
  const local = hints({ hostname: "127.0.0.1", protocol: "http:", httpVersion: "http/1.1", runs: 2, simulated: true });
  assert.deepEqual(local.map((hint) => hint.split(" ").slice(0, 3).join(" ")), ["Measured on this", "Without TLS. Over", "Over HTTP/1.1 a", "The model is", "Medians of 2", "Not measured here:"]);
  assert.equal(hints({ hostname: "chat.example", protocol: "https:", httpVersion: "h2", runs: 9, simulated: false }).length, 1);
});
