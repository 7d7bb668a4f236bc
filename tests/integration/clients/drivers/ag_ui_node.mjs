/**
 * AG-UI: `HttpAgent` of @ag-ui/client, which checks the order of events.
 */

import { HttpAgent, runHttpRequest, transformHttpEventStream } from "@ag-ui/client";
import {
  BASE_URL, CITY, CITY_SCHEMA, FAILOVER_MODEL, KEY, MODEL, OTHER_KEY, QUEUED_MODEL, TEXT, THOUGHTS, TOOL_TEXT, USAGE,
  assert, correcting, cutter, during, finish, hungUp, interrupt, interrupting, limited, prompt, queueing, request, scenario, sleep, turns,
} from "./kit.mjs";

const API = "/api/ag-ui";
const FIRST_WORDS = "The quick brown fox ";
const READING_MS = 300;
const tools = [{ name: "get_weather", description: "Weather of a city", parameters: CITY_SCHEMA }];

process.on("unhandledRejection", () => {}); // after a lost connection there is one beside that of `runAgent`
console.error = () => {}; // each failure is printed

/** It can join the run of a thread: `connect` is left to applications. */
class Agent extends HttpAgent {
  connect({ threadId }) {
    const options = { headers: this.headers, signal: this.abortController.signal };
    return transformHttpEventStream(runHttpRequest(() => this.fetch(`${this.url}?threadId=${threadId}`, options)));
  }
}

const userMessage = (word) => ({ id: crypto.randomUUID(), role: "user", content: prompt(word) });
const open = (word, { base = BASE_URL, key = KEY, threadId = crypto.randomUUID() } = {}) =>
  new Agent({ url: base + API, headers: { authorization: `Bearer ${key}` }, threadId, initialMessages: [userMessage(word)] });
/** Read the newest run of a thread. */
const join = (threadId, { key = KEY } = {}) =>
  run(new Agent({ url: BASE_URL + API, headers: { authorization: `Bearer ${key}` }, threadId }), {}, undefined, "connectAgent");

/** Run an agent to its end. @returns what was read, or how it failed */
async function run(agent, { model = MODEL, tools, ...options } = {}, onEvent = () => {}, verb = "runAgent") {
  const events = [];
  let failure;
  try {
    await agent[verb]({ tools, forwardedProps: { model, ...options } }, {
      onEvent({ event }) {
        events.push(event);
        onEvent(event, events);
      },
    });
  } catch (error) {
    failure = error;
  }
  const answers = agent.messages.filter(({ role }) => role === "assistant");
  return { agent, events, failure, answers, text: answers.at(-1)?.content, end: events.at(-1) };
}
const ask = (word, { base, key, ...options } = {}, onEvent = undefined) => run(open(word, { base, key }), options, onEvent);
const isText = ({ type }) => type === "TEXT_MESSAGE_CONTENT";
const cancelled = ({ end, text }) => {
  assert.deepEqual([end.type, end.outcome], ["RUN_FINISHED", { type: "cancelled" }]);
  assert.match(text, /^word0 /);
};

