/** Reading over SSE, with EventSource and with fetch. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { accepted, chunk, complete, flush, frame, read, setUp, startOverSse } from "./fakes.mjs";

test("a reconnect of EventSource is reported and not disturbed", async () => {
  const { source, sources, answer } = await startOverSse();
  source.open();
  source.say("g_1:1", accepted);
  source.fail();
  assert.equal(answer.state, "offline");
  source.open();
  source.say("g_1:2", chunk("back"));
  assert.deepEqual([answer.state, answer.text, sources.length], ["streaming", "back", 1]);
});

test("when EventSource gives up, the gateway is asked why", async () => {
  const { source, net, result } = await startOverSse();
  source.say("g_1:1", accepted);
  source.fail({ forever: true });
  await flush();
  assert.equal(net.last.url, "http://gateway.test/api/generations/g_1");
  await net.answer(404, { error: { code: "generation_lost", message: "gone", retryable: true } });
  assert.equal((await result).error.code, "generation_lost");
});

test("when EventSource gave up because of a proxy's error page, and the gateway is back, the answer is resumed, not complete", async () => {
  const { source, sources, net, answer, timers } = await startOverSse();
  source.say("g_1:1", accepted);
  source.say("g_1:2", chunk("a"));
  source.fail({ forever: true });
  await flush();
  await net.answer(200, { id: "g_1", state: "streaming", seq: 2 });
  assert.equal(answer.state, "offline");
  await timers.pass(500);
  sources[1].fail({ forever: true });
  await flush();
  await net.answer(200, { id: "g_1", state: "complete", seq: 4 });
  assert.equal(answer.state, "offline");
  await timers.pass(1000);
  sources[2].say("g_1:3", chunk("b"));
  sources[2].say("g_1:4", complete);
  assert.deepEqual([answer.state, answer.text], ["complete", "ab"]);
});

const rejected = { type: "rejected", id: null, generation_id: null, code: "queue_full", message: "full", retryable: true, retry_after_ms: 2000, param: null };

test("a rejection over EventSource is no event of the answer, and is tried again after the requested wait", async () => {
  const { source, sources, answer, result, timers } = await startOverSse();
  source.say("g_1:1", accepted);
  source.fail();
  source.open();
  source.say("g_1:1", rejected);
  assert.deepEqual([answer.state, source.readyState, answer.retrying.delayMs], ["offline", 2, 2250]);
  await timers.pass(2250);
  assert.equal(new URL(sources[1].url).searchParams.get("last_event_id"), "g_1:1");
  sources[1].say("g_1:2", complete);
  assert.deepEqual((await result).events.map(({ type }) => type), ["accepted", "complete"]);
});

test("a proxy's error event without a position, from before rejections, is tried again if it is retryable", async () => {
  const { source, sources, answer, timers } = await startOverSse();
  source.say("g_1:1", accepted);
  source.say("g_1:1", { ...rejected, type: "error", code: "network_error" });
  assert.deepEqual([answer.state, answer.terminal], ["offline", null]);
  await timers.pass(2250);
  assert.equal(sources.length, 2);
  answer.detach();
});

test("with fetch, a rejection is tried again, and a final refusal is thrown at once", async () => {
  const { client, net, timers } = setUp({ transport: "fetch" });
  const answer = client.attach("g_1", { after: "g_1:3" });
  const result = read(answer);
  await flush();
  await (await net.stream()).write(`event: rejected\nretry: 2000\ndata: ${JSON.stringify(rejected)}\n\n`);
  await timers.pass(2250);
  assert.equal(net.calls.length, 2);
  const final = { ...rejected, type: "error", code: "generation_lost", retryable: false };
  await (await net.stream()).write(`event: error\nid: refused\ndata: ${JSON.stringify(final)}\n\n`);
  assert.deepEqual([(await result).error.code, answer.terminal, timers.count], ["generation_lost", null, 0]);
});

test("the URL says for how long text is joined, on every transport over HTTP", async () => {
  const { client, net, sources } = setUp();
  for (const transport of ["sse", "fetch", "poll"]) client.attach("g_1", { transport, after: "g_1:3", coalesceMs: 50 });
  await flush();
  const urls = [sources[0].url, ...net.calls.map(({ url }) => url)].map((url) => new URL(url));
  assert.deepEqual(urls.map(({ pathname }) => pathname.split("/").at(-1)), ["events", "events", "poll"]);
  assert.deepEqual(urls.map(({ searchParams }) => searchParams.get("coalesce_ms")), ["50", "50", "50"]);
  client.close();
});

test("an idle EventSource is reopened at its position, which is no failure", async () => {
  const { source, sources, answer, timers } = await startOverSse({ idleTimeout: 1000 });
  source.open();
  source.say("g_1:1", accepted);
  for (let round = 1; round <= 20; round += 1) {
    await timers.pass(1000);
    assert.equal(sources.length, round + 1);
    sources[round].open();
  }
  assert.equal(answer.state, "waiting");
  answer.detach();
  assert.equal(timers.count, 0);
});

test("with fetch, one POST starts and streams, and a lost connection resumes by GET with Last-Event-ID", async () => {
  const { client, net, timers, sources } = setUp({ transport: "fetch", token: "secret" });
  const answer = client.start({ prompt: "hi" });
  const result = read(answer);
  await flush();
  assert.deepEqual([net.last.url, net.last.headers.Authorization], ["http://gateway.test/api/chat/stream", "Bearer secret"]);
  const first = await net.stream({ "X-Generation-ID": "g_1" });
  await first.write(`: hb\n${frame(1, accepted)}${frame(2, chunk("a"))}id: g_1:3\nda`);
  await first.cut();
  await timers.pass(250);
  assert.deepEqual([net.last.url, net.last.method, net.last.headers["Last-Event-ID"]], ["http://gateway.test/api/generations/g_1/events", "GET", "g_1:2"]);
  const second = await net.stream();
  await second.write(frame(3, chunk("b")) + frame(4, complete));
  assert.deepEqual([(await result).error, answer.text, timers.count, sources.length], [null, "ab", 0, 0]);
});

test("a body that ends before the terminal event is a lost connection", async () => {
  const { client, net } = setUp({ transport: "fetch" });
  const answer = client.start({ prompt: "hi" });
  await flush();
  const body = await net.stream();
  await body.write(frame(1, accepted) + frame(2, chunk("a")));
  await body.end();
  assert.equal(answer.state, "offline");
  client.close();
});

test("heartbeats keep a connection; without them it is resumed", async () => {
  const { client, net, timers } = setUp({ transport: "fetch", idleTimeout: 1000 });
  const answer = client.start({ prompt: "hi" });
  await flush();
  const body = await net.stream();
  await body.write(frame(1, accepted));
  for (let count = 0; count < 5; count += 1) {
    await timers.pass(900);
    await body.write(": hb\n");
  }
  assert.equal(net.calls.length, 1);
  await timers.pass(1000);
  assert.deepEqual([net.calls.length, net.last.headers["Last-Event-ID"]], [2, "g_1:1"]);
  answer.detach();
});

test("a response that is not an event stream is an error", async () => {
  const { client, net } = setUp({ transport: "fetch" });
  const result = read(client.start({ prompt: "hi" }));
  await flush();
  await net.answer(200, { hello: 1 }, { "Content-Type": "application/json" });
  assert.equal((await result).error.code, "upstream_protocol");
});
