/** One answer over SSE: its state, resuming, numbers, timeouts, commands. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { accepted, chunk, complete, flush, read, setUp, startOverSse, uncaught } from "./fakes.mjs";

const CREATED = { id: "g_1", state: "queued", urls: {} };

test("a repeated event is dropped", async () => {
  const { source, answer } = await startOverSse();
  for (const seq of [1, 2, 2, 1, 3]) source.say(`g_1:${seq}`, seq === 1 ? accepted : chunk(String(seq)));
  assert.equal(answer.text, "23");
});

test("merged content stands for several numbers", async () => {
  const { source, sources, answer } = await startOverSse();
  source.say("g_1:1", accepted);
  source.say("g_1:9", chunk("all at once"));
  assert.deepEqual([answer.text, answer.position, sources.length], ["all at once", "g_1:9", 1]);
});

test("numbers may jump at any event", async () => {
  const { source, sources, answer, result } = await startOverSse();
  source.say("g_1:1", accepted);
  source.say("g_1:2", chunk("a"));
  source.say("g_1:5", complete);
  assert.equal((await result).error, null);
  assert.deepEqual([answer.text, answer.position, sources.length], ["a", "g_1:5", 1]);
});

test("a gap replaces the text, and later chunks are appended", async () => {
  const { source, answer } = await startOverSse();
  source.say("g_1:1", accepted);
  source.say("g_1:2", chunk("lost"));
  source.say("g_1:40", { type: "gap", from: 3, to: 40, text: "the whole " });
  source.say("g_1:41", chunk("text"));
  assert.deepEqual([answer.text, answer.position], ["the whole text", "g_1:41"]);
});

test("a revision starts a new text", async () => {
  const { source, answer } = await startOverSse();
  source.say("g_1:1", accepted);
  source.say("g_1:2", chunk("long"));
  source.say("g_1:3", { type: "feedback", feedback_id: "f", mode: "revise", text: "shorter", rating: null });
  source.say("g_1:4", { type: "revision", revision: 2, feedback_id: "f", cancel_ms: 1 });
  assert.deepEqual([answer.text, answer.revision, answer.state], ["", 2, "waiting"]);
  source.say("g_1:5", chunk("short"));
  assert.equal(answer.text, "short");
});

test("parts, tool calls and reasoning are joined, and given back as one message", async () => {
  const { source, answer } = await startOverSse();
  const events = [
    { type: "reasoning", content: "Look " }, { type: "reasoning", content: "up." }, { type: "reasoning", content: "", signature: "S1", format: "anthropic" },
    { type: "part", kind: "redacted_reasoning", data: "R", format: "anthropic" }, { type: "reasoning", content: "More." },
    chunk("Wait."),
    { type: "tool_call", index: 1, id: "c2", name: "now", arguments: "" },
    { type: "tool_call", index: 0, id: "c1", name: "weather", arguments: '{"city":' }, { type: "tool_call", index: 0, id: null, name: null, arguments: '"Huế"}', signature: "S2" },
    { type: "part", kind: "image", media_type: "image/png", data: "aGk=" },
  ];
  source.say("g_1:1", accepted);
  events.forEach((event, index) => source.say(`g_1:${index + 2}`, event));
  assert.deepEqual(answer.parts, [{ kind: "redacted_reasoning", data: "R", format: "anthropic" }, { kind: "image", media_type: "image/png", data: "aGk=" }]);
  assert.equal(answer.reasoning, "Look up.More.");
  // The same as in tests/gateway/client/test_content.py.
  assert.deepEqual(answer.message(), {
    role: "assistant",
    content: "Wait.",
    tool_calls: [
      { id: "c1", type: "function", function: { name: "weather", arguments: '{"city":"Huế"}' }, signature: "S2" },
      { id: "c2", type: "function", function: { name: "now", arguments: "{}" } },
    ],
    reasoning_details: [
      { type: "reasoning.text", text: "Look up.", signature: "S1", format: "anthropic" },
      { type: "reasoning.encrypted", data: "R", format: "anthropic" },
      { type: "reasoning.text", text: "More." },
    ],
  });
  source.say("g_1:12", { type: "revision", revision: 2, feedback_id: "f", cancel_ms: 1 });
  assert.deepEqual([answer.message(), answer.parts], [{ role: "assistant", content: "" }, []]);
});

test("the position in the queue is known while queued", async () => {
  const { source, answer } = await startOverSse();
  source.say("g_1:1", accepted);
  source.say("g_1:2", { type: "queued", position: 3, eta_ms: 4000 });
  assert.deepEqual([answer.state, answer.queue, answer.position], ["queued", { position: 3, etaMs: 4000 }, "g_1:2"]);
  source.say("g_1:3", { type: "start", provider: "p", upstream_model: "m", attempt: 1, revision: 1 });
  assert.deepEqual([answer.state, answer.queue], ["waiting", null]);
});

test("an error event is delivered, then thrown", async () => {
  const { source, result } = await startOverSse();
  source.say("g_1:1", accepted);
  source.say("g_1:2", { type: "error", code: "stalled", message: "silent", retryable: true, retry_after_ms: 900, partial: false });
  const { events, error } = await result;
  assert.equal(events.at(-1).type, "error");
  assert.deepEqual([error.name, error.code, error.retryable, error.retryAfterMs], ["DualstreamError", "stalled", true, 900]);
});

test("an error without a position of its own ends the answer, though EventSource repeats the last id", async () => {
  const { source, result } = await startOverSse();
  source.say("g_1:1", accepted);
  source.say("g_1:1", { type: "error", code: "generation_lost", message: "gone", retryable: true });
  assert.equal((await result).error.code, "generation_lost");
});

test("attaching to a generation that has ended ends without an error", async () => {
  const { client, sources, net } = setUp();
  const answer = client.attach("g_1", { after: "g_1:9", text: "known" });
  const result = read(answer);
  await flush();
  sources[0].fail({ forever: true });
  await flush();
  await net.answer(200, { id: "g_1", state: "interrupted" });
  assert.deepEqual([await result, answer.state, answer.text], [{ events: [], error: null }, "interrupted", "known"]);
});

test("an interrupt while a refused start waits for its retry ends it locally", async () => {
  const { client, net, timers } = setUp();
  const answer = client.start({ prompt: "hi" });
  const result = read(answer);
  await flush();
  await net.answer(503, { error: { code: "queue_full", message: "full", retryable: true } });
  await answer.interrupt();
  assert.deepEqual([(await result).error.code, timers.count], ["aborted", 0]);
});

test("interrupt and feedback are sent by POST; already_over is no error of an interrupt", async () => {
  const { answer, net } = await startOverSse();
  const stopped = answer.interrupt("enough");
  await flush();
  assert.deepEqual([net.last.url, net.last.body], ["http://gateway.test/api/generations/g_1/interrupt", { reason: "enough" }]);
  await net.answer(409, { error: { code: "already_over", message: "over", retryable: false } });
  await stopped;
  const reply = answer.feedback({ rating: 1, mode: "note" });
  await flush();
  await net.answer(202, { feedback_id: "f_1" });
  assert.deepEqual(await reply, { feedback_id: "f_1" });
});

test("an interrupt before the generation has its id waits for the id", async () => {
  const { client, net } = setUp();
  const stopped = client.start({ prompt: "hi" }).interrupt();
  await flush();
  assert.equal(net.calls.length, 1);
  await net.answer(201, CREATED);
  assert.match(net.last.url, /g_1\/interrupt$/);
  await net.answer(202, {});
  await stopped;
});

test("a signal interrupts the generation and fails the answer with its reason", async () => {
  const { client, net, timers } = setUp();
  const controller = new AbortController();
  const result = read(client.start({ prompt: "hi" }, { signal: controller.signal }));
  await flush();
  await net.answer(201, CREATED);
  const reason = new Error("left");
  controller.abort(reason);
  assert.equal((await result).error, reason);
  assert.match(net.last.url, /g_1\/interrupt$/);
  await net.answer(202, {});
  assert.equal(timers.count, 0);
});

test("an answer may have a time limit", async () => {
  const { source, timers, result, net } = await startOverSse({ timeout: 1000, idleTimeout: 0 });
  source.say("g_1:1", accepted);
  await timers.pass(1000);
  assert.equal((await result).error.code, "timeout");
  assert.match(net.last.url, /g_1\/interrupt$/);
});

test("retries to a gateway that never answers end", async () => {
  const { client, timers, net } = setUp({ idleTimeout: 1000, retry: { attempts: 2 } });
  const result = read(client.start({ prompt: "hi" }));
  await timers.pass(60_000);
  assert.deepEqual([(await result).error.code, net.calls.length, timers.count], ["timeout", 3, 0]);
});

test("drop cuts the connection, stays offline, and resumes from the exact position", async () => {
  const { source, sources, answer, timers } = await startOverSse();
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

test("leaving the loop detaches without an interrupt", async () => {
  const { client, net, sources, timers } = setUp();
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

test("a second loop beside the first is a TypeError, and takes no event from it", async () => {
  const { source, answer, result } = await startOverSse();
  await assert.rejects(read(answer).then(({ error }) => { throw error; }), TypeError);
  source.say("g_1:1", accepted);
  source.say("g_1:2", complete);
  assert.deepEqual((await result).events.length, 2);
  assert.deepEqual((await read(answer)).events, []);
});

test("an error of a callback is reported, and does not stop the answer", async (t) => {
  const errors = uncaught(t);
  const { client, net } = setUp({ transport: "fetch" });
  const mine = new Error("of the page");
  const fail = () => { throw mine; };
  const answer = client.start({ prompt: "hi" }, { onEvent: fail, onState: fail });
  await flush();
  const { write } = await net.stream({ "X-Generation-ID": "g_1" });
  await write(`id: g_1:1\nevent: accepted\ndata: ${JSON.stringify(accepted)}\n\nid: g_1:2\nevent: complete\ndata: ${JSON.stringify(complete)}\n\n`);
  assert.equal((await answer.finished).type, "complete");
  assert.equal(net.calls.length, 1);
  assert.ok(errors.length >= 3 && errors.every((error) => error === mine));
});

test("a gateway that is silent fails a command after the idle timeout", async () => {
  const { answer, net, timers } = await startOverSse();
  const interrupted = answer.interrupt().catch((error) => error);
  await flush();
  const { signal } = net.last;
  await timers.pass(45_000);
  assert.deepEqual([(await interrupted).code, signal.aborted], ["timeout", true]);
});
