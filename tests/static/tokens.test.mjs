/** Tokens from a function: called when one is needed, and again after a refusal. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { accepted, chunk, complete, flush, on, read, setUp } from "./fakes.mjs";

const REFUSED = { error: { code: "auth_error", message: "The token has expired.", retryable: false } };

/** A function that returns token-1, token-2, …, and counts its calls. */
function counting() {
  const token = async () => `token-${++token.calls}`;
  token.calls = 0;
  return token;
}

test("a function is called at the first request, and its token is kept", async () => {
  const token = counting();
  const { client, net } = setUp({ token });
  assert.equal(token.calls, 0);
  for (let request = 0; request < 2; request += 1) {
    const models = client.models();
    await flush();
    assert.equal(net.last.headers.Authorization, "Bearer token-1");
    await net.answer(200, { models: [] });
    await models;
  }
});

test("after a 401 it is called again, once for all requests, and each is repeated", async () => {
  const token = counting();
  const { client, net } = setUp({ token });
  const both = Promise.all([client.models(), client.snapshot("g_1")]);
  await flush();
  for (const call of net.calls.slice(0, 2)) call.resolve(new Response(JSON.stringify(REFUSED), { status: 401 }));
  await flush();
  assert.deepEqual(net.calls.map(({ headers }) => headers.Authorization), ["Bearer token-1", "Bearer token-1", "Bearer token-2", "Bearer token-2"]);
  for (const call of net.calls.slice(2)) call.resolve(new Response("{}"));
  await both;
  assert.equal(token.calls, 2);
});

test("a request that was refused late gets the newer token, without another call", async () => {
  const token = counting();
  const { client, net } = setUp({ token });
  const both = [client.models(), client.snapshot("g_1")];
  await flush();
  const [early, late] = net.calls;
  const refusal = new Response(JSON.stringify(REFUSED), { status: 401 });
  early.resolve(refusal);
  await flush();
  net.last.resolve(new Response("{}"));
  await both[0];
  assert.ok(refusal.bodyUsed); // its connection is free for the repetition
  late.resolve(new Response(JSON.stringify(REFUSED), { status: 401 }));
  await flush();
  assert.deepEqual([token.calls, net.last.headers.Authorization], [2, "Bearer token-2"]);
  net.last.resolve(new Response("{}"));
  await both[1];
});

test("a token that is refused again is an error, and so is a function that fails", async () => {
  const { client, net } = setUp({ token: counting() });
  const models = assert.rejects(client.models(), { name: "DualstreamError", code: "auth_error", status: 401, message: "The token has expired." });
  await flush();
  await net.answer(401, REFUSED);
  await net.answer(401, REFUSED);
  await models;
  const rejected = (source, message) => assert.rejects(setUp({ token: source }).client.models(), { code: "auth_error", message });
  await rejected(() => Promise.reject(new Error("signed out")), "The function of the option token failed: Error: signed out");
  await rejected(() => { throw new Error("signed out"); }, "The function of the option token failed: Error: signed out");
  await rejected(() => null, "The function of the option token returned no token.");
});

test("a stream is started again with the new token, with the same key", async () => {
  const { client, net } = setUp({ transport: "fetch", token: counting() });
  const result = read(client.start("hi"));
  await flush();
  await net.answer(401, REFUSED);
  assert.deepEqual(net.calls.map(({ headers }) => headers["Idempotency-Key"]), ["key-1", "key-1"]);
  assert.equal(net.last.headers.Authorization, "Bearer token-2");
  const stream = await net.stream();
  await stream.write(`id: g_1:1\nevent: complete\ndata: {"type":"complete"}\n\n`);
  assert.equal((await result).error, null);
});

test("a command that a socket refuses is repeated with a new ticket, never with the token", async () => {
  let tickets = 0;
  const { client, sockets } = setUp({ transport: "websocket", ticket: async () => `ticket-${++tickets}` });
  const answer = client.start("hi");
  const result = read(answer);
  await flush();
  const [socket] = sockets;
  await socket.open();
  await socket.ack(socket.command("start"), { generation_id: "g_1" });
  await socket.say(on("g_1", 1, accepted));
  const interrupted = answer.interrupt();
  await flush();
  await socket.say({ type: "rejected", id: socket.command("interrupt").id, code: "auth_error", message: "expired", retryable: false });
  const { id, type, ticket } = socket.sent.at(-1);
  assert.deepEqual([type, ticket], ["hello", "ticket-2"]);
  await socket.ack({ id }, { generation_id: null });
  assert.deepEqual(socket.sent.map((sent) => sent.type), ["start", "interrupt", "hello", "interrupt"]);
  await socket.ack(socket.command("interrupt"), { generation_id: "g_1" });
  await interrupted;
  await socket.say(on("g_1", 2, chunk("a")));
  await socket.say(on("g_1", 3, complete));
  assert.equal((await result).error, null);
});

test("a command that is refused again is an error, as is a hello that is refused", async () => {
  const { client, sockets } = setUp({ transport: "websocket", ticket: async () => "ticket" });
  const refuse = (socket) => socket.say({ type: "rejected", id: socket.sent.at(-1).id, code: "auth_error", message: "expired", retryable: false });
  const again = read(client.start("hi"));
  await flush();
  await sockets[0].open();
  await refuse(sockets[0]);
  await sockets[0].ack(sockets[0].sent.at(-1), { generation_id: null });
  await refuse(sockets[0]);
  assert.equal((await again).error.code, "auth_error");
  const hello = read(client.start("hi"));
  await flush();
  await sockets[1].open();
  await refuse(sockets[1]);
  await refuse(sockets[1]);
  assert.equal((await hello).error.code, "auth_error");
});

test("a token that can't be sent in a header is an error at once, which does not contain it", async () => {
  const { client, net } = setUp({ token: () => "secret\n" });
  const error = await client.models().catch((reason) => reason);
  assert.deepEqual([error.code, net.calls.length], ["auth_error", 0]);
  assert.match(error.message, /line break/);
  assert.doesNotMatch(error.message, /secret/);
});
