/**
 * The `openai` package of npm: Chat Completions, and Responses over HTTP and WebSocket.
 */

import OpenAI from "openai";
import { ResponsesWS } from "openai/resources/responses/ws.js";
import { BASE_URL, CITY, CITY_SCHEMA, KEY, MODEL, PIXEL_URL, TEXT, TOOL_TEXT, USAGE, assert, finish, hungUp, interrupting, prompt, raised, say, scenario, shown } from "./kit.mjs";

const client = new OpenAI({ baseURL: `${BASE_URL}/v1`, apiKey: KEY });
const withUsage = { stream_options: { include_usage: true } };

// Chat Completions

const chat = (word, more = {}) => client.chat.completions.create({ model: MODEL, messages: say(word), ...more });
const chatText = (chunks) => chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");

async function all(events) {
  const read = [];
  for await (const event of await events) read.push(event);
  return read;
}

await scenario("chat/whole", async () => {
  assert.equal((await chat("text")).choices[0].message.content, TEXT);
});
await scenario("chat/stream", async () => {
  const chunks = await all(chat("text", { stream: true }));
  assert.equal(chatText(chunks), TEXT);
  assert.ok(chunks.length > 9);
  assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
  assert.equal(await client.chat.completions.stream({ model: MODEL, messages: say("text") }).finalContent(), TEXT);
});
await scenario("chat/usage", async () => {
  const { usage } = (await all(chat("text", { stream: true, ...withUsage }))).at(-1);
  assert.deepEqual([usage.prompt_tokens, usage.completion_tokens], [USAGE.input, USAGE.output]);
  assert.equal(usage.prompt_tokens_details.cached_tokens, USAGE.cached);
});
await scenario("chat/tools", async () => {
  let asked;
  const answer = (city) => {
    asked = city;
    return "21";
  };
  const weather = { name: "get_weather", parameters: CITY_SCHEMA, parse: JSON.parse, function: answer };
  const run = client.chat.completions.runTools({ model: MODEL, messages: say("tool"), stream: true, tools: [{ type: "function", function: weather }] });
  assert.equal(await run.finalContent(), TOOL_TEXT);
  assert.deepEqual(asked, CITY);
});
await scenario("chat/reasoning", async () => {
  const deltas = (await all(chat("think", { stream: true, reasoning_effort: "low" }))).map((chunk) => chunk.choices[0]?.delta ?? {});
  assert.equal(deltas.map((delta) => delta.reasoning_content ?? "").join(""), "First I compare.");
  assert.equal(deltas.map((delta) => delta.content ?? "").join(""), TEXT);
});
await scenario("chat/image", async () => {
  const content = [{ type: "text", text: prompt("image") }, { type: "image_url", image_url: { url: PIXEL_URL } }];
  assert.equal(chatText(await all(chat("image", { stream: true, messages: [{ role: "user", content }] }))), TEXT);
});
await scenario("chat/error-before", async () => {
  const error = await raised(() => chat("error", { stream: true }));
  assert.equal(error.status, 400);
  assert.equal(error.type, "invalid_request_error");
});
await scenario("chat/busy", async () => assert.equal((await chat("busy")).choices[0].message.content, TEXT));
await scenario("chat/error-inside", async () => shown(await raised(() => all(chat("fail", { stream: true })))));
await scenario("chat/cut", async () => shown(await raised(() => all(chat("cut", { stream: true })))));
await scenario("chat/abort", async () => {
  const stream = await chat("slow", { stream: true });
  let read = 0;
  for await (const _ of stream) if (++read === 5) stream.controller.abort();
  assert.ok(read < 8);
  return hungUp();
});
await scenario("chat/interrupted", async () => {
  const chunks = await interrupting(() => all(chat("slow", { stream: true })));
  assert.match(chatText(chunks), /^word0 word1 /);
  assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
});
await scenario("chat/models", async () => {
  assert.ok((await all(client.models.list())).some((model) => model.id === MODEL));
  assert.equal((await client.models.retrieve(MODEL)).id, MODEL);
});

// Responses

const respond = (word, more = {}) => client.responses.create({ model: MODEL, input: prompt(word), ...more });
const responseText = (events) => events.filter((event) => event.type === "response.output_text.delta").map((event) => event.delta).join("");
const isNumbered = (events) => assert.deepEqual(events.map((event) => event.sequence_number), events.map((_, index) => index));
const final = (body) => client.responses.stream({ model: MODEL, ...body }).finalResponse();
const tools = [{ type: "function", name: "get_weather", parameters: CITY_SCHEMA, strict: true }];

