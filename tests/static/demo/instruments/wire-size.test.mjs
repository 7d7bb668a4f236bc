/** Sizes on the wire, against frames written by hand. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { chunkFramingLength, eventStreamFrame, responseHeadLength, utf8Length, webSocketFrameLength } from "../../../../static/demo/instruments/wire-size.js";

test("characters count as their bytes in UTF-8", () => {
  assert.deepEqual(["", "a", "ạ", "👋🏽"].map(utf8Length), [0, 1, 3, 8]);
});

test("a WebSocket frame has 2, 4 or 10 bytes of header, and 4 more for a client's mask (RFC 6455, 5.2)", () => {
  assert.deepEqual([0, 125, 126, 65_535, 65_536].map((payload) => webSocketFrameLength(payload) - payload), [2, 2, 4, 4, 10]);
  assert.deepEqual([0, 125, 126, 65_536].map((payload) => webSocketFrameLength(payload, { masked: true }) - payload), [6, 6, 8, 14]);
});

test("an event's frame is written as the gateway writes it", () => {
  assert.equal(eventStreamFrame({ lastEventId: "g_1:2", type: "message", data: "{}" }), "data: {}\nid: g_1:2\n\n");
  assert.equal(eventStreamFrame({ lastEventId: "g_1:1", type: "accepted", data: "{}" }), "event: accepted\ndata: {}\nid: g_1:1\n\n");
  assert.equal(eventStreamFrame({ lastEventId: "", type: "message", data: "{}" }), "data: {}\n\n");
});

test("a response's head is its status line, its headers and an empty line", () => {
  const head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-accel-buffering: no\r\n\r\n";
  const headers = new Headers({ "content-type": "text/event-stream", "x-accel-buffering": "no" });
  assert.equal(responseHeadLength({ status: 200, statusText: "OK", headers }), head.length);
});

test("a chunk has its size in hexadecimal digits and two line ends (RFC 9112, 7.1)", () => {
  assert.deepEqual([1, 15, 16, 255, 256].map(chunkFramingLength), [5, 5, 6, 6, 7]);
});
