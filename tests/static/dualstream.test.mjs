/** The client: starts, credentials and tickets. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { NAMES } from "../../static/dualstream/options.js";
import { FakeWebSocket, accepted, chunk, complete, flush, read, setUp, startOverSocket, startOverSse } from "./fakes.mjs";

const CREATED = { id: "g_1", state: "queued", urls: {} };

test("a start over SSE posts the messages with a key and reads the events", async () => {
  const { net, source, answer, result, timers, client } = await startOverSse();
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
  assert.deepEqual([source.readyState, source.listeners, timers.count], [2, 0, 0], "no connection, listener or timer is left");
  client.close();
});

test("a start with a retryable refusal is repeated with the same key after the requested wait", async () => {
  const { client, net, timers, sources } = setUp();
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

test("a start with a final refusal is not repeated", async () => {
  const { client, net, timers } = setUp();
  const result = read(client.start({ prompt: "hi", model: "nope" }));
  await flush();
  await net.answer(404, { error: { code: "model_not_found", message: "none", retryable: false, param: "model" } });
  const { error } = await result;
  assert.deepEqual([error.code, error.param, timers.count, net.calls.length], ["model_not_found", "model", 0, 1]);
});

test("cookies are sent to the page's origin only, unless credentials is include", async () => {
  for (const credentials of [undefined, "include"]) {
    const { client, net, sources } = setUp({ transport: "sse", ...(credentials && { credentials }) });
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

test("the ticket of a detached start is in the EventSource's URL, with a position to resume from", async () => {
  const { client, net, sources } = setUp({ transport: "sse" });
  const answer = client.start({ prompt: "hi" });
  await flush();
  await net.answer(201, { id: "g_1", ticket: "t1" });
  const { pathname, searchParams } = new URL(sources[0].url);
  assert.equal(pathname, "/api/generations/g_1/events");
  assert.deepEqual([...searchParams], [["last_event_id", "g_1:0"], ["ticket", "t1"]]);
  answer.detach();
});

test("an unknown option is a TypeError that names it, and the one that was meant", () => {
  const refused = (call, message) => assert.throws(call, (error) => error instanceof TypeError && error.message === message);
  refused(() => setUp({ baseUrl: "http://elsewhere.test" }), "new Dualstream(): baseUrl is not an option; did you mean baseURL?");
  refused(() => setUp({ tranport: "sse" }), "new Dualstream(): tranport is not an option; did you mean transport?");
  refused(() => setUp({ idle_timeout: 1 }), "new Dualstream(): idle_timeout is not an option; did you mean idleTimeout?");
  refused(() => setUp({ environment: { webSocket: null } }), "environment: webSocket is not an option; did you mean WebSocket?");
  refused(() => setUp({ retry: { delay: 1 } }), "retry: delay is not an option; known are attempts, baseMs, maxMs, maxRetryAfterMs.");
  refused(() => setUp({ transport: "ws" }), "ws is not a transport: use sse, fetch, websocket, poll or auto.");
  const { client } = setUp();
  refused(() => client.start({ promt: "hi" }), "request: promt is not an option; did you mean prompt?");
  refused(() => client.start({ prompt: "hi" }, { onevent: () => {} }), "start(): onevent is not an option; did you mean onEvent?");
  refused(() => client.start({ prompt: "hi" }, { transport: "ws" }), "ws is not a transport: use sse, fetch, websocket, poll or auto.");
  refused(() => client.start(null), `request takes an object with ${NAMES.request.join(", ")}.`);
  refused(() => client.attach("g_1", { idempotencyKey: "k" }), `attach(): idempotencyKey is not an option; known are ${NAMES["attach()"].join(", ")}.`);
  refused(() => client.attach("g_1", { coalesceMs: 0.5 }), "coalesceMs is 0.5: it takes a whole number of milliseconds from 0 to 1000.");
  refused(() => client.attach("g_1", { after: "12" }), "attach(): after is 12, which is not a position.");
});

test("a path as baseURL outside a page is refused with an example", async () => {
  const { client } = setUp({ baseURL: "/gateway" });
  await assert.rejects(client.start({ prompt: "hi" }).finished, { code: "invalid_request", param: "baseURL", message: /^baseURL: '\/gateway' is not an address; write http:/ });
});

test("wrong arguments of commands are TypeErrors, too", async () => {
  const { client } = setUp();
  const answer = client.attach("g_1");
  const refused = (call, message) => assert.rejects(call, (error) => error instanceof TypeError && error.message === message);
  await refused(answer.interrupt({ reason: "enough" }), "interrupt() takes a reason, which is a text, or nothing.");
  await refused(answer.feedback({ txt: "Shorter" }), "feedback(): txt is not an option; did you mean text?");
  await refused(client.feedback("g_1", { rated: 1 }), "feedback(): rated is not an option; known are text, rating, mode.");
  client.close();
});

test("commands need no answer: the id is enough", async () => {
  const { client, net } = setUp();
  const interrupted = client.interrupt("g_1", "enough");
  await flush();
  assert.deepEqual([net.last.url, net.last.body], ["http://gateway.test/api/generations/g_1/interrupt", { reason: "enough" }]);
  await net.answer(409, { error: { code: "already_over", message: "It has ended.", retryable: false } });
  await interrupted;
  const reply = client.feedback("g_1", "Shorter");
  await flush();
  assert.deepEqual([net.last.url, net.last.body], ["http://gateway.test/api/generations/g_1/feedback", { text: "Shorter" }]);
  await net.answer(202, { feedback_id: "f_1", state: "revising" });
  assert.equal((await reply).feedback_id, "f_1");
});

test("a text is a request, and an option that is undefined is left out", async () => {
  const { client, net } = setUp({ transport: undefined, headers: undefined });
  const answer = client.start("hi");
  await flush();
  assert.deepEqual(net.last.body, { messages: [{ role: "user", content: "hi" }] });
  answer.detach();
});

test("a ticket is a subprotocol, and a new one for each socket", async () => {
  let next = 1;
  const { socket, sockets, timers, client } = await startOverSocket({ ticket: async () => `t${next++}`, token: "secret" });
  assert.deepEqual(socket.protocols, ["dualstream.v1", "dualstream.ticket.t1"]);
  assert.equal(socket.sent[0].type, "start");
  await socket.lose();
  await timers.pass(250);
  assert.equal(sockets[1].protocols[1], "dualstream.ticket.t2");
  client.close();
});

test("a token is exchanged for a ticket, and sent only in a header", async () => {
  const { client, net, sockets, timers } = setUp({ transport: "websocket", token: "secret" });
  const result = read(client.start({ prompt: "hi" }));
  for (const number of [1, 2]) {
    await flush();
    const { method, url, headers, body } = net.last;
    assert.deepEqual([method, url, body], ["POST", "http://gateway.test/api/tickets", { scope: "socket" }]);
    assert.equal(headers.Authorization, "Bearer secret");
    await net.answer(201, { ticket: `t${number}` });
    const socket = sockets.at(-1);
    assert.deepEqual(socket.protocols, ["dualstream.v1", `dualstream.ticket.t${number}`]);
    await socket.open();
    assert.doesNotMatch(socket.url + JSON.stringify(socket.sent), /secret/);
    await socket.lose();
    await timers.pass(1000);
  }
  await net.answer(401, { error: { code: "auth_error", message: "The key or token is not valid here.", retryable: false } });
  assert.equal((await result).error.code, "auth_error");
  assert.equal(sockets.length, 2);
});

test("an environment without WebSocket is an error", async () => {
  const { client } = setUp({ transport: "websocket", environment: { WebSocket: undefined } });
  assert.equal((await read(client.start({ prompt: "hi" }))).error.code, "unsupported");
});

test("a WebSocket class is loaded where there is none", async () => {
  const loadWebSocket = async () => FakeWebSocket;
  const { client, sockets } = setUp({ transport: "websocket", environment: { WebSocket: undefined, loadWebSocket } });
  client.start("hi");
  await flush();
  assert.equal(sockets.length, 1);
  client.close();
});

test("a wrong value is a TypeError at once, not an error of the network later", () => {
  const refused = (options, message) => assert.throws(() => setUp(options), (error) => error instanceof TypeError && message.test(error.message));
  for (const baseURL of ["localhost:8080", "127.0.0.1:8080", "ftp://gateway.test", "http://", 5]) refused({ baseURL }, /^baseURL is /);
  refused({ baseURL: "https://me:secret@gateway.test" }, /^(?!.*secret).*user or password/);
  refused({ headers: null }, /^headers is null/);
  refused({ headers: new Headers({ a: "b" }) }, /^headers is an object/);
  refused({ headers: { "a b": "c" } }, /a b/);
  refused({ credentials: "yes" }, /^credentials is "yes"/);
  refused({ token: "secret\n" }, /^(?!.*secret).*line break/);
  refused({ timeout: "5" }, /^timeout is "5"/);
  refused({ idleTimeout: -1 }, /^idleTimeout is -1/);
  refused({ retry: { attempts: NaN } }, /^attempts is NaN/);
  for (const baseURL of ["", "/gateway", "./", "HTTP://gateway.test/path"]) assert.ok(setUp({ baseURL }).client);
  const { client } = setUp();
  for (const id of [undefined, null, "", "..", 5]) {
    assert.throws(() => client.attach(id), { name: "TypeError", message: /^attach\(\) takes the id of a generation/ });
  }
  assert.throws(() => client.start("hi", { signal: "now" }), /signal is "now": it takes an AbortSignal/);
  assert.throws(() => client.start("hi", { onEvent: "log" }), /onEvent is "log": it takes a function/);
});

test("commands and snapshots need an id", async () => {
  const { client, net } = setUp();
  for (const call of [client.interrupt(), client.feedback(undefined, "x"), client.snapshot("")]) await assert.rejects(call, TypeError);
  assert.equal(net.calls.length, 0);
});

test("an infinite time limit is none, and a longer wait than a timer has does not end at once", async () => {
  const { client, net, timers } = setUp({ timeout: Infinity, idleTimeout: Infinity, retry: { maxRetryAfterMs: Infinity } });
  const answer = client.start("hi");
  await flush();
  assert.equal(timers.count, 0);
  await net.answer(429, { error: { code: "rate_limit", message: "Next month.", retryable: true, retry_after_ms: 2 ** 32 } });
  assert.equal(answer.retrying.delayMs, 2 ** 32 + 250);
  await timers.pass(2 ** 31 - 2);
  assert.equal(net.calls.length, 1);
  client.close();
});
