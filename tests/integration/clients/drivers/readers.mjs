/**
 * The scenarios of a client that reads the gateway's own events, whatever the connection: `play` runs them.
 *
 * A reader is a function of a request and `onEvent`, which returns a `Result`. A request has:
 * `word` (of the provider's script) or `messages`, `base`, `model`, `key`, `generation` (attach to it, after `after`), `options`.
 */

import {
  CITY, CITY_SCHEMA, FAILOVER_MODEL, KEY, MODEL, OTHER_KEY, QUEUED_MODEL, TEXT, THOUGHTS, TOOL_TEXT, USAGE,
  assert, correcting, cutter, gateway, hungUp, interrupt, interrupting, limited, prompt, queueing, say, scenario, sleep, turns,
} from "./kit.mjs";

export const ENDS = ["complete", "interrupted", "error"];
const FIRST_WORDS = "The quick brown fox ";
const TOOL = { type: "function", function: { name: "get_weather", description: "Weather of a city", parameters: CITY_SCHEMA } };

/** What a client has read of one answer. */
export class Result {
  text = "";
  reasoning = "";
  pieces = 0;
  types = [];
  ids = [];
  calls = [];
  /** The last event, or the refusal. */
  end = null;

  constructor(onEvent = () => {}) {
    this.onEvent = onEvent;
  }

  /** Take an event and its position. @returns {boolean} whether the answer has ended */
  take(event, id) {
    this.types.push(event.type);
    this.ids.push(id);
    if (event.type === "accepted") this.id = event.generation_id;
    if (event.type === "revision") this.text = "";
    if (event.type === "reasoning") this.reasoning += event.content;
    if (event.type === "tool_call") this.#takeCall(event);
    if (event.type === "chunk") {
      this.pieces++;
      this.text += event.content;
    }
    if (ENDS.includes(event.type) || event.type === "rejected") this.end = event;
    this.onEvent(event, this);
    return this.end !== null;
  }

  #takeCall({ index, id, name, arguments: piece }) {
    this.calls[index] ??= { id, type: "function", function: { name, arguments: "" } };
    this.calls[index].function.arguments += piece;
  }
}

/** @returns {object} the body of a start, or the fields of the command */
export const startOf = ({ word, messages = say(word), model = MODEL, options }) => ({ messages, model, ...(options && { options }) });

