/** The parts of a frame. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { frameParts } from "../../../../static/demo/instruments/frame-parts.js";
import { utf8Length, webSocketFrameLength } from "../../../../static/demo/instruments/wire-size.js";

function only(parts) {
  assert.equal(parts.length, 1);
  return parts[0];
}

const sse = (text) => only(frameParts({ carrier: "eventsource", bytes: utf8Length(text), text }));
const socket = (text) => only(frameParts({ carrier: "websocket", bytes: webSocketFrameLength(utf8Length(text)), text }));

test("an SSE frame is text, event and framing", () => {
  const json = '{"type":"chunk","content":"ạ!"}';
  const parts = sse(`id: g_1:7\ndata: ${json}\n\n`);
  assert.deepEqual(parts, { type: "chunk", text: 4, event: utf8Length(json) - 4 + 5, framing: "id: \ndata: \n\n".length });
});

test("a WebSocket frame has two bytes of framing, and its position in the JSON", () => {
  const json = '{"type":"chunk","generation_id":"g_1","seq":7,"content":"ab"}';
  assert.deepEqual(socket(json), { type: "chunk", text: 2, event: json.length - 2, framing: 2 });
});

test("the sum of the parts is the frame", () => {
  for (const json of ['{"type":"tool_call","index":0,"arguments":"{}"}', '{"type":"complete"}', '{"type":"reasoning","content":"hm"}']) {
    const frame = `id: g_1:7\nevent: x\ndata: ${json}\n\n`;
    const { text, event, framing } = sse(frame);
    assert.equal(text + event + framing, frame.length);
  }
});

test("what is no event is framing", () => {
  for (const text of ['{"type":"ack","id":1}', '{"type":"pong"}', "{", ""]) assert.equal(socket(text).type, null);
  assert.deepEqual(sse(": hb\n"), { type: null, text: 0, event: 0, framing: 5 });
});

test("a poll's response has many events, which share what stands around them", () => {
  const events = [{ seq: 1, type: "chunk", content: "ạ" }, { seq: 2, type: "complete" }];
  const text = JSON.stringify({ events, position: "g_1:2", ended: true });
  const parts = frameParts({ carrier: "http", bytes: utf8Length(text), text });
  assert.deepEqual(parts.map(({ type, text: content }) => [type, content]), [["chunk", 3], ["complete", 0]]);
  assert.equal(parts.reduce((sum, { text: content, event, framing }) => sum + content + event + framing, 0), utf8Length(text));
});
