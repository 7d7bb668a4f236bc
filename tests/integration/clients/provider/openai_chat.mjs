/**
 * OpenAI Chat Completions.
 */

import { EventStream, inPieces, newId, now, sendJson } from "./answers.mjs";
import { USAGE, dataOf, hasReasoning, promptOf, refusal, sleep, steps, textOf } from "./script.mjs";

export const openaiError = (message, type = "server_error") => ({ error: { message, type, param: null, code: null } });

/** Send a refusal in the form of OpenAI. @returns {boolean} whether there was one */
export function refuse(ask, api, response, entry) {
  const refused = refusal(ask, api);
  if (refused === null) return false;
  const type = refused.status === 429 ? "rate_limit_error" : "invalid_request_error";
  sendJson(response, entry, refused.status, openaiError(refused.message, type));
  return true;
}

function askOf({ messages, tools = [] }) {
  const users = messages.filter((message) => message.role === "user");
  const asked = users.findLast((message) => textOf(message.content).includes("KIT:"));
  const parts = Array.isArray(asked?.content) ? asked.content : [];
  return {
    prompt: promptOf(users.map((message) => textOf(message.content))),
    tools: tools.map((tool) => tool.function.name),
    results: messages.slice(messages.indexOf(asked)).filter((message) => message.role === "tool").map((message) => textOf(message.content)),
    images: parts.filter((part) => part.type === "image_url").map((part) => dataOf(part.image_url.url)),
    turns: messages.map((message) => [message.role, textOf(message.content)]),
  };
}

function usageOf(ask) {
  const reasoning = hasReasoning(ask) ? USAGE.reasoning : 0;
  const output = USAGE.output + reasoning;
  return {
    prompt_tokens: USAGE.input,
    completion_tokens: output,
    total_tokens: USAGE.input + output,
    prompt_tokens_details: { cached_tokens: USAGE.cached },
    completion_tokens_details: { reasoning_tokens: reasoning },
  };
}

const toolCallOf = (tool) => ({ id: newId("call_"), type: "function", function: { name: tool.name, arguments: tool.args } });

/** Answer `POST /v1/chat/completions`; a provider that is `breaking` loses the connection in the middle of its answer. */
export async function chatCompletions({ body, response, entry, breaking = false }) {
  const ask = askOf(body);
  if (breaking) ask.prompt = "KIT:cut";
  entry.ask = ask;
  if (refuse(ask, "chat", response, entry)) return;
  if (body.stream) await stream(ask, body, response, entry);
  else await whole(ask, body, response, entry);
}

async function whole(ask, body, response, entry) {
  let content = "";
  let reasoning = "";
  const calls = [];
  for await (const step of steps(ask)) {
    if (step.wait) await sleep(step.wait);
    if (step.fail) return sendJson(response, entry, 500, openaiError("KIT failed"));
    if (step.cut) return response.destroy();
    content += step.text ?? "";
    reasoning += step.thought ?? "";
    if (step.tool) calls.push(toolCallOf(step.tool));
  }
  const message = { role: "assistant", content: content || null, refusal: null };
  if (reasoning) message.reasoning_content = reasoning;
  if (calls.length > 0) message.tool_calls = calls;
  const choice = { index: 0, message, logprobs: null, finish_reason: calls.length > 0 ? "tool_calls" : "stop" };
  sendJson(response, entry, 200, { id: newId("chatcmpl-"), object: "chat.completion", created: now(), model: body.model, choices: [choice], usage: usageOf(ask) });
}

async function stream(ask, body, response, entry) {
  const out = new EventStream(response, entry);
  const head = { id: newId("chatcmpl-"), object: "chat.completion.chunk", created: now(), model: body.model };
  const withUsage = body.stream_options?.include_usage === true;
  const send = (choices, usage = null) => out.send({ ...head, choices, ...(withUsage ? { usage } : {}) });
  const delta = (change, finish_reason = null) => send([{ index: 0, delta: change, logprobs: null, finish_reason }]);
  let calls = 0;
  delta({ role: "assistant", content: "" });
  for await (const step of steps(ask)) {
    if (!out.isOpen) return;
    if (step.wait) await sleep(step.wait);
    if (step.text) delta({ content: step.text });
    if (step.thought) delta({ reasoning_content: step.thought });
    if (step.tool) {
      const call = toolCallOf(step.tool);
      delta({ tool_calls: [{ index: calls, ...call, function: { name: step.tool.name, arguments: "" } }] });
      for (const piece of inPieces(step.tool.args)) delta({ tool_calls: [{ index: calls, function: { arguments: piece } }] });
      calls++;
    }
    if (step.fail) {
      out.send(openaiError("KIT failed in the stream"));
      return out.end();
    }
    if (step.cut) return out.cut();
  }
  delta({}, calls > 0 ? "tool_calls" : "stop");
  if (withUsage) send([], usageOf(ask));
  out.send("[DONE]");
  out.end();
}
