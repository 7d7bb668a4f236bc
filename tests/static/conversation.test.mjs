/** Conversations: turns, stopping, retries, storage, and what subscribers are told. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Conversation } from "../../static/dualstream/conversation.js";
import { accepted, chunk, complete, flush, setUp, uncaught } from "./fakes.mjs";

/** Frames that the test runs. */
const frames = [];
globalThis.requestAnimationFrame = (callback) => frames.push(callback);
globalThis.cancelAnimationFrame = (id) => { frames[id - 1] = null; };
const runFrame = () => { for (const callback of frames.splice(0)) callback?.(); };
beforeEach(() => { frames.length = 0; });

/** A Storage in memory; with `fails`, one that is full. */
function memory({ fails = false } = {}) {
  const entries = new Map();
  return {
    entries,
    getItem: (key) => entries.get(key) ?? null,
    removeItem: (key) => { entries.delete(key); },
    setItem: (key, value) => {
      if (fails) throw new DOMException("full", "QuotaExceededError");
      entries.set(key, value);
    },
  };
}

function converse(options = {}, clientOptions = {}) {
  const setting = setUp({ transport: "fetch", ...clientOptions });
  const conversation = new Conversation(setting.client, options);
  const states = [];
  conversation.subscribe((state) => states.push(state));
  return { ...setting, conversation, states };
}

const frame = (seq, event, id = "g_1") => `id: ${id}:${seq}\n${event.type === "chunk" ? "" : `event: ${event.type}\n`}data: ${JSON.stringify(event)}\n\n`;

/** Answer the last request with a stream; return a function that writes events with the next numbers. */
async function stream(net, id = "g_1", from = 1) {
  await flush();
  const { write } = await net.stream({ "X-Generation-ID": id });
  let seq = from;
  return (...events) => write(events.map((event) => frame(seq++, event, id)).join(""));
}

const summary = ({ messages, status }) => [status, ...messages.map(({ role, content, state }) => [role, content, ...(state ? [state] : [])])];

test("several turns: each answer is given back, with tool calls, in the next request", async () => {
  const { conversation, net } = converse({ model: "m", options: { temperature: 0 } });
  assert.deepEqual(summary(conversation.state), ["ready"]);
  const first = conversation.send("Hi");
  let write = await stream(net);
  assert.deepEqual(summary(conversation.state), ["submitted", ["user", "Hi"], ["assistant", "", "running"]]);
  assert.deepEqual(net.last.body, { messages: [{ role: "user", content: "Hi" }], model: "m", options: { temperature: 0 } });
  await write(accepted, chunk("Hel"), chunk("lo"), { type: "tool_call", index: 0, id: "c1", name: "f", arguments: "{}" });
  await write({ ...complete, usage: { output_tokens: 2 }, cost_usd: 0.5 });
  await first;
  assert.deepEqual(summary(conversation.state), ["ready", ["user", "Hi"], ["assistant", "Hello", "complete"]]);
  const { text, generationId, usage, costUsd, metrics, connection } = conversation.state;
  assert.deepEqual([text, generationId, usage, costUsd, metrics, connection], ["Hello", "g_1", { output_tokens: 2 }, 0.5, { chunks: 2 }, null]);
  const second = conversation.send({ role: "tool", tool_call_id: "c1", content: "42" }, { model: "other" });
  write = await stream(net, "g_2");
  assert.deepEqual(net.last.body, {
    messages: [
      { role: "user", content: "Hi" },
      { role: "assistant", content: "Hello", tool_calls: [{ id: "c1", type: "function", function: { name: "f", arguments: "{}" } }] },
      { role: "tool", tool_call_id: "c1", content: "42" },
    ],
    model: "other",
    options: { temperature: 0 },
  });
  await write(accepted, complete);
  await second;
  assert.deepEqual(conversation.state.messages.map(({ id }) => id), ["m1", "m2", "m3", "m4"]);
});

test("subscribers are told once per frame, and messages that do not change stay the same objects", async () => {
  const { conversation, net, states } = converse();
  const sent = conversation.send("Hi");
  const write = await stream(net);
  await write(accepted, chunk("a"));
  const before = states.length;
  await write(...Array.from({ length: 50 }, () => chunk("b")));
  assert.equal(states.length, before);
  runFrame();
  assert.equal(states.length, before + 1);
  assert.equal(states.at(-1).text, `a${"b".repeat(50)}`);
  await write(complete);
  await sent;
  const [user, answer] = conversation.state.messages;
  assert.equal(states[0].messages[0], user);
  assert.notEqual(states.at(-2).messages[1], answer);
  assert.throws(() => { conversation.state.status = "ready"; }, TypeError);
  assert.equal(frames.filter(Boolean).length, 0);
});

