/**
 * The `@anthropic-ai/sdk` package of npm: Messages, and its beta.
 */

import Anthropic from "@anthropic-ai/sdk";
import { BASE_URL, CITY, CITY_SCHEMA, KEY, MODEL, PIXEL, TEXT, TOOL_TEXT, USAGE, assert, finish, hungUp, interrupting, prompt, raised, say, scenario, shown } from "./kit.mjs";

const client = new Anthropic({ baseURL: BASE_URL, apiKey: KEY });
const ask = (word, more = {}) => ({ model: MODEL, max_tokens: 500, messages: say(word), ...more });
const final = (body) => client.messages.stream(body).finalMessage();
const tools = [{ name: "get_weather", input_schema: CITY_SCHEMA }];
const ORDER = ["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop"];

await scenario("messages/whole", async () => assert.equal((await client.messages.create(ask("text"))).content[0].text, TEXT));
await scenario("messages/stream", async () => {
  const types = [];
  for await (const event of await client.messages.create(ask("text", { stream: true }))) types.push(event.type);
  assert.deepEqual(types.filter((type, index) => type !== "ping" && type !== types[index - 1]), ORDER);
  assert.ok(types.filter((type) => type === "content_block_delta").length > 3);
  const message = await final(ask("text"));
  assert.equal(message.content[0].text, TEXT);
  assert.equal(message.stop_reason, "end_turn");
});
await scenario("messages/usage", async () => {
  for (const { usage } of [await client.messages.create(ask("text")), await final(ask("text"))]) {
    assert.deepEqual([usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens], [USAGE.input - USAGE.cached, USAGE.cached, USAGE.output]);
  }
});
await scenario("messages/tools", async () => {
  const first = await final(ask("tool", { tools }));
  const call = first.content.find((block) => block.type === "tool_use");
  assert.deepEqual(call.input, CITY);
  assert.equal(first.stop_reason, "tool_use");
  const asked = { role: "assistant", content: first.content };
  const result = { role: "user", content: [{ type: "tool_result", tool_use_id: call.id, content: "21" }] };
  assert.equal((await final(ask("tool", { tools, messages: [...say("tool"), asked, result] }))).content[0].text, TOOL_TEXT);
});
await scenario("messages/reasoning", async () => {
  const { content } = await final(ask("think", { max_tokens: 3000, thinking: { type: "enabled", budget_tokens: 1024 } }));
  assert.deepEqual(content.map((block) => block.type), ["thinking", "text"]);
  assert.equal(content[0].thinking, "First I compare.");
});
await scenario("messages/image", async () => {
  const source = { type: "base64", media_type: "image/png", data: PIXEL };
  const content = [{ type: "text", text: prompt("image") }, { type: "image", source }];
  assert.equal((await final(ask("image", { messages: [{ role: "user", content }] }))).content[0].text, TEXT);
});
await scenario("messages/error-before", async () => {
  const error = await raised(() => client.messages.create(ask("error", { stream: true })));
  assert.equal(error.status, 400);
  assert.equal(error.error.error.type, "invalid_request_error");
});
await scenario("messages/busy", async () => assert.equal((await client.messages.create(ask("busy"))).content[0].text, TEXT));
await scenario("messages/error-inside", async () => shown(await raised(() => final(ask("fail")))));
await scenario("messages/cut", async () => shown(await raised(() => final(ask("cut")))));
await scenario("messages/abort", async () => {
  const stream = client.messages.stream(ask("slow"));
  let read = 0;
  await raised(async () => {
    for await (const _ of stream) if (++read === 6) stream.abort();
  });
  assert.ok(read < 9);
  return hungUp();
});
await scenario("messages/interrupted", async () => {
  const message = await interrupting(() => final(ask("slow")));
  assert.match(message.content[0].text, /^word0 word1 /);
  assert.equal(message.stop_reason, "end_turn");
});
await scenario("messages/beta", async () => {
  const message = await client.beta.messages.stream(ask("text", { betas: ["context-management-2025-06-27"] })).finalMessage();
  assert.equal(message.content[0].text, TEXT);
});
await scenario("messages/count-tokens", async () => {
  assert.ok((await client.messages.countTokens({ model: MODEL, messages: say("text") })).input_tokens > 0);
});
await scenario("messages/models", async () => {
  assert.ok((await client.models.list()).data.some((model) => model.id === MODEL));
  assert.equal((await client.models.retrieve(MODEL)).id, MODEL);
});
finish();