/** Each scenario, with a function that asks, and the client's own way to interrupt. */
const SCENARIOS = {
  async stream(ask) {
    const { text, pieces, types, end } = await ask("halves");
    assert.deepEqual([text, end.type, types[0]], [TEXT, "complete", "accepted"]);
    assert.ok(pieces > 1, "in pieces");
  },
  async usage(ask) {
    const { usage } = (await ask("text")).end;
    assert.deepEqual([usage.input_tokens, usage.cached_input_tokens, usage.output_tokens], [USAGE.input, USAGE.cached, USAGE.output]);
  },
  async reasoning(ask) {
    const { text, reasoning } = await ask("think");
    assert.deepEqual([text, reasoning], [TEXT, THOUGHTS]);
  },
  async tools(ask) {
    const options = { tools: [TOOL] };
    const { calls, end } = await ask("tool", { options });
    assert.equal(end.finish_reason, "tool_calls");
    assert.deepEqual(JSON.parse(calls[0].function.arguments), CITY);
    const result = { role: "tool", tool_call_id: calls[0].id, content: "21" };
    const messages = [...say("tool"), { role: "assistant", content: null, tool_calls: calls }, result];
    assert.equal((await ask("tool", { messages, options })).text, TOOL_TEXT);
  },
  async "next-turn"(ask) {
    const { text } = await ask("text");
    const messages = [...say("text"), { role: "assistant", content: text }, { role: "user", content: `And now? ${prompt("text")}` }];
    assert.equal((await ask("text", { messages })).text, TEXT);
    assert.deepEqual(await turns(), messages.map(({ role, content }) => [role, content]));
  },
  async "error-before"(ask) {
    const { text, end } = await ask("error");
    assert.deepEqual([text, end.type, end.code, end.retryable], ["", "error", "invalid_request", false]);
  },
  async "error-inside"(ask) {
    const { text, end } = await ask("fail");
    assert.deepEqual([end.type, end.code, end.partial, text], ["error", "server_error", true, FIRST_WORDS]);
    return end.message;
  },
  async cut(ask) {
    const { end } = await ask("cut");
    assert.deepEqual([end.type, end.code], ["error", "truncated"]);
  },
  async retry(ask) {
    const { end } = await ask("flaky");
    assert.deepEqual([end.type, end.retryable], ["error", true]);
    await sleep(end.retry_after_ms ?? 0);
    assert.equal((await ask("flaky")).text, TEXT);
  },
  async refused(ask) {
    const { end } = await ask("text", { key: "wrong" });
    assert.deepEqual([end.code, end.retryable], ["auth_error", false]);
  },
  async limited(ask) {
    const { end } = await limited((key) => ask("text", { key }));
    assert.deepEqual([end.code, end.retryable], ["rate_limit", true]);
    assert.ok(end.retry_after_ms > 0);
  },
  async stop(ask, stop) {
    const { text, end } = await ask("slow", {}, ({ type }, reading) => {
      if (type === "chunk" && reading.pieces === 3) stop(reading.id);
    });
    assert.deepEqual([end.type, end.by], ["interrupted", "client"]);
    assert.match(text, /^word0 /);
    return hungUp();
  },
  async interrupted(ask) {
    assert.equal((await interrupting(() => ask("slow"))).end.type, "interrupted");
  },
  async feedback(ask) {
    const { text, types, end } = await correcting(() => ask("slow"));
    assert.ok(types.includes("revision"));
    assert.deepEqual([end.type, text], ["complete", TEXT]);
  },
  async failover(ask) {
    const { text, types, end } = await ask("text", { model: FAILOVER_MODEL });
    assert.ok(types.includes("retry") && types.includes("revision"));
    assert.deepEqual([end.type, text], ["complete", TEXT]);
  },
  async queued(ask) {
    const read = (makeRoom) => ask("text", { model: QUEUED_MODEL }, ({ type }) => type === "queued" && makeRoom());
    const { text, types } = await queueing(read);
    assert.ok(types.includes("queued"));
    assert.equal(text, TEXT);
  },
  async resume(ask) {
    const proxy = await cutter("fox");
    const { text, ids, types } = await ask("text", { base: proxy.url });
    proxy.close();
    assert.deepEqual([text, proxy.cuts], [TEXT, 1]);
    assert.equal(types.filter((type) => type === "accepted").length, 1, "one answer");
    assert.equal(new Set(ids).size, ids.length, "no event came twice");
    return `${proxy.connections} connections`;
  },
  async viewers(ask) {
    let second;
    const first = await ask("halves", {}, (_, { id, pieces }) => {
      if (pieces === 1) second ??= ask(null, { generation: id });
    });
    assert.deepEqual([first.text, (await second).text], [TEXT, TEXT]);
  },
  async foreign(ask) {
    const { id } = await gateway("POST", "/api/generations", { body: startOf({ word: "text" }) });
    const { text, end } = await ask(null, { generation: id, key: OTHER_KEY });
    assert.deepEqual([text, end.code], ["", "generation_lost"]);
  },
};

/** Run all scenarios but those that a client can't have. */
export async function play(surface, read, { without = [], stop = interrupt } = {}) {
  const ask = (word, request = {}, onEvent = undefined) => read({ word, key: KEY, ...request }, onEvent);
  for (const [name, run] of Object.entries(SCENARIOS)) {
    if (!without.includes(name)) await scenario(`${surface}/${name}`, () => run(ask, stop));
  }
}