await scenario("responses/whole", async () => assert.equal((await respond("text")).output_text, TEXT));
await scenario("responses/stream", async () => {
  const events = await all(respond("text", { stream: true }));
  isNumbered(events);
  assert.equal(responseText(events), TEXT);
  assert.equal(events.at(-1).type, "response.completed");
  assert.equal((await final({ input: prompt("text") })).output_text, TEXT);
});
await scenario("responses/usage", async () => {
  const { usage } = (await all(respond("text", { stream: true }))).at(-1).response;
  assert.deepEqual([usage.input_tokens, usage.output_tokens], [USAGE.input, USAGE.output]);
  assert.equal(usage.input_tokens_details.cached_tokens, USAGE.cached);
});
await scenario("responses/tools", async () => {
  const call = (await final({ input: prompt("tool"), tools })).output.find((item) => item.type === "function_call");
  assert.deepEqual(JSON.parse(call.arguments), CITY);
  const result = { type: "function_call_output", call_id: call.call_id, output: "21" };
  assert.equal((await final({ tools, input: [...say("tool"), call, result] })).output_text, TOOL_TEXT);
});
await scenario("responses/reasoning", async () => {
  const response = await final({ input: prompt("think"), reasoning: { effort: "low", summary: "auto" } });
  assert.deepEqual(response.output.filter((item) => item.type === "reasoning").map((item) => item.summary[0].text), ["First I compare."]);
  assert.equal(response.output_text, TEXT);
});
await scenario("responses/image", async () => {
  const content = [{ type: "input_text", text: prompt("image") }, { type: "input_image", image_url: PIXEL_URL, detail: "auto" }];
  assert.equal((await final({ input: [{ role: "user", content }] })).output_text, TEXT);
});
await scenario("responses/error-before", async () => assert.equal((await raised(() => respond("error", { stream: true }))).status, 400));
await scenario("responses/busy", async () => assert.equal((await respond("busy")).output_text, TEXT));
await scenario("responses/error-inside", async () => {
  const last = (await all(respond("fail", { stream: true }))).at(-1);
  assert.equal(last.type, "response.failed");
  return `response.failed: ${last.response.error.message}`;
});
await scenario("responses/cut", async () => shown(await raised(() => all(respond("cut", { stream: true })))));
await scenario("responses/abort", async () => {
  const stream = await respond("slow", { stream: true });
  let read = 0;
  for await (const _ of stream) if (++read === 6) stream.controller.abort();
  assert.ok(read < 9);
  return hungUp();
});
await scenario("responses/interrupted", async () => {
  const last = (await interrupting(() => all(respond("slow", { stream: true })))).at(-1);
  assert.match(last.response.output.at(-1).content[0].text, /^word0 word1 /);
  return last.type;
});
await scenario("responses/resume", async () => {
  const read = [];
  for await (const event of await respond("text", { stream: true, background: true })) if (read.push(event) === 7) break;
  read.push(...(await all(client.responses.retrieve(read[0].response.id, { stream: true, starting_after: read.at(-1).sequence_number }))));
  isNumbered(read);
  assert.equal(responseText(read), TEXT);
});
await scenario("responses/cancel", async () => {
  let id;
  let cancelled;
  let last;
  for await (const event of await respond("slow", { stream: true, background: true })) {
    id ??= event.response?.id;
    last = event;
    if (event.type === "response.output_text.delta") cancelled ??= await client.responses.cancel(id);
  }
  assert.equal(cancelled.status, "cancelled");
  return `the stream ended with ${last.type}; ${await hungUp()}`;
});
await scenario("responses/next-turn", async () => {
  const first = await respond("text");
  assert.equal((await respond("text", { previous_response_id: first.id })).output_text, TEXT);
});

// Responses over WebSocket

const TERMINAL = /^response\.(completed|failed|incomplete)$|^error$/;

/** Run `use` with a function that runs one turn on a new socket. */
async function withSocket(use) {
  const socket = new ResponsesWS(client);
  // The client emits an error event twice, by its type and as an error; an error that nobody listens to ends Node.
  socket.on("error", () => {});
  const turn = (body, until = TERMINAL) =>
    new Promise((resolve) => {
      const events = [];
      const end = () => {
        socket.off("event", onEvent);
        socket.off("error", onError);
        resolve(events);
      };
      const onEvent = (event) => {
        events.push(event);
        if (until.test(event.type)) end();
      };
      const onError = (error) => {
        events.push({ type: "error", error: error.error ?? error });
        end();
      };
      socket.on("event", onEvent);
      socket.on("error", onError);
      socket.send({ type: "response.create", model: MODEL, ...body });
    });
  try {
    return await use(turn, socket);
  } finally {
    socket.close();
  }
}

await scenario("websocket/stream", () => withSocket(async (turn) => {
  const events = await turn({ input: say("text") });
  isNumbered(events);
  assert.equal(responseText(events), TEXT);
}));
await scenario("websocket/usage", () => withSocket(async (turn) => {
  const { usage } = (await turn({ input: say("text") })).at(-1).response;
  assert.deepEqual([usage.input_tokens, usage.output_tokens], [USAGE.input, USAGE.output]);
}));
await scenario("websocket/tools", () => withSocket(async (turn) => {
  const { id, output } = (await turn({ tools, input: say("tool") })).at(-1).response;
  const call = output.find((item) => item.type === "function_call");
  const result = { type: "function_call_output", call_id: call.call_id, output: "21" };
  assert.equal(responseText(await turn({ tools, previous_response_id: id, input: [result] })), TOOL_TEXT);
}));
await scenario("websocket/error-before", () => withSocket(async (turn) => {
  const unknown = (await turn({ previous_response_id: "resp_never", input: say("text") })).at(-1);
  assert.match(JSON.stringify(unknown), /previous_response_not_found/);
  assert.match(JSON.stringify(await turn({ input: say("error") })), /KIT refuses/);
}));
await scenario("websocket/error-inside", () => withSocket(async (turn) => {
  const last = (await turn({ input: say("fail") })).at(-1);
  assert.notEqual(last.type, "response.completed");
  return last.type;
}));
await scenario("websocket/abort", async () => {
  await withSocket((turn) => turn({ input: say("slow") }, /output_text\.delta$/));
  return hungUp();
});
await scenario("websocket/interrupted", () => withSocket(async (turn) => {
  const events = await interrupting(() => turn({ input: say("slow") }));
  assert.match(responseText(events), /^word0 word1 /);
  return events.at(-1).type;
}));
await scenario("websocket/next-turn", () => withSocket(async (turn) => {
  const { id } = (await turn({ input: say("text") })).at(-1).response;
  const events = await turn({ previous_response_id: id, input: say("text") });
  isNumbered(events);
  assert.equal(responseText(events), TEXT);
}));
finish();