test("a stop keeps the text, and the next turn gives it back without its tool calls", async () => {
  const { conversation, net } = converse();
  const finished = [];
  conversation.configure({ onFinish: (message) => finished.push(message.state) });
  const sent = conversation.send("Hi");
  const write = await stream(net);
  await write(accepted, chunk("Hel"), { type: "tool_call", index: 0, id: "c1", name: "f", arguments: "{" });
  const stopped = conversation.stop({ type: "click" });
  await flush();
  assert.deepEqual([net.last.url, net.last.body], ["http://gateway.test/api/generations/g_1/interrupt", {}]);
  await net.answer(202, {});
  await stopped;
  await write({ type: "interrupted", by: "client" });
  await sent;
  assert.deepEqual(summary(conversation.state), ["ready", ["user", "Hi"], ["assistant", "Hel", "interrupted"]]);
  assert.deepEqual(finished, ["interrupted"]);
  void conversation.send("Go on");
  await flush();
  assert.deepEqual(net.last.body.messages[1], { role: "assistant", content: "Hel" });
  conversation.detach();
});

test("an answer that still runs is stopped by the next send", async () => {
  const { conversation, net } = converse();
  void conversation.send("Hi");
  const write = await stream(net);
  await write(accepted, chunk("Hel"));
  void conversation.send("No");
  await flush();
  await net.answer(202, {});
  await write({ type: "interrupted", by: "client" });
  await flush();
  assert.deepEqual(net.last.body.messages.map(({ content }) => content), ["Hi", "Hel", "No"]);
  conversation.detach();
});

test("an error is in the state, and a retry replaces the answer", async () => {
  const failed = [];
  const { conversation, net } = converse({ onError: ({ code }) => failed.push(code) });
  const sent = conversation.send("Hi");
  const write = await stream(net);
  await write(accepted, chunk("Hel"), { type: "error", code: "stalled", message: "Too slow.", retryable: true });
  await sent;
  assert.deepEqual(summary(conversation.state), ["error", ["user", "Hi"], ["assistant", "Hel", "error"]]);
  assert.equal(conversation.state.error.code, "stalled");
  assert.deepEqual(failed, ["stalled"]);
  assert.equal(await conversation.resume(), false);
  const again = conversation.retry();
  const writeAgain = await stream(net, "g_2");
  assert.deepEqual(net.last.body.messages, [{ role: "user", content: "Hi" }]);
  assert.notEqual(net.last.headers["Idempotency-Key"], net.calls[0].headers["Idempotency-Key"]);
  assert.deepEqual([conversation.state.error, conversation.state.status], [null, "submitted"]);
  await writeAgain(accepted, chunk("Hello"), complete);
  await again;
  assert.deepEqual(summary(conversation.state), ["ready", ["user", "Hi"], ["assistant", "Hello", "complete"]]);
});

test("stopped before the gateway has accepted it: no error, and nothing to give back", async () => {
  const { conversation, net, timers } = converse();
  const sent = conversation.send("Hi");
  await flush();
  net.last.reject(new TypeError("offline"));
  await flush();
  assert.equal(conversation.state.retrying.attempt, 1);
  assert.equal(await conversation.resume(), true); // does not wait
  await timers.pass(0);
  assert.equal(net.calls.length, 2);
  net.last.reject(new TypeError("offline"));
  await flush();
  await conversation.stop();
  await sent;
  assert.deepEqual(summary(conversation.state), ["ready", ["user", "Hi"], ["assistant", "", "interrupted"]]);
  assert.equal(timers.count, 0);
  assert.equal(await conversation.resume(), false);
  void conversation.send("Again");
  await flush();
  assert.deepEqual(net.last.body.messages.map(({ content }) => content), ["Hi", "Again"]);
  conversation.detach();
});

