/**
 * The cases of the Open Responses compliance suite, told again: the same requests, the same checks of events and of the response.
 */

import { BASE_URL, KEY, MODEL, PIXEL_URL, assert, finish, prompt, scenario } from "./kit.mjs";

const nullable = (check) => (value) => value === null || check(value);
const isString = (value) => typeof value === "string";
const isNumber = (value) => typeof value === "number";
const isBoolean = (value) => typeof value === "boolean";
const isObject = (value) => value !== null && typeof value === "object";

/** Every field must be there; null is allowed where it is `nullable`. */
const RESPONSE = {
  id: isString,
  object: (value) => value === "response",
  created_at: Number.isInteger,
  completed_at: nullable(Number.isInteger),
  status: isString,
  incomplete_details: nullable(isObject),
  model: isString,
  previous_response_id: nullable(isString),
  instructions: nullable(isString),
  output: Array.isArray,
  error: nullable(isObject),
  tools: Array.isArray,
  tool_choice: (value) => isString(value) || isObject(value),
  truncation: (value) => ["auto", "disabled"].includes(value),
  parallel_tool_calls: isBoolean,
  text: isObject,
  top_p: isNumber,
  presence_penalty: isNumber,
  frequency_penalty: isNumber,
  top_logprobs: Number.isInteger,
  temperature: isNumber,
  reasoning: nullable(isObject),
  usage: nullable(isObject),
  max_output_tokens: nullable(Number.isInteger),
  max_tool_calls: nullable(Number.isInteger),
  store: isBoolean,
  background: isBoolean,
  service_tier: isString,
  metadata: (value) => value !== undefined,
  safety_identifier: nullable(isString),
  prompt_cache_key: nullable(isString),
};
const ITEM_EVENTS = "output_item\\.(added|done)|content_part\\.(added|done)|output_text\\.(delta|done|annotation\\.added)|refusal\\.(delta|done)|function_call_arguments\\.(delta|done)";
const REASONING_EVENTS = "reasoning(_summary_part\\.(added|done)|\\.(delta|done)|_summary_text\\.(delta|done))";
const EVENTS = new RegExp(`^(error|response\\.(created|queued|in_progress|completed|failed|incomplete|${ITEM_EVENTS}|${REASONING_EVENTS}))$`);
const TERMINAL = /^response\.(completed|failed|incomplete)$/;

function checkResponse(response) {
  const wrong = Object.entries(RESPONSE).filter(([name, check]) => !check(response[name]));
  assert.deepEqual(wrong.map(([name]) => `${name}: ${JSON.stringify(response[name])}`), []);
}

async function post(body) {
  const headers = { "content-type": "application/json", authorization: `Bearer ${KEY}` };
  const response = await fetch(`${BASE_URL}/v1/responses`, { method: "POST", headers, body: JSON.stringify({ model: MODEL, ...body }) });
  assert.equal(response.status, 200, response.ok ? "" : await response.text());
  return response;
}

async function whole(body) {
  const response = await (await post(body)).json();
  checkResponse(response);
  assert.equal(response.status, "completed");
  assert.ok(response.output.length > 0);
  return response;
}

async function streamed(body) {
  const text = await (await post({ ...body, stream: true })).text();
  const data = text.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice("data: ".length));
  const events = data.filter((line) => line !== "[DONE]").map((line) => JSON.parse(line));
  for (const event of events) {
    assert.match(event.type, EVENTS);
    assert.ok(Number.isInteger(event.sequence_number), `${event.type} has no sequence_number`);
  }
  const { response } = events.find((event) => TERMINAL.test(event.type));
  checkResponse(response);
  assert.equal(response.status, "completed");
  return { response, events };
}

const message = (role, content) => ({ type: "message", role, content });
const parameters = { type: "object", properties: { location: { type: "string" } }, required: ["location"] };
const tools = [{ type: "function", name: "get_weather", description: "Weather of a place", parameters }];
const isCall = (item) => item.type === "function_call";

await scenario("responses/whole", async () => void (await whole({ input: [message("user", prompt("text"))] })));
await scenario("responses/stream", async () => {
  const { response } = await streamed({ input: [message("user", prompt("text"))] });
  assert.ok(response.output.length > 0);
});
await scenario("responses/instructions", async () => {
  await whole({ input: [message("system", "Be brief."), message("user", prompt("text"))] });
});
await scenario("responses/tools", async () => {
  const input = [message("user", prompt("tool"))];
  assert.ok((await whole({ tools, input })).output.some(isCall));
  const { events } = await streamed({ tools, input });
  for (const type of ["response.output_item.added", "response.output_item.done"]) assert.ok(events.some((event) => event.type === type && isCall(event.item)), type);
  for (const kind of ["delta", "done"]) assert.ok(events.some((event) => event.type === `response.function_call_arguments.${kind}`), kind);
});
await scenario("responses/image", async () => {
  const content = [{ type: "input_text", text: prompt("image") }, { type: "input_image", image_url: PIXEL_URL }];
  await whole({ input: [message("user", content)] });
});
await scenario("responses/next-turn", async () => {
  const turns = [message("user", "My name is Alice."), message("assistant", "Hello Alice."), message("user", prompt("text"))];
  await whole({ input: turns });
});
finish();