const SCENARIOS = {
  async stream() {
    const { events, text, end } = await ask("halves");
    assert.deepEqual([text, events[0].type, end.type], [TEXT, "RUN_STARTED", "RUN_FINISHED"]);
    assert.ok(events.filter(isText).length > 1, "in pieces");
  },
  async usage() {
    const [{ inputTokens, outputTokens }] = (await ask("text")).end.usage;
    assert.deepEqual([inputTokens, outputTokens], [USAGE.input, USAGE.output]);
  },
  async tools() {
    const { agent } = await ask("tool", { tools });
    const [call] = agent.messages.at(-1).toolCalls;
    assert.deepEqual(JSON.parse(call.function.arguments), CITY);
    agent.addMessage({ id: "result", role: "tool", toolCallId: call.id, content: "21" });
    assert.equal((await run(agent, { tools })).text, TOOL_TEXT);
  },
  async reasoning() {
    const { events, text } = await ask("think");
    const thoughts = events.filter(({ type }) => type === "REASONING_MESSAGE_CONTENT").map(({ delta }) => delta);
    assert.deepEqual([text, thoughts.join("")], [TEXT, THOUGHTS]);
  },
  async "next-turn"() {
    const { agent } = await ask("text");
    agent.addMessage(userMessage("text"));
    assert.equal((await run(agent)).text, TEXT);
    assert.deepEqual(await turns(), [["user", prompt("text")], ["assistant", TEXT], ["user", prompt("text")]]);
  },
  async "error-before"() {
    const { failure, end } = await ask("error");
    const message = failure?.message ?? end.message;
    assert.match(message, /KIT refuses/);
    return message;
  },
  async "error-inside"() {
    const { end, text } = await ask("fail");
    assert.deepEqual([end.type, end.code, text], ["RUN_ERROR", "server_error", FIRST_WORDS]);
    return end.message;
  },
  async cut() {
    const { failure } = await ask("cut");
    assert.ok(failure, "a lost provider is a lost connection");
    return failure.message;
  },
  async refused() {
    const { failure } = await ask("text", { key: "wrong" });
    assert.match(failure.message, /401/);
    return failure.message;
  },
  async limited() {
    const { failure } = await limited((key) => ask("text", { key }));
    assert.match(failure.message, /429/);
    return failure.message;
  },
  async retry() {
    const { agent, end } = await ask("flaky");
    assert.equal(end.metadata.dualstream.retryable, true);
    await sleep(end.metadata.dualstream.retry_after_ms ?? 0);
    agent.setMessages(agent.messages.slice(0, 1));
    assert.equal((await run(agent)).text, TEXT);
  },
  async stop() {
    const agent = open("slow");
    const result = await during(() => run(agent), () => request("DELETE", `${API}?threadId=${agent.threadId}`));
    cancelled(result);
    return hungUp();
  },
  async abort() {
    const agent = open("slow");
    await run(agent, {}, (_, events) => events.filter(isText).length === 3 && agent.abortRun());
    return hungUp();
  },
  interrupted: async () => cancelled(await interrupting(() => ask("slow"))),
  async feedback() {
    const { answers, text } = await correcting(() => ask("slow"));
    assert.deepEqual([answers.length, text], [1, TEXT]);
  },
  async failover() {
    const { answers, text } = await ask("text", { model: FAILOVER_MODEL });
    assert.deepEqual([answers.length, text], [1, TEXT]);
  },
  async queued() {
    const positions = [];
    const { text } = await queueing((makeRoom) =>
      ask("text", { model: QUEUED_MODEL }, ({ name, value }) => {
        if (name !== "dualstream.queued") return;
        positions.push(value.position);
        makeRoom();
      }),
    );
    assert.deepEqual([positions[0], text], [1, TEXT]);
  },
  async resume() {
    // It does not come back by itself: its application joins the run, which must go on meanwhile.
    const proxy = await cutter("fox");
    const agent = open("text", { base: proxy.url });
    const lost = await run(agent, { on_disconnect: "grace" });
    proxy.close();
    assert.ok(lost.failure);
    assert.equal((await join(agent.threadId)).text, TEXT);
  },
  async viewers() {
    const first = open("slow");
    let second;
    const result = await during(
      () => run(first),
      async (id) => {
        const reading = join(first.threadId);
        await sleep(READING_MS);
        await interrupt(id);
        second = await reading;
      },
    );
    cancelled(result);
    assert.equal(second.text, result.text);
  },
  async foreign() {
    const { agent } = await ask("text");
    const { failure } = await join(agent.threadId, { key: OTHER_KEY });
    assert.match(failure.message, /404/);
  },
  async capabilities() {
    const found = await (await request("GET", `${API}/capabilities`)).json();
    assert.deepEqual([found.transport.streaming, found.tools.supported], [true, true]);
  },
};

for (const [name, play] of Object.entries(SCENARIOS)) await scenario(`ag-ui/${name}`, play);
finish();