test("feedback goes to the running answer, or to that of a message", async () => {
  const { conversation, net } = converse();
  await assert.rejects(conversation.feedback("Shorter"), { name: "TypeError", message: "feedback(): there is no answer to send it to." });
  const sent = conversation.send("Hi");
  const write = await stream(net);
  await write(accepted, chunk("Long"));
  const reply = conversation.feedback("Shorter");
  await flush();
  assert.deepEqual([net.last.url, net.last.body], ["http://gateway.test/api/generations/g_1/feedback", { text: "Shorter" }]);
  await net.answer(202, { feedback_id: "f_1" });
  assert.equal((await reply).feedback_id, "f_1");
  await write({ type: "revision", revision: 2 }, chunk("S"), complete);
  await sent;
  assert.equal(conversation.state.text, "S");
  assert.equal(conversation.state.messages[1].revision, 2);
  void conversation.feedback({ rating: 1, mode: "note" }, "m2");
  await flush();
  assert.deepEqual(net.last.body, { rating: 1, mode: "note" });
});

test("after a refresh it attaches to the answer that runs, and shows the earlier turns at once", async () => {
  const storage = memory();
  const first = converse({ resume: "chat", storage });
  void first.conversation.send("Hi");
  const write = await stream(first.net);
  await write(accepted, chunk("Hel"));
  // No detach: the page is gone.
  const { conversation, net, states } = converse({ resume: "chat", storage });
  assert.deepEqual(summary(conversation.state), ["ready"]);
  assert.equal(await conversation.resume(), true);
  assert.deepEqual(summary(states[0]), ["ready", ["user", "Hi"], ["assistant", "", "running"]]);
  const writeAgain = await stream(net);
  assert.equal(net.last.url, "http://gateway.test/api/generations/g_1/events");
  await writeAgain(accepted, chunk("Hello"), complete);
  assert.deepEqual(summary(conversation.state), ["ready", ["user", "Hi"], ["assistant", "Hello", "complete"]]);
  const third = converse({ resume: "chat", storage });
  assert.equal(await third.conversation.resume(), false);
  assert.deepEqual(summary(third.conversation.state), ["ready", ["user", "Hi"], ["assistant", "Hello", "complete"]]);
  assert.deepEqual(third.conversation.getServerSnapshot().messages, []);
  await third.conversation.setMessages([]);
  assert.equal(storage.entries.size, 0);
  first.conversation.detach();
});

test("a refresh before the gateway has answered repeats the start with its key", async () => {
  const storage = memory();
  const first = converse({ resume: "chat", storage, model: "m" });
  void first.conversation.send("Hi");
  await flush();
  const { conversation, net } = converse({ resume: "chat", storage, model: "another" });
  await conversation.resume();
  await flush();
  assert.deepEqual(net.last.body, first.net.last.body);
  assert.equal(net.last.headers["Idempotency-Key"], first.net.last.headers["Idempotency-Key"]);
  first.conversation.detach();
  conversation.detach();
});

test("a detached answer runs on; a resume shows nothing less than before, and subscribers are told", async () => {
  const { conversation, net, states, timers } = converse();
  const sent = conversation.send("Hi");
  const write = await stream(net);
  await write(accepted, chunk("Hel"), chunk("lo"));
  conversation.detach();
  await sent;
  assert.deepEqual([net.calls.length, timers.count, conversation.state.connection], [1, 0, null]);
  assert.deepEqual(summary(conversation.state), ["ready", ["user", "Hi"], ["assistant", "Hello", "running"]]);
  assert.equal(await conversation.resume(), true);
  const writeAgain = await stream(net);
  const seen = states.length;
  await writeAgain(accepted, chunk("Hel"));
  runFrame();
  await writeAgain(chunk("lo"), chunk("!"));
  runFrame();
  assert.deepEqual(new Set(states.slice(seen).map(({ text }) => text)), new Set(["Hello", "Hello!"]));
  await writeAgain(complete);
  assert.equal(conversation.state.status, "ready");
});

test("an error of the answer is shown after a refresh, too; a refused start is not repeated", async () => {
  const storage = memory();
  const failed = converse({ resume: "chat", storage });
  const sent = failed.conversation.send("Hi");
  const write = await stream(failed.net);
  await write(accepted, { type: "error", code: "stalled", message: "Too slow.", retryable: true });
  await sent;
  const { conversation } = converse({ resume: "chat", storage });
  assert.equal(await conversation.resume(), false);
  assert.deepEqual([conversation.state.status, conversation.state.error.code], ["error", "stalled"]);
  const refused = converse({ resume: "refused", storage });
  const again = refused.conversation.send("Hi");
  await flush();
  await refused.net.answer(404, { error: { code: "model_not_found", message: "There is no such model.", retryable: false } });
  await again;
  assert.equal(refused.conversation.state.error.code, "model_not_found");
  assert.equal(await converse({ resume: "refused", storage }).conversation.resume(), false);
});

