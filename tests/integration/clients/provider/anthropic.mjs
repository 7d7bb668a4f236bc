/**
 * Anthropic Messages.
 */

import { EventStream, inPieces, newId, sendJson } from "./answers.mjs";
import { USAGE, hasReasoning, promptOf, refusal, sleep, steps, textOf } from "./script.mjs";

const SIGNATURE = "c2lnbmF0dXJl";
const anthropicError = (type, message) => ({ type: "error", error: { type, message }, request_id: "req_reference" });

function askOf({ messages, tools = [] }) {
  const users = messages.filter((message) => message.role === "user");
  const partsOf = (message) => (Array.isArray(message.content) ? message.content : [{ type: "text", text: message.content }]);
  const ownText = (message) => textOf(partsOf(message).filter((part) => part.type === "text"));
  const asked = users.findLast((message) => ownText(message).includes("KIT:"));
  const after = messages.slice(messages.indexOf(asked)).flatMap(partsOf);
  return {
    prompt: promptOf(users.map(ownText)),
    tools: tools.map((tool) => tool.name),
    results: after.filter((part) => part.type === "tool_result").map((part) => textOf(part.content)),
    images: asked ? partsOf(asked).filter((part) => part.type === "image").map((part) => part.source.data) : [],
  };
}

/** Without `ask`, the usage of the first event. */
function usageOf(ask) {
  return {
    input_tokens: USAGE.input - USAGE.cached,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: USAGE.cached,
    output_tokens: ask ? USAGE.output + (hasReasoning(ask) ? USAGE.reasoning : 0) : 1,
    service_tier: "standard",
  };
}

/** Answer `POST /v1/messages`. */
export async function messages({ body, response, entry }) {
  const ask = askOf(body);
  entry.ask = ask;
  const refused = refusal(ask, "messages");
  if (refused) {
    const type = refused.status === 429 ? "rate_limit_error" : "invalid_request_error";
    return sendJson(response, entry, refused.status, anthropicError(type, refused.message));
  }
  if (body.stream) await stream(ask, body, response, entry);
  else await whole(ask, body, response, entry);
}

/** The blocks of an answer: of text, thinking or a call, each with its pieces. */
class Blocks {
  list = [];

  add(type, piece) {
    if (this.list.at(-1)?.type !== type) this.list.push({ type, text: "" });
    this.list.at(-1).text += piece;
  }

  content() {
    return this.list.map((block) => {
      if (block.type === "thinking") return { type: "thinking", thinking: block.text, signature: SIGNATURE };
      return block.type === "text" ? { type: "text", text: block.text } : block.call;
    });
  }
}

async function whole(ask, body, response, entry) {
  const blocks = new Blocks();
  for await (const step of steps(ask)) {
    if (step.wait) await sleep(step.wait);
    if (step.text) blocks.add("text", step.text);
    if (step.thought) blocks.add("thinking", step.thought);
    if (step.tool) blocks.list.push({ type: "call", call: { type: "tool_use", id: newId("toolu_"), name: step.tool.name, input: JSON.parse(step.tool.args) } });
    if (step.fail) return sendJson(response, entry, 529, anthropicError("overloaded_error", "KIT failed"));
    if (step.cut) return response.destroy();
  }
  const content = blocks.content();
  const stop_reason = content.some((block) => block.type === "tool_use") ? "tool_use" : "end_turn";
  sendJson(response, entry, 200, { id: newId("msg_"), type: "message", role: "assistant", model: body.model, content, stop_reason, stop_sequence: null, usage: usageOf(ask) });
}

async function stream(ask, body, response, entry) {
  const out = new EventStream(response, entry);
  const send = (type, fields) => out.send({ type, ...fields }, type);
  let index = -1;
  let open = null;
  let stop_reason = "end_turn";
  const close = () => {
    if (open === "thinking") send("content_block_delta", { index, delta: { type: "signature_delta", signature: SIGNATURE } });
    if (open !== null) send("content_block_stop", { index });
    open = null;
  };
  const ensure = (kind, content_block) => {
    if (open === kind) return;
    close();
    index++;
    open = kind;
    send("content_block_start", { index, content_block });
  };
  const message = { id: newId("msg_"), type: "message", role: "assistant", model: body.model, content: [], stop_reason: null, stop_sequence: null, usage: usageOf() };
  send("message_start", { message });
  send("ping", {});
  for await (const step of steps(ask)) {
    if (!out.isOpen) return;
    if (step.wait) await sleep(step.wait);
    if (step.thought) {
      ensure("thinking", { type: "thinking", thinking: "", signature: "" });
      send("content_block_delta", { index, delta: { type: "thinking_delta", thinking: step.thought } });
    }
    if (step.text) {
      ensure("text", { type: "text", text: "" });
      send("content_block_delta", { index, delta: { type: "text_delta", text: step.text } });
    }
    if (step.tool) {
      stop_reason = "tool_use";
      close();
      ensure("tool", { type: "tool_use", id: newId("toolu_"), name: step.tool.name, input: {} });
      for (const partial_json of ["", ...inPieces(step.tool.args)]) send("content_block_delta", { index, delta: { type: "input_json_delta", partial_json } });
    }
    if (step.fail) {
      out.send({ type: "error", error: { type: "overloaded_error", message: "KIT failed in the stream" } }, "error");
      return out.end();
    }
    if (step.cut) return out.cut();
  }
  close();
  send("message_delta", { delta: { stop_reason, stop_sequence: null }, usage: usageOf(ask) });
  send("message_stop", {});
  out.end();
}
