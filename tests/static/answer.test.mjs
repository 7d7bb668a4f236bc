/** The answer over SSE, by EventSource and by fetch: start, resume, dedupe, holes, timeouts, ends. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { accepted, among, chunk, complete, flush, frame, read } from "./fakes.mjs";

const CREATED = { id: "g_1", state: "queued", urls: {} };

async function started(options) {
  const all = among(options);
  const answer = all.client.start({ prompt: "hi" });
  const result = read(answer);
  await flush();
  await all.net.answer(201, CREATED);
  return { ...all, answer, result, source: all.sources[0] };
}

test("a start over SSE posts the messages with a key and reads the events", async () => {
  const { net, source, answer, result, timers, client } = await started();
  assert.equal(net.calls[0].url, "http://gateway.test/api/generations");
  assert.deepEqual(net.calls[0].body, { messages: [{ role: "user", content: "hi" }] });
  assert.equal(net.calls[0].headers["Idempotency-Key"], "key-1");
  assert.equal(source.url, "http://gateway.test/api/generations/g_1/events");
  source.open();
  source.say("g_1:1", accepted);
  source.say("g_1:2", chunk("He"));
  source.say("g_1:3", chunk("llo"));
  assert.deepEqual([answer.state, answer.text, answer.position], ["streaming", "Hello", "g_1:3"]);
  source.say("g_1:4", complete);
  const { events, error } = await result;
  assert.equal(error, null);
  assert.deepEqual(events[1], { type: "chunk", content: "He", generation_id: "g_1", seq: 2 });
  assert.deepEqual(events.map(({ type }) => type), ["accepted", "chunk", "chunk", "complete"]);
  assert.deepEqual(answer.metrics, { chunks: 2 });
  assert.deepEqual([source.readyState, source.listeners, timers.count], [2, 0, 0], "nothing is left behind");
  client.close();
});

test("an event that was seen is dropped", async () => {
  const { source, answer } = await started();
  for (const seq of [1, 2, 2, 1, 3]) source.say(`g_1:${seq}`, seq === 1 ? accepted : chunk(String(seq)));
  assert.equal(answer.text, "23");
});

test("texts that were merged for a slow reader make no hole", async () => {
  const { source, sources, answer } = await started();
  source.say("g_1:1", accepted);
  source.say("g_1:9", chunk("all at once"));
  assert.deepEqual([answer.text, answer.position, sources.length], ["all at once", "g_1:9", 1]);
});

test("a hole is filled by attaching again at the last position, once", async () => {
  const { source, sources, answer, timers, result } = await started();
  source.say("g_1:1", accepted);
  source.say("g_1:2", chunk("a"));
  source.say("g_1:5", complete);
  assert.equal(answer.state, "offline");
  await timers.pass(0);
  assert.equal(new URL(sources[1].url).searchParams.get("last_event_id"), "g_1:2");
  source.say("g_1:3", chunk("the closed connection has no say"));
  sources[1].say("g_1:4", chunk("b"));
  sources[1].say("g_1:5", complete);
  assert.equal((await result).error, null);
  assert.equal(answer.text, "ab");
});

test("a hole that the gateway does not fill is not asked for for ever", async () => {
  const { source, sources, answer, timers } = await started();
  source.say("g_1:1", accepted);
  source.say("g_1:4", { ...complete });
  await timers.pass(0);
  sources[1].say("g_1:4", complete);
  assert.equal(answer.state, "complete");
});

test("a gap replaces the text, and what follows is added", async () => {
  const { source, answer } = await started();
  source.say("g_1:1", accepted);
  source.say("g_1:2", chunk("lost"));
  source.say("g_1:40", { type: "gap", from: 3, to: 40, text: "the whole " });
  source.say("g_1:41", chunk("text"));
  assert.deepEqual([answer.text, answer.position], ["the whole text", "g_1:41"]);
});

test("a revision begins a new text", async () => {
  const { source, answer } = await started();
  source.say("g_1:1", accepted);
  source.say("g_1:2", chunk("long"));
  source.say("g_1:3", { type: "feedback", feedback_id: "f", mode: "revise", text: "shorter", rating: null });
  source.say("g_1:4", { type: "revision", revision: 2, feedback_id: "f", cancel_ms: 1 });
  assert.deepEqual([answer.text, answer.revision, answer.state], ["", 2, "waiting"]);
  source.say("g_1:5", chunk("short"));
  assert.equal(answer.text, "short");
});

test("a place in line is told while it lasts", async () => {
  const { source, answer } = await started();
  source.say("g_1:1", accepted);
  source.say("g_1:2", { type: "queued", position: 3, eta_ms: 4000 });
  assert.deepEqual([answer.state, answer.queue, answer.position], ["queued", { position: 3, etaMs: 4000 }, "g_1:2"]);
  source.say("g_1:3", { type: "start", provider: "p", upstream_model: "m", attempt: 1, revision: 1 });
  assert.deepEqual([answer.state, answer.queue], ["waiting", null]);
});

test("an error event is given, then thrown", async () => {
  const { source, result } = await started();
  source.say("g_1:1", accepted);
  source.say("g_1:2", { type: "error", code: "stalled", message: "silent", retryable: true, retry_after_ms: 900, partial: false });
  const { events, error } = await result;
  assert.equal(events.at(-1).type, "error");
  assert.deepEqual([error.name, error.code, error.retryable, error.retryAfterMs], ["DualstreamError", "stalled", true, 900]);
});

test("EventSource's own reconnect is shown and not disturbed", async () => {
  const { source, sources, answer } = await started();
  source.open();
  source.say("g_1:1", accepted);
  source.fail();
  assert.equal(answer.state, "offline");
  source.open();
  source.say("g_1:2", chunk("back"));
  assert.deepEqual([answer.state, answer.text, sources.length], ["streaming", "back", 1]);
});

test("an error without a position of its own ends the answer, though EventSource repeats the last id", async () => {
  const { source, result } = await started();
  source.say("g_1:1", accepted);
  source.say("g_1:1", { type: "error", code: "generation_lost", message: "gone", retryable: true });
  assert.equal((await result).error.code, "generation_lost");
});

test("when EventSource gives up, the gateway is asked why", async () => {
  const { source, net, result } = await started();
  source.say("g_1:1", accepted);
  source.fail({ forever: true });
  await flush();
  assert.equal(net.last.url, "http://gateway.test/api/generations/g_1");
  await net.answer(404, { error: { code: "generation_lost", message: "gone", retryable: true } });
  assert.equal((await result).error.code, "generation_lost");
});

test("an answer that was over when attached ends quietly", async () => {
  const { client, sources, net } = among();
  const answer = client.attach("g_1", { after: "g_1:9", text: "known" });
  const result = read(answer);
  await flush();
  sources[0].fail({ forever: true });
  await flush();
  await net.answer(200, { id: "g_1", state: "interrupted" });
  assert.deepEqual([await result, answer.state, answer.text], [{ events: [], error: null }, "interrupted", "known"]);
});

test("a start that is refused for now is repeated with the same key after the asked wait", async () => {
  const { client, net, timers, sources } = among();
  const answer = client.start({ prompt: "hi" });
  await flush();
  await net.answer(503, { error: { code: "queue_full", message: "full", retryable: true, retry_after_ms: 3000 } });
  assert.deepEqual([answer.state, answer.retrying.delayMs], ["connecting", 3250]);
  await timers.pass(3249);
  assert.equal(net.calls.length, 1);
  await timers.pass(1);
  assert.equal(net.calls.length, 2);
  assert.equal(net.calls[1].headers["Idempotency-Key"], net.calls[0].headers["Idempotency-Key"]);
  await net.answer(201, CREATED);
  assert.equal(sources.length, 1);
  client.close();
});

test("a start that is refused for good is not repeated", async () => {
  const { client, net, timers } = among();
  const result = read(client.start({ prompt: "hi", model: "nope" }));
  await flush();
  await net.answer(404, { error: { code: "model_not_found", message: "none", retryable: false, param: "model" } });
  const { error } = await result;
  assert.deepEqual([error.code, error.param, timers.count, net.calls.length], ["model_not_found", "model", 0, 1]);
});

test("interrupting while a refused start waits stops it here", async () => {
  const { client, net, timers } = among();
  const answer = client.start({ prompt: "hi" });
  const result = read(answer);
  await flush();
  await net.answer(503, { error: { code: "queue_full", message: "full", retryable: true } });
  await answer.interrupt();
  assert.deepEqual([(await result).error.code, timers.count], ["aborted", 0]);
});

test("interrupt and feedback go by POST; an answer that is over is no error to the first", async () => {
  const { answer, net } = await started();
  const stopped = answer.interrupt("enough");
  await flush();
  assert.deepEqual([net.last.url, net.last.body], ["http://gateway.test/api/generations/g_1/interrupt", { reason: "enough" }]);
  await net.answer(409, { error: { code: "already_over", message: "over", retryable: false } });
  await stopped;
  const told = answer.feedback({ rating: 1, mode: "note" });
  await flush();
  await net.answer(202, { feedback_id: "f_1" });
  assert.deepEqual(await told, { feedback_id: "f_1" });
});

test("an interrupt before the generation has its id waits for the id", async () => {
  const { client, net } = among();
  const stopped = client.start({ prompt: "hi" }).interrupt();
  await flush();
  assert.equal(net.calls.length, 1);
  await net.answer(201, CREATED);
  assert.match(net.last.url, /g_1\/interrupt$/);
  await net.answer(202, {});
  await stopped;
});

test("a signal interrupts the generation and fails the answer with its reason", async () => {
  const { client, net, timers } = among();
  const controller = new AbortController();
  const result = read(client.start({ prompt: "hi" }, { signal: controller.signal }));
  await flush();
  await net.answer(201, CREATED);
  const reason = new Error("left");
  controller.abort(reason);
  assert.equal((await result).error, reason);
  assert.match(net.last.url, /g_1\/interrupt$/);
  assert.equal(timers.count, 0);
});

test("a whole answer may have a time limit", async () => {
  const { source, timers, result, net } = await started({ timeout: 1000, idleTimeout: 0 });
  source.say("g_1:1", accepted);
  await timers.pass(1000);
  assert.equal((await result).error.code, "timeout");
  assert.match(net.last.url, /g_1\/interrupt$/);
});

test("a quiet EventSource is made anew from its position, and that is no failure", async () => {
  const { source, sources, answer, timers } = await started({ idleTimeout: 1000 });
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

test("a gateway that never answers is given up", async () => {
  const { client, timers, net } = among({ idleTimeout: 1000, retry: { attempts: 2 } });
  const result = read(client.start({ prompt: "hi" }));
  await timers.pass(60_000);
  assert.deepEqual([(await result).error.code, net.calls.length, timers.count], ["timeout", 3, 0]);
});

test("the plug: cut, away for a while, back from the exact position", async () => {
  const { source, sources, answer, timers } = await started();
  source.say("g_1:1", accepted);
  source.say("g_1:2", chunk("a"));
  answer.drop(2000);
  assert.deepEqual([answer.state, source.readyState], ["offline", 2]);
  await timers.pass(1999);
  assert.equal(sources.length, 1);
  await timers.pass(1);
  assert.equal(new URL(sources[1].url).searchParams.get("last_event_id"), "g_1:2");
  sources[1].say("g_1:3", chunk("b"));
  assert.deepEqual([answer.text, answer.state], ["ab", "streaming"]);
});

test("leaving the loop detaches and stops nothing", async () => {
  const { client, net, sources, timers } = among();
  const answer = client.start({ prompt: "hi" });
  const left = (async () => { for await (const event of answer) if (event.type === "chunk") break; })();
  await flush();
  await net.answer(201, CREATED);
  sources[0].say("g_1:1", accepted);
  sources[0].say("g_1:2", chunk("a"));
  await left;
  assert.deepEqual([answer.state, sources[0].readyState, timers.count, net.calls.length], ["detached", 2, 0, 1]);
  assert.equal(await answer.finished, null);
});

test("by fetch: one POST starts and streams; a cut resumes by GET with Last-Event-ID", async () => {
  const { client, net, timers, sources } = among({ transport: "fetch", token: "secret" });
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

test("a body that ends cleanly before the answer does is a cut", async () => {
  const { client, net } = among({ transport: "fetch" });
  const answer = client.start({ prompt: "hi" });
  await flush();
  const body = await net.stream();
  await body.write(frame(1, accepted) + frame(2, chunk("a")));
  await body.end();
  assert.equal(answer.state, "offline");
  client.close();
});

test("heartbeats keep a connection alive; without them it is resumed", async () => {
  const { client, net, timers } = among({ transport: "fetch", idleTimeout: 1000 });
  const answer = client.start({ prompt: "hi" });
  await flush();
  const body = await net.stream();
  await body.write(frame(1, accepted));
  for (let beat = 0; beat < 5; beat += 1) {
    await timers.pass(900);
    await body.write(": hb\n");
  }
  assert.equal(net.calls.length, 1);
  await timers.pass(1000);
  assert.deepEqual([net.calls.length, net.last.headers["Last-Event-ID"]], [2, "g_1:1"]);
  answer.detach();
});

test("a page that is no event stream is not taken for one", async () => {
  const { client, net } = among({ transport: "fetch" });
  const result = read(client.start({ prompt: "hi" }));
  await flush();
  await net.answer(200, { hello: 1 }, { "Content-Type": "application/json" });
  assert.equal((await result).error.code, "upstream_protocol");
});

test("cookies go to the page's own origin alone, unless it is said otherwise", async () => {
  for (const credentials of [undefined, "include"]) {
    const { client, net, sources } = among({ transport: "sse", ...(credentials && { credentials }) });
    const answer = client.start({ prompt: "hi" });
    await flush();
    assert.equal(net.calls[0].credentials, credentials ?? "same-origin");
    await net.answer(201, { id: "g_1" });
    assert.equal(sources[0].withCredentials, credentials === "include");
    answer.detach();
    const snapshot = client.snapshot("g_1").catch(() => {});
    await flush();
    assert.equal(net.last.credentials, credentials ?? "same-origin");
    await net.answer(200, {});
    await snapshot;
  }
});

test("the ticket of a detached start is in the EventSource's URL, with a position for when it breaks at once", async () => {
  const { client, net, sources } = among({ transport: "sse" });
  const answer = client.start({ prompt: "hi" });
  await flush();
  await net.answer(201, { id: "g_1", ticket: "t1" });
  const { pathname, searchParams } = new URL(sources[0].url);
  assert.equal(pathname, "/api/generations/g_1/events");
  assert.deepEqual([...searchParams], [["last_event_id", "g_1:0"], ["ticket", "t1"]]);
  answer.detach();
});