test("several sends at once: each stops the one before, and none is lost", async () => {
  const { conversation, net } = converse();
  const sent = ["One", "Two", "Three"].map((text) => conversation.send(text));
  for (const id of ["g_1", "g_2"]) {
    const write = await stream(net, id);
    await write({ ...accepted, generation_id: id });
    await flush();
    assert.equal(net.last.url, `http://gateway.test/api/generations/${id}/interrupt`);
    for (const call of net.calls.filter(({ url }) => url.endsWith(`${id}/interrupt`))) call.resolve(new Response("{}", { status: 202 }));
    await flush();
    await write({ type: "interrupted", by: "client" });
  }
  const write = await stream(net, "g_3");
  await write({ ...accepted, generation_id: "g_3" }, chunk("Hi"), complete);
  await Promise.all(sent);
  assert.deepEqual(summary(conversation.state), [
    "ready",
    ["user", "One"], ["assistant", "", "interrupted"],
    ["user", "Two"], ["assistant", "", "interrupted"],
    ["user", "Three"], ["assistant", "Hi", "complete"],
  ]);
});

test("if the gateway can't be reached, the next turn does not wait for the end of the one before", async () => {
  const { conversation, net } = converse();
  void conversation.send("Hi");
  const write = await stream(net);
  await write(accepted, chunk("Hel"));
  const sent = conversation.send("Again");
  await flush();
  net.last.reject(new TypeError("offline"));
  await flush();
  assert.deepEqual(summary(conversation.state).slice(1), [["user", "Hi"], ["assistant", "Hel", "interrupted"], ["user", "Again"], ["assistant", "", "running"]]);
  conversation.detach();
  await sent;
});

test("messages that are replaced have no answer to resume", async () => {
  const { conversation, net } = converse({}, { retry: { attempts: 0 } });
  const sent = conversation.send("Hi");
  await flush();
  net.last.reject(new TypeError("offline"));
  await sent;
  assert.equal(conversation.state.error.code, "network_error");
  await conversation.setMessages([{ role: "user", content: "Hello" }, { role: "assistant", content: "Hi" }]);
  assert.equal(await conversation.resume(), false);
  assert.deepEqual(summary(conversation.state), ["ready", ["user", "Hello"], ["assistant", "Hi", "complete"]]);
});

test("effects that run twice, as in StrictMode: the second resume has the answer", async () => {
  const { conversation, net } = converse();
  const sent = conversation.send("Hi");
  const write = await stream(net);
  await write(accepted, chunk("Hel"));
  conversation.detach();
  void conversation.resume();
  conversation.detach();
  void conversation.resume();
  const writeAgain = await stream(net);
  await sent;
  assert.equal(net.calls.length, 2);
  await writeAgain(accepted, chunk("Hello"), complete);
  assert.deepEqual(summary(conversation.state), ["ready", ["user", "Hi"], ["assistant", "Hello", "complete"]]);
});

test("an answer that a callback detaches is one to resume", async () => {
  const { conversation, net } = converse({ onEvent: ({ type }, answer) => { if (type === "chunk") answer.detach(); } });
  const sent = conversation.send("Hi");
  const write = await stream(net);
  await write(accepted, chunk("Hel"));
  await sent;
  assert.deepEqual(summary(conversation.state), ["ready", ["user", "Hi"], ["assistant", "Hel", "running"]]);
  conversation.configure({ onEvent: () => {} });
  assert.equal(await conversation.resume(), true);
  conversation.detach();
});

test("a storage that is full or holds something else is no error", async () => {
  const full = converse({ resume: "chat", storage: memory({ fails: true }) });
  void full.conversation.send("Hi");
  await flush();
  full.conversation.detach();
  const storage = memory();
  storage.setItem("dualstream:old", "{}");
  const filled = { ...storage, setItem: () => { throw new DOMException("full", "QuotaExceededError"); } };
  void converse({ resume: "old", storage: filled }).conversation.send("Hi");
  await flush();
  assert.equal(storage.getItem("dualstream:old"), null);
  for (const text of ["{", "1", '{"version": 0, "messages": []}', '{"version": 1}']) {
    storage.setItem("dualstream:chat", text);
    const { conversation } = converse({ resume: "chat", storage });
    assert.equal(await conversation.resume(), false);
    assert.deepEqual(conversation.state.messages, []);
  }
});

