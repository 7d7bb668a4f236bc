/** The measures of the comparison. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { MEASURES } from "../../../../static/demo/instruments/measures.js";
import { Measurement } from "../../../../static/demo/instruments/measurement.js";

const empty = new Measurement({ transport: "websocket", model: "", startedAt: 0 }).figures;

test("each measure has its sentences", () => {
  for (const { id, caption, missing, method, title } of MEASURES) {
    for (const text of [caption, missing, method]) assert.match(text, /^[A-Z].+\.$/, id);
    assert.ok(title.length < 24, id);
  }
});

test("what was not measured is a dash, never a wrong value", () => {
  for (const { id, value, format, more = [] } of MEASURES) {
    assert.equal(value(empty), null, id);
    assert.equal(format(null), "–");
    for (const [label, read] of more) assert.match(read(empty), /^(–|hidden from scripts|0|0 B)$/, label);
  }
});

test("the first and the next answer of a WebSocket are kept apart; over HTTP each is both", () => {
  const read = (id, figures) => MEASURES.find((measure) => measure.id === id).value({ ...empty, ...figures });
  assert.deepEqual([read("handshake", { opened: true, handshakeMs: 9 }), read("next", { opened: true, handshakeMs: 9 })], [9, null]);
  assert.deepEqual([read("handshake", { opened: false, handshakeMs: 3 }), read("next", { opened: false, handshakeMs: 3 })], [null, 3]);
  assert.equal(read("next", { transport: "sse", opened: true, handshakeMs: 9 }), 9);
  assert.equal(read("next", { opened: true, handshakeMs: 9, nextMs: 2 }), 2);
});
