/** A stream where one passes, long polls where none does: no character is lost or comes twice. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { accepted, chunk, complete, flush, on, read, setUp } from "./fakes.mjs";

const polled = (events, position, ended = false) => ({ events, position, ended });

async function start(options, parts = setUp({ transport: "auto", ...options })) {
  const answer = parts.client.start({ prompt: "hi" });
  const result = read(answer);
  await flush();
  await parts.net.answer(201, { id: "g_1", state: "queued", urls: {} });
  return { ...parts, answer, result };
}

/** Let the first silence pass, and tell what the gateway has. */
async function compare({ timers, net }, seq, ms = 1000) {
  await timers.pass(ms);
  assert.equal(net.last.url, "http://gateway.test/api/generations/g_1");
  await net.answer(200, { id: "g_1", state: "streaming", seq });
}

test("a stream that passes is kept, and the gateway is not asked", async () => {
  const { sources, net, timers, answer } = await start();
  sources[0].open();
  sources[0].say("g_1:1", accepted);
  await timers.pass(40_000);
  assert.deepEqual([net.calls.length, answer.transport, answer.state], [1, "sse", "waiting"]);
  sources[0].say("g_1:2", chunk("Hi"));
  sources[0].say("g_1:3", complete);
  assert.deepEqual([answer.text, answer.state, timers.count], ["Hi", "complete", 0]);
});

test("a stream in which nothing comes, though the gateway has events, is replaced by polls", async () => {
  const parts = await start();
  const { sources, net, timers, answer } = parts;
  sources[0].open();
  await compare(parts, 4);
  await timers.pass(500);
  assert.deepEqual([answer.transport, new URL(net.last.url).pathname], ["poll", "/api/generations/g_1/poll"]);
  // The stream is a reader until the poll is one, and what it still brings is not shown twice.
  assert.equal(sources[0].readyState, 1);
  sources[0].say("g_1:1", accepted);
  sources[0].say("g_1:2", chunk("Xin "));
  await net.answer(200, polled([on("g_1", 1, accepted), on("g_1", 4, chunk("Xin chào"))], "g_1:4"));
  assert.equal(sources[0].readyState, 2);
  await net.answer(200, polled([on("g_1", 5, complete)], "g_1:5", true));
  assert.deepEqual([answer.text, answer.state, timers.count], ["Xin chào", "complete", 0]);
});

test("the slower the network, the longer the stream has time", async () => {
  const { net, timers, answer } = await start();
  await timers.pass(1000);
  const asked = net.last;
  await timers.pass(2000);
  asked.resolve(new Response(JSON.stringify({ id: "g_1", state: "streaming", seq: 1 })));
  await timers.pass(4400);
  assert.equal(answer.transport, "sse");
  await timers.pass(100);
  assert.equal(answer.transport, "poll");
  answer.detach();
});

test("an event that comes while the gateway is asked keeps the stream", async () => {
  const parts = await start();
  const { sources, net, timers, answer } = parts;
  await compare(parts, 1);
  sources[0].say("g_1:1", accepted);
  await timers.pass(10_000);
  assert.deepEqual([answer.transport, net.calls.length], ["sse", 2]);
  answer.detach();
  assert.equal(timers.count, 0);
});

test("a stream that resumes, and is silent because there is nothing, is kept", async () => {
  const parts = setUp({ transport: "auto" });
  const answer = parts.client.attach("g_1", { after: "g_1:7" });
  const result = read(answer);
  await flush();
  parts.sources[0].open();
  await compare(parts, 7);
  await compare(parts, 7, 2000);
  assert.equal(answer.transport, "sse");
  // The gateway can't be asked: that proves nothing.
  await parts.timers.pass(4000);
  parts.net.last.reject(new TypeError("Failed to fetch"));
  await flush();
  parts.sources[0].say("g_1:8", complete);
  assert.deepEqual([(await result).events.length, answer.state, parts.timers.count], [1, "complete", 0]);
});

test("a stream that is refused is replaced by polls at once", async () => {
  const { sources, net, answer } = await start();
  sources[0].fail({ forever: true });
  await flush();
  await net.answer(200, { id: "g_1", state: "streaming", seq: 1 });
  assert.equal(answer.transport, "poll");
  await net.answer(200, polled([on("g_1", 1, accepted), on("g_1", 2, complete)], "g_1:2", true));
  assert.equal(answer.state, "complete");
});

test("a gateway that can't be reached is not a network without streams", async () => {
  const { sources, net, timers, answer } = await start();
  sources[0].fail();
  await flush();
  net.last.reject(new TypeError("Failed to fetch"));
  await flush();
  await timers.pass(500);
  assert.deepEqual([sources.length, answer.transport], [2, "sse"]);
  sources[1].say("g_1:1", accepted);
  sources[1].say("g_1:2", complete);
  assert.equal(answer.state, "complete");
});

test("a stream that has passed is resumed as a stream when it is lost", async () => {
  const { sources, timers, answer } = await start();
  sources[0].say("g_1:1", accepted);
  sources[0].fail();
  assert.equal(answer.state, "offline");
  sources[0].fail();
  await timers.pass(1000);
  assert.deepEqual([sources.length, answer.transport], [2, "sse"]);
  answer.detach();
});

test("the next answers poll at once, and try a stream again after five minutes", async () => {
  const parts = await start();
  await compare(parts, 2);
  await parts.timers.pass(1000);
  await parts.net.answer(200, polled([on("g_1", 1, accepted), on("g_1", 2, complete)], "g_1:2", true));
  const second = await start({}, parts);
  assert.deepEqual([second.answer.transport, parts.sources.length], ["poll", 1]);
  await parts.net.answer(200, polled([on("g_1", 1, accepted), on("g_1", 2, complete)], "g_1:2", true));
  await parts.timers.pass(300_000);
  const third = await start({}, parts);
  assert.deepEqual([third.answer.transport, parts.sources.length], ["sse", 2]);
  third.answer.detach();
});

test("an answer that is detached while the gateway is asked leaves nothing behind", async () => {
  const { sources, net, timers, answer } = await start();
  await timers.pass(1000);
  answer.detach();
  await net.answer(200, { id: "g_1", state: "streaming", seq: 5 });
  assert.deepEqual([sources[0].readyState, timers.count, net.calls.length], [2, 0, 2]);
});
