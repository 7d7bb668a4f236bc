/**
 * The AI SDK (`ai` of npm) with the gateway in the place of a provider: @ai-sdk/openai, @ai-sdk/openai-compatible, @ai-sdk/anthropic.
 */

import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";
import { BASE_URL, CITY, CITY_SCHEMA, KEY, MODEL, PIXEL_URL, TEXT, TOOL_TEXT, USAGE, assert, finish, hungUp, interrupting, prompt, scenario, shown } from "./kit.mjs";

const server = { baseURL: `${BASE_URL}/v1`, apiKey: KEY };
const openai = createOpenAI(server);
const MODELS = {
  chat: openai.chat(MODEL),
  responses: openai.responses(MODEL),
  compatible: createOpenAICompatible({ name: "dualstream", includeUsage: true, ...server })(MODEL),
  messages: createAnthropic(server)(MODEL),
};
const REASONING = {
  compatible: { providerOptions: { dualstream: { reasoningEffort: "low" } } },
  messages: { providerOptions: { anthropic: { thinking: { type: "enabled", budgetTokens: 1024 } } } },
  responses: { providerOptions: { openai: { reasoningEffort: "low", reasoningSummary: "auto", forceReasoning: true } } },
};
const get_weather = tool({
  description: "Weather of a city",
  inputSchema: jsonSchema(CITY_SCHEMA),
  execute: (input) => {
    assert.deepEqual(input, CITY);
    return "21";
  },
});

for (const [name, model] of Object.entries(MODELS)) {
  const errors = [];
  const ask = (word, more = {}) => {
    errors.length = 0;
    return streamText({ model, prompt: prompt(word), maxRetries: 1, onError: ({ error }) => errors.push(error), ...more });
  };
  const failure = async (word) => {
    await ask(word).consumeStream();
    assert.ok(errors.length > 0, "no error");
    return errors[0];
  };
  await scenario(`${name}/whole`, async () => assert.equal((await generateText({ model, prompt: prompt("text") })).text, TEXT));
  await scenario(`${name}/stream`, async () => {
    const result = ask("text");
    let pieces = 0;
    for await (const _ of result.textStream) pieces++;
    assert.ok(pieces > 3);
    assert.equal(await result.text, TEXT);
    assert.equal(await result.finishReason, "stop");
  });
  await scenario(`${name}/usage`, async () => {
    const usage = await ask("text").totalUsage;
    assert.deepEqual([usage.inputTokens, usage.outputTokens], [USAGE.input, USAGE.output]);
  });
  await scenario(`${name}/tools`, async () => assert.equal(await ask("tool", { tools: { get_weather }, stopWhen: stepCountIs(3) }).text, TOOL_TEXT));
  if (name in REASONING) {
    await scenario(`${name}/reasoning`, async () => {
      const result = ask("think", REASONING[name]);
      assert.equal(await result.text, TEXT);
      assert.equal(await result.reasoningText, "First I compare.");
    });
  }
  await scenario(`${name}/image`, async () => {
    const content = [{ type: "text", text: prompt("image") }, { type: "image", image: PIXEL_URL }];
    assert.equal(await ask("image", { prompt: undefined, messages: [{ role: "user", content }] }).text, TEXT);
  });
  await scenario(`${name}/error-before`, async () => assert.equal((await failure("error")).statusCode, 400));
  await scenario(`${name}/busy`, async () => assert.equal(await ask("busy").text, TEXT));
  await scenario(`${name}/error-inside`, async () => shown(await failure("fail")));
  await scenario(`${name}/cut`, async () => {
    const result = ask("cut");
    await result.consumeStream();
    if (errors.length > 0) return shown(errors[0]);
    const reason = await result.finishReason.catch(shown);
    assert.notEqual(reason, "stop");
    return `finishReason: ${reason}`;
  });
  await scenario(`${name}/abort`, async () => {
    const stop = new AbortController();
    let pieces = 0;
    for await (const _ of ask("slow", { abortSignal: stop.signal }).textStream) if (++pieces === 5) stop.abort();
    assert.ok(pieces < 9);
    return hungUp();
  });
  await scenario(`${name}/interrupted`, async () => {
    const result = ask("slow");
    await interrupting(() => result.consumeStream());
    assert.deepEqual(errors, []);
    assert.match(await result.text, /^word0 word1 /);
    return `finishReason: ${await result.finishReason}`;
  });
}
finish();
