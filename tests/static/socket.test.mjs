/** The answer over WebSocket: one socket for many answers, commands and replies, reconnects, changes of transport. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeWebSocket, accepted, chunk, complete, flush, on, read, setUp, startOverSocket } from "./fakes.mjs";

test("an unused socket is closed", async () => {
  const { socket, answer, result, timers } = await startOverSocket();
  assert.deepEqual([socket.url, socket.protocols], ["ws://gateway.test/api/ws", ["dualstream.v1"]]);
  const { type, messages, idempotency_key: key } = socket.command("start");
  assert.deepEqual([type, messages, key], ["start", [{ role: "user", content: "hi" }], "key-1"]);
  await socket.say(on("g_1", 2, chunk("a")));
  await socket.say(on("g_1", 3, complete));
  assert.equal((await result).error, null);
  assert.deepEqual([answer.text, socket.readyState, timers.count, socket.command("detach")], ["a", 3, 0, undefined]);
});

test("one socket carries many answers, and is kept with keepOpen", async () => {
  const { client, socket, sockets, answer } = await startOverSocket({ keepOpen: true });
  const other = client.start({ prompt: "ho" });
  await flush();
  await socket.ack(socket.command("start"), { generation_id: "g_2" });
  await socket.say(on("g_2", 1, accepted));
  await socket.say(on("g_1", 2, chunk("one")));
  await socket.say(on("g_2", 2, chunk("two")));
  assert.deepEqual([answer.text, other.text, sockets.length], ["one", "two", 1]);
  await socket.say(on("g_1", 3, complete));
  await socket.say(on("g_2", 3, complete));
  assert.equal(socket.readyState, 1);
  client.close();
  assert.equal(socket.readyState, 3);
});

test("events that arrive before the ack of their start are not lost", async () => {
  const { client, sockets } = setUp({ transport: "websocket" });
  const answer = client.start({ prompt: "hi" });
  await flush();
  await sockets[0].open();
  await sockets[0].say(on("g_1", 1, accepted));
  await sockets[0].say(on("g_1", 2, chunk("early")));
  await sockets[0].ack(sockets[0].command("start"), { generation_id: "g_1" });
  assert.deepEqual([answer.text, answer.id], ["early", "g_1"]);
  client.close();
});

test("a second reader of a generation has its own socket and position", async () => {
  const { client, sockets } = await startOverSocket();
  client.attach("g_1");
  await flush();
  await sockets[1].open();
  assert.equal(sockets[1].command("attach").after, 0);
  client.close();
});

test("an attach says for how long text is joined, again after a lost connection", async () => {
  const { client, sockets, timers } = setUp({ transport: "websocket" });
  client.attach("g_1", { coalesceMs: 50 });
  await flush();
  await sockets[0].open();
  assert.equal(sockets[0].command("attach").coalesce_ms, 50);
  await sockets[0].lose();
  await timers.pass(250);
  await sockets[1].open();
  assert.equal(sockets[1].command("attach").coalesce_ms, 50);
  client.close();
});

test("attaching at the end of a finished generation ends without an error", async () => {
  const { client, sockets } = setUp({ transport: "websocket" });
  const answer = client.attach("g_1", { after: 7, text: "all of it" });
  const result = read(answer);
  await flush();
  await sockets[0].open();
  await sockets[0].ack(sockets[0].command("attach"), { generation_id: "g_1", state: "complete", seq: 7 });
  assert.equal((await result).error, null);
  assert.deepEqual([answer.text, sockets[0].readyState], ["all of it", 3]);
});

test("a lost connection is retried with backoff, and resumed by attach", async () => {
  const { socket, sockets, answer, timers, result } = await startOverSocket();
  await socket.say(on("g_1", 2, chunk("a")));
  await socket.lose();
  assert.deepEqual([answer.state, answer.retrying.delayMs], ["offline", 250]);
  await timers.pass(250);
  await sockets[1].lose();
  assert.equal(answer.retrying.delayMs, 500);
  await timers.pass(500);
  await sockets[2].open();
  const { generation_id: id, after } = sockets[2].command("attach");
  assert.deepEqual([id, after], ["g_1", 2]);
  await sockets[2].ack(sockets[2].command("attach"), { generation_id: "g_1" });
  await sockets[2].say(on("g_1", 2, chunk("a")));
  await sockets[2].say(on("g_1", 3, chunk("b")));
  await sockets[2].say(on("g_1", 4, complete));
  assert.deepEqual([(await result).error, answer.text], [null, "ab"]);
});

test("a start whose ack was lost is repeated with the same key", async () => {
  const { client, sockets, timers } = setUp({ transport: "websocket" });
  const answer = client.start({ prompt: "hi" });
  await flush();
  await sockets[0].open();
  await sockets[0].lose();
  await timers.pass(250);
  await sockets[1].open();
  assert.equal(sockets[1].command("start").idempotency_key, sockets[0].command("start").idempotency_key);
  answer.detach();
});

test("a rejected start is an error with its code, or a retry after the requested wait", async () => {
  const { client, sockets, timers } = setUp({ transport: "websocket", keepOpen: true });
  const refused = read(client.start({ prompt: "hi", model: "nope" }));
  await flush();
  await sockets[0].open();
  await sockets[0].say({ type: "rejected", id: sockets[0].command("start").id, code: "model_not_found", message: "none", retryable: false });
  assert.equal((await refused).error.code, "model_not_found");
  const answer = client.start({ prompt: "hi" });
  await flush();
  const { id } = sockets[0].command("start");
  await sockets[0].say({ type: "rejected", id, code: "rate_limit", message: "slow", retryable: true, retry_after_ms: 2000 });
  assert.equal(answer.retrying.delayMs, 2250);
  await timers.pass(2250);
  assert.notEqual(sockets[0].command("start").id, id);
  client.close();
});

test("an authentication error is not retried", async () => {
  const { socket, sockets, result } = await startOverSocket();
  await socket.lose(4401, "");
  assert.deepEqual([(await result).error.code, sockets.length], ["auth_error", 1]);
});

test("a lost generation is not retried", async () => {
  const { socket, sockets, timers, result } = await startOverSocket();
  await socket.lose();
  await timers.pass(250);
  await sockets[1].open();
  await sockets[1].say({ type: "rejected", id: sockets[1].command("attach").id, code: "generation_lost", message: "gone", retryable: true });
  assert.deepEqual([(await result).error.code, timers.count], ["generation_lost", 0]);
});

test("replies are matched to commands by id", async () => {
  const { socket, answer } = await startOverSocket();
  const stopped = answer.interrupt("enough");
  const rejected = assert.rejects(answer.feedback({ text: "shorter" }), { code: "already_over" });
  await flush();
  const [interrupt, feedback] = [socket.command("interrupt"), socket.command("feedback")];
  assert.deepEqual([interrupt.generation_id, interrupt.reason, feedback.text], ["g_1", "enough", "shorter"]);
  await socket.say({ type: "rejected", id: feedback.id, code: "already_over", message: "over", retryable: false });
  await socket.ack(interrupt, { generation_id: "g_1" });
  await stopped;
  await rejected;
});

test("an interrupt without a socket is sent by POST", async () => {
  const { socket, answer, net, timers, sockets } = await startOverSocket();
  await socket.lose();
  const stopped = answer.interrupt();
  await flush();
  assert.match(net.last.url, /g_1\/interrupt$/);
  await net.answer(202, {});
  await stopped;
  await timers.pass(0);
  assert.equal(sockets.length, 2, "the terminal event is fetched at once");
  answer.detach();
});

test("feedback whose ack was lost is not sent twice", async () => {
  const { socket, answer, net } = await startOverSocket();
  const reply = answer.feedback({ text: "shorter" });
  await flush();
  const failed = assert.rejects(reply, { code: "network_error" });
  await socket.lose();
  await failed;
  assert.equal(net.calls.length, 0);
  answer.detach();
});

test("a half-open socket is detected by its missing pongs, and replaced", async () => {
  const { socket, sockets, timers, answer } = await startOverSocket({ idleTimeout: 3000 });
  for (let round = 0; round < 5; round += 1) {
    await timers.pass(1000);
    await socket.say({ type: "pong" });
  }
  assert.equal(sockets.length, 1);
  await timers.pass(3000);
  assert.deepEqual([socket.readyState, sockets.length], [3, 2]);
  answer.detach();
});

test("a change of transport opens the new connection before it closes the old one, and repeats no character", async () => {
  const { socket, sources, answer, result, timers } = await startOverSocket();
  await socket.say(on("g_1", 2, chunk("a")));
  await answer.moveTo("sse");
  assert.deepEqual([answer.transport, socket.readyState], ["sse", 1]);
  assert.equal(new URL(sources[0].url).searchParams.get("last_event_id"), "g_1:2");
  await socket.say(on("g_1", 3, chunk("b"))); // the old connection is still read for a moment
  sources[0].open();
  assert.equal(socket.readyState, 3);
  sources[0].say("g_1:4", chunk("bc"));
  await answer.moveTo("websocket");
  sources[0].say("g_1:5", complete);
  assert.equal(answer.text, "abc");
  await flush();
  assert.equal(answer.state, "streaming");
  answer.detach();
  assert.deepEqual([(await result).error, sources[0].readyState, timers.count], [null, 2, 0]);
});

test("a handshake that fails without a close event, as in Node 22, is a lost connection", async () => {
  const { client, sockets } = setUp({ transport: "websocket", retry: { attempts: 0 } });
  const result = read(client.start({ prompt: "hi" }));
  await flush();
  sockets[0].onerror();
  const { code, message } = (await result).error;
  assert.deepEqual([code, message], ["network_error", "The gateway can't be reached."]);
});

test("a socket that is made after the client was closed is closed, and its errors are heard", async () => {
  let socket;
  class Late extends FakeWebSocket {
    constructor(...args) { super(...args); socket = this; }
  }
  const { client } = setUp({ transport: "websocket", environment: { WebSocket: undefined, loadWebSocket: async () => Late } });
  client.start("hi");
  await null;
  client.close();
  await flush();
  assert.deepEqual([socket.readyState, typeof socket.onerror], [3, "function"]); // the class of `ws` throws an error without a handler
});
