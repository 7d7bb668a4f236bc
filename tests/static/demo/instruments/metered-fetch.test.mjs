/** The metered `fetch`. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { FrameSplitter, meteredFetch } from "../../../../static/demo/instruments/metered-fetch.js";
import { WireLog } from "../../../../static/demo/instruments/wire-log.js";

const bytesOf = (text) => new TextEncoder().encode(text);
const streamOf = (...pieces) => new ReadableStream({
  start(controller) {
    for (const piece of pieces) controller.enqueue(piece);
    controller.close();
  },
});

/** Return a metered fetch that answers with a body, and its log. */
function metered(body) {
  const log = new WireLog(() => 0);
  return { log, fetch: meteredFetch(log, async () => new Response(body, { status: 200, headers: { "Content-Type": "text/event-stream" } })) };
}

test("the body is passed on unchanged, and each frame is an entry", async () => {
  const text = 'retry: 500\nid: g:1\ndata: {"a":"ạ"}\n\n: hb\nid: g:2\ndata: {}\n\n';
  const bytes = bytesOf(text);
  const { log, fetch } = metered(streamOf(bytes.slice(0, 30), bytes.slice(30, 31), bytes.slice(31)));
  const response = await fetch("http://gateway/api/chat/stream", { method: "POST", body: "{}" });
  assert.equal(await response.text(), text);
  assert.equal(response.headers.get("Content-Type"), "text/event-stream");
  const frames = log.entries.filter(({ kind }) => kind === "frame");
  assert.equal(frames.map((frame) => frame.text).join(""), text);
  assert.equal(frames.length, 2);
  assert.equal(frames.reduce((sum, frame) => sum + frame.bytes, 0), bytes.length);
  assert.deepEqual(log.entries.map(({ kind }) => kind), ["request", "open", "frame", "frame", "end"]);
  assert.deepEqual([log.entries[0].bytes, log.entries[0].text], [2, "POST /api/chat/stream {}"]);
});

test("an aborted request is recorded, and what had arrived is counted", async () => {
  const controller = new AbortController();
  const log = new WireLog(() => 0);
  const source = new ReadableStream({
    start(stream) {
      stream.enqueue(bytesOf("data: {}\n\ndata: half"));
      controller.signal.addEventListener("abort", () => stream.error(controller.signal.reason));
    },
  });
  const fetch = meteredFetch(log, async () => new Response(source));
  const reader = (await fetch("http://gateway/x", { signal: controller.signal })).body.getReader();
  await reader.read();
  controller.abort();
  await assert.rejects(reader.read());
  assert.equal(log.entries.reduce((sum, entry) => sum + entry.bytes, 0), "data: {}\n\ndata: half".length);
  assert.equal(log.entries.at(-1).text, "aborted by the page");
});

test("a request without a response is lost, and its error is passed on", async () => {
  const log = new WireLog(() => 0);
  const fetch = meteredFetch(log, async () => { throw new TypeError("no network"); });
  await assert.rejects(fetch("http://gateway/x"), TypeError);
  assert.deepEqual(log.entries.map(({ kind }) => kind), ["request", "lost"]);
});

test("a ticket in an address is not recorded", async () => {
  const { log, fetch } = metered(null);
  await fetch("http://gateway/events?last_event_id=g:1&ticket=secret&x=1");
  assert.equal(log.entries[0].text, "GET /events?last_event_id=g:1&ticket=…&x=1");
});

test("frames end at empty lines, wherever the body is cut", () => {
  const splitter = new FrameSplitter();
  const text = "data: ạ\n\n\uFEFFdata: b\n\nrest";
  const frames = [...bytesOf(text)].flatMap((byte) => splitter.push(new Uint8Array([byte])));
  assert.deepEqual([...frames, ...splitter.end()], ["data: ạ\n\n", "\uFEFFdata: b\n\n", "rest"]);
  assert.deepEqual(splitter.end(), []);
});
