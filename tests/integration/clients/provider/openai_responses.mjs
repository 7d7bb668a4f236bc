/**
 * OpenAI Responses over HTTP.
 */

import { EventStream, inPieces, newId, now, sendJson } from "./answers.mjs";
import { refuse } from "./openai_chat.mjs";
import { USAGE, dataOf, hasReasoning, promptOf, sleep, steps, textOf } from "./script.mjs";

function askOf({ input, tools = [] }) {
  const items = typeof input === "string" ? [{ role: "user", content: input }] : input;
  const users = items.filter((item) => item.role === "user");
  const asked = users.findLast((item) => textOf(item.content).includes("KIT:"));
  const parts = Array.isArray(asked?.content) ? asked.content : [];
  const results = items.slice(items.indexOf(asked)).filter((item) => /_call_output$/.test(item.type));
  return {
    prompt: promptOf(users.map((item) => textOf(item.content))),
    tools: tools.filter((tool) => tool.type === "function").map((tool) => tool.name),
    results: results.map((item) => textOf(item.output)),
    images: parts.filter((part) => part.type === "input_image").map((part) => dataOf(part.image_url)),
  };
}

function usageOf(ask) {
  const reasoning_tokens = hasReasoning(ask) ? USAGE.reasoning : 0;
  const output_tokens = USAGE.output + reasoning_tokens;
  return {
    input_tokens: USAGE.input,
    input_tokens_details: { cached_tokens: USAGE.cached },
    output_tokens,
    output_tokens_details: { reasoning_tokens },
    total_tokens: USAGE.input + output_tokens,
  };
}

function responseOf(id, body, status, output, more = {}) {
  return {
    id,
    object: "response",
    created_at: now(),
    status,
    background: false,
    completed_at: status === "completed" ? now() : null,
    error: null,
    incomplete_details: null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    max_tool_calls: null,
    model: body.model,
    output,
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: null,
    prompt_cache_key: body.prompt_cache_key ?? null,
    reasoning: { effort: body.reasoning?.effort ?? null, summary: null },
    safety_identifier: null,
    service_tier: "default",
    store: body.store ?? true,
    temperature: body.temperature ?? 1,
    text: { format: { type: "text" }, verbosity: "medium" },
    tool_choice: body.tool_choice ?? "auto",
    tools: body.tools ?? [],
    top_logprobs: 0,
    top_p: body.top_p ?? 1,
    presence_penalty: 0,
    frequency_penalty: 0,
    truncation: "disabled",
    usage: null,
    user: null,
    metadata: body.metadata ?? {},
    ...more,
  };
}

/** The events of one response: items are opened, filled and closed one after the other. */
class Items {
  output = [];
  #open = null;

  constructor(send) {
    this.send = send;
  }

  get #index() {
    return this.output.length;
  }

  #place(more) {
    return { item_id: this.#open.id, output_index: this.#index, ...more };
  }

  text(delta) {
    if (this.#open?.kind !== "text") {
      this.close();
      this.#open = { kind: "text", id: newId("msg_"), text: "" };
      this.send("response.output_item.added", { output_index: this.#index, item: { id: this.#open.id, type: "message", status: "in_progress", role: "assistant", content: [] } });
      this.send("response.content_part.added", this.#place({ content_index: 0, part: { type: "output_text", annotations: [], logprobs: [], text: "" } }));
    }
    this.#open.text += delta;
    this.send("response.output_text.delta", this.#place({ content_index: 0, delta, logprobs: [] }));
  }

  thought(delta) {
    if (this.#open?.kind !== "thought") {
      this.close();
      this.#open = { kind: "thought", id: newId("rs_"), text: "" };
      this.send("response.output_item.added", { output_index: this.#index, item: { id: this.#open.id, type: "reasoning", summary: [] } });
      this.send("response.reasoning_summary_part.added", this.#place({ summary_index: 0, part: { type: "summary_text", text: "" } }));
    }
    this.#open.text += delta;
    this.send("response.reasoning_summary_text.delta", this.#place({ summary_index: 0, delta }));
  }

  tool({ name, args }) {
    this.close();
    const call = { id: newId("fc_"), type: "function_call", status: "in_progress", call_id: newId("call_"), name, arguments: "" };
    this.#open = { kind: "call", id: call.id };
    this.send("response.output_item.added", { output_index: this.#index, item: call });
    for (const delta of inPieces(args)) this.send("response.function_call_arguments.delta", this.#place({ delta }));
    this.send("response.function_call_arguments.done", this.#place({ name, arguments: args }));
    this.#done({ ...call, status: "completed", arguments: args });
  }

  close() {
    const { kind, id, text } = this.#open ?? {};
    if (kind === "text") {
      const part = { type: "output_text", annotations: [], logprobs: [], text };
      this.send("response.output_text.done", this.#place({ content_index: 0, text, logprobs: [] }));
      this.send("response.content_part.done", this.#place({ content_index: 0, part }));
      this.#done({ id, type: "message", status: "completed", role: "assistant", content: [part] });
    } else if (kind === "thought") {
      const part = { type: "summary_text", text };
      this.send("response.reasoning_summary_text.done", this.#place({ summary_index: 0, text }));
      this.send("response.reasoning_summary_part.done", this.#place({ summary_index: 0, part }));
      this.#done({ id, type: "reasoning", summary: [part] });
    }
  }

  #done(item) {
    this.send("response.output_item.done", { output_index: this.#index, item });
    this.output.push(item);
    this.#open = null;
  }
}

/** Answer `POST /v1/responses`. */
export async function responses({ body, response, entry }) {
  const ask = askOf(body);
  entry.ask = ask;
  if (refuse(ask, "responses", response, entry)) return;
  const id = newId("resp_");
  const out = body.stream ? new EventStream(response, entry) : null;
  let sequence_number = 0;
  const send = (type, fields) => out?.send({ type, sequence_number: sequence_number++, ...fields }, type);
  const items = new Items(send);
  const finish = (status, more) => {
    const final = responseOf(id, body, status, items.output, more);
    send(`response.${status}`, { response: final });
    if (out) out.end();
    else sendJson(response, entry, 200, final);
  };
  send("response.created", { response: responseOf(id, body, "in_progress", []) });
  send("response.in_progress", { response: responseOf(id, body, "in_progress", []) });
  for await (const step of steps(ask)) {
    if (out && !out.isOpen) return;
    if (step.wait) await sleep(step.wait);
    if (step.text) items.text(step.text);
    if (step.thought) items.thought(step.thought);
    if (step.tool) items.tool(step.tool);
    if (step.fail) return finish("failed", { error: { code: "server_error", message: "KIT failed in the stream" } });
    if (step.cut) return response.destroy();
  }
  items.close();
  finish("completed", { usage: usageOf(ask) });
}