test("messages to begin with are requests' or an earlier conversation's, and keep their ids", () => {
  const { conversation } = converse({
    messages: [
      { role: "system", content: "Be brief." },
      { role: "user", content: "Hi", id: "m7" },
      { role: "assistant", content: null, tool_calls: [{ id: "c1", type: "function", function: { name: "f", arguments: "{}" } }] },
    ],
  });
  const { messages } = conversation.state;
  assert.deepEqual(messages.map(({ id }) => id), ["m1", "m7", "m8"]);
  assert.deepEqual(messages[2].toolCalls, [{ index: 0, id: "c1", name: "f", arguments: "{}" }]);
  assert.equal(messages[2].state, "complete");
  assert.deepEqual(converse({ messages }).conversation.state.messages, messages);
});

test("another transport takes over the running answer", async () => {
  const { conversation, net, sources } = converse();
  void conversation.send("Hi");
  const write = await stream(net);
  await write(accepted, chunk("Hel"));
  conversation.setTransport("sse");
  await flush();
  sources[0].open();
  sources[0].say("g_1:3", chunk("lo"));
  runFrame();
  assert.deepEqual([conversation.state.transport, conversation.state.text], ["sse", "Hello"]);
  sources[0].say("g_1:4", complete);
  await flush();
  assert.deepEqual([conversation.state.status, conversation.state.transport], ["ready", "sse"]);
});

test("wrong options and inputs are TypeErrors", async () => {
  const { client, conversation } = converse();
  assert.throws(() => new Conversation(client, { message: [] }), { name: "TypeError", message: "new Conversation(): message is not an option; did you mean messages?" });
  assert.throws(() => new Conversation(client, { transport: "ws" }), TypeError);
  assert.throws(() => conversation.setTransport("ws"), TypeError);
  assert.throws(() => conversation.configure({ onfinish: () => {} }), { message: "configure(): onfinish is not an option; did you mean onFinish?" });
  await assert.rejects(conversation.send("Hi", { transport: "sse" }), { name: "TypeError" });
  for (const input of [undefined, 1, { content: "Hi" }, [null], "", []]) {
    await assert.rejects(conversation.send(input), { message: "send() takes a text that is not empty, a message with a role, or a list of messages." });
  }
});

test("an error of a subscriber or a callback is reported, and the conversation goes on", async (t) => {
  const errors = uncaught(t);
  const mine = new Error("of the page");
  const fail = () => { throw mine; };
  const { conversation, net } = converse({ onEvent: fail, onFinish: fail });
  conversation.subscribe(fail);
  const sent = conversation.send("Hi");
  const write = await stream(net);
  await write(accepted, chunk("Hello"), complete);
  await sent;
  assert.deepEqual(summary(conversation.state), ["ready", ["user", "Hi"], ["assistant", "Hello", "complete"]]);
  assert.ok(errors.length > 4 && errors.every((error) => error === mine));
});

test("what is stored but is no conversation is ignored", async () => {
  const stored = [
    [null], [5], [{}], [{ role: "assistant", tool_calls: 5 }], [{ role: "assistant", toolCalls: null }], [{ role: "user", id: 5 }],
  ];
  for (const [messages, start] of [...stored.map((messages) => [messages, null]), [[{ role: "user", content: "Hi" }], 5]]) {
    const storage = memory();
    storage.setItem("dualstream:chat", JSON.stringify({ version: 1, messages, start }));
    const { conversation } = converse({ resume: "chat", storage });
    assert.equal(await conversation.resume(), false);
    assert.deepEqual(summary(conversation.state), ["ready"]);
  }
});

test("an error of an own storage is reported, and the conversation goes on", async (t) => {
  const errors = uncaught(t);
  const broken = () => { throw new Error("broken"); };
  const { conversation, net } = converse({ resume: "chat", storage: { getItem: broken, setItem: broken, removeItem: broken } });
  const sent = conversation.send("Hi");
  await (await stream(net))(accepted, chunk("Hello"), complete);
  await sent;
  assert.deepEqual(summary(conversation.state), ["ready", ["user", "Hi"], ["assistant", "Hello", "complete"]]);
  assert.equal(errors.length, 4);
});

test("a turn begins although the answer before can't be stopped", async () => {
  const { conversation, net, timers } = converse({}, { idleTimeout: 1000 });
  void conversation.send("Hi");
  await (await stream(net))(accepted, chunk("Hel"));
  void conversation.send("Stop, another question");
  await flush();
  assert.match(net.last.url, /interrupt$/);
  await timers.pass(1000);
  await flush();
  assert.deepEqual(net.last.body.messages.at(-1), { role: "user", content: "Stop, another question" });
});
