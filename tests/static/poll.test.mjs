/** Reading by long polls. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { accepted, chunk, complete, flush, on, read, setUp } from "./fakes.mjs";

const polled = (events, position, ended = false) => ({ events, position, ended });
const query = (call) => Object.fromEntries(new URL(call.url).searchParams);

async function start(options) {
  const parts = setUp({ transport: "poll", ...options });
  const answer = parts.client.start({ prompt: "hi" });
  const result = read(answer);
  await flush();
  await parts.net.answer(201, { id: "g_1", state: "queued", urls: {} });
  return { ...parts, answer, result };
}

test("a start posts the messages, and polls from position to position until the end", async () => {
  const { net, timers, answer, result } = await start({ token: "secret" });
  assert.deepEqual([net.calls[0].url, net.calls[0].method], ["http://gateway.test/api/generations", "POST"]);
  assert.equal(net.last.url, "http://gateway.test/api/generations/g_1/poll?wait=0");
  assert.equal(net.last.headers.Authorization, "Bearer secret");
  assert.equal(answer.state, "connecting");
  await net.answer(200, polled([on("g_1", 1, accepted), on("g_1", 3, chunk("Xin "))], "g_1:3"));
  assert.deepEqual([answer.state, answer.position], ["streaming", "g_1:3"]);
  assert.deepEqual(query(net.last), { after: "g_1:3", wait: "22.5" });
  await timers.pass(22_500);
  await net.answer(200, polled([], "g_1:4"));
  await net.answer(200, polled([on("g_1", 5, chunk("chào")), on("g_1", 6, complete)], "g_1:6", true));
  const { events } = await result;
  assert.deepEqual(events.map(({ seq }) => seq), [1, 3, 5, 6]);
  assert.deepEqual([answer.text, answer.state, answer.transport], ["Xin chào", "complete", "poll"]);
});

test("a lost poll is repeated from the same position", async () => {
  const { net, timers, answer } = await start();
  await net.answer(200, polled([on("g_1", 1, accepted)], "g_1:1"));
  net.last.reject(new TypeError("Failed to fetch"));
  await flush();
  assert.equal(answer.state, "offline");
  await timers.pass(500);
  // The first poll of a new connection does not wait: it shows that the gateway can be reached.
  assert.deepEqual(query(net.last), { after: "g_1:1", wait: "0" });
  await net.answer(200, polled([], "g_1:1"));
  assert.equal(answer.state, "waiting");
  answer.detach();
  assert.equal(net.last.signal.aborted, true);
  assert.equal(timers.count, 0);
});

test("an attached answer whose end was read before is complete", async () => {
  const { client, net } = setUp({ transport: "poll" });
  const answer = client.attach("g_1", { after: "g_1:7" });
  const result = read(answer);
  await flush();
  await net.answer(200, polled([], "g_1:7", true));
  assert.deepEqual((await result).events, []);
  assert.equal(answer.state, "complete");
});

test("a refusal is an error with its code, and tried again only if it is retryable", async () => {
  const { net, timers, result } = await start();
  await net.answer(429, { error: { code: "rate_limit", message: "too many", retryable: true, retry_after_ms: 5000 } });
  await timers.pass(5250);
  await net.answer(404, { error: { code: "generation_lost", message: "gone", retryable: false } });
  assert.equal((await result).error.code, "generation_lost");
});

test("a page in place of a response is an error", async () => {
  const { net, result } = await start();
  net.last.resolve(new Response("<html>Sign in to the network</html>", { status: 200 }));
  assert.equal((await result).error.code, "upstream_protocol");
});

test("responses without events that do not wait are asked for four times a second at most", async () => {
  const { net, timers, answer } = await start();
  for (let answered = 0; answered < 3; answered += 1) await net.answer(200, polled([], "g_1:0"));
  const calls = net.calls.length;
  await timers.pass(200);
  assert.equal(net.calls.length, calls);
  await timers.pass(50);
  assert.equal(net.calls.length, calls + 1);
  await net.answer(200, polled([], "g_1:0"));
  answer.detach();
  await flush();
  assert.equal(timers.count, 0);
});

test("without a time limit for silence, a poll waits as long as the gateway allows", async () => {
  const { net, answer } = await start({ idleTimeout: 0 });
  await net.answer(200, polled([on("g_1", 1, accepted)], "g_1:1"));
  assert.deepEqual(query(net.last), { after: "g_1:1" });
  answer.detach();
});

test("a clock that is set back does not delay the next poll", async () => {
  let offset = 0;
  const parts = await start({ environment: { now: () => offset } });
  await parts.net.answer(200, polled([on("g_1", 1, accepted)], "g_1:1"));
  offset = -3_600_000;
  await parts.net.answer(200, polled([], "g_1:1"));
  await parts.timers.pass(250);
  assert.equal(parts.net.calls.length, 4);
  parts.answer.detach();
});
