/** Correct uses: they compile in strict mode without an error. */

import {
  Answer, Conversation, Dualstream, DualstreamError, EventStreamDecoder, TRANSPORTS,
  type ChatMessage, type CompleteEvent, type GenerationEvent, type Message, type ProviderOptions, type Snapshot, type Transport, type Usage,
} from "dualstream";

const client = new Dualstream({
  baseURL: "https://gateway.example",
  transport: "websocket",
  token: async () => "short-lived",
  ticket: null,
  headers: { "X-Tenant": "a" },
  credentials: "include",
  timeout: 60_000,
  idleTimeout: 0,
  retry: { attempts: 3 },
  keepOpen: true,
  environment: { now: () => 0, WebSocket: globalThis.WebSocket },
});
const transport: Transport = client.transport;
const options: ProviderOptions = { temperature: 0, max_tokens: 10, stop: ["."], on_disconnect: "continue" };
const messages: Message[] = [
  { role: "system", content: "Be brief." },
  { role: "user", content: [{ type: "text", text: "What is this?" }, { type: "image_url", image_url: { url: "data:," } }] },
];

/** Every event, told apart by its type. */
export function describe(event: GenerationEvent): string {
  switch (event.type) {
    case "accepted": return `${event.generation_id} ${event.request_id} ${event.model}`;
    case "queued": return `${event.position} ${event.eta_ms?.toFixed() ?? "unknown"}`;
    case "start": return `${event.provider} ${event.upstream_model} ${event.attempt} ${event.revision}`;
    case "retry": return `${event.attempt} ${event.delay_ms} ${event.code}`;
    case "chunk": return event.content.toUpperCase();
    case "reasoning": return event.content + (event.signature ?? "");
    case "tool_call": return `${event.index} ${event.name ?? ""} ${event.arguments}`;
    case "part": return event.kind === "citation" ? event.url ?? "" : event.kind === "image" ? event.data ?? "" : event.kind;
    case "feedback": return `${event.feedback_id} ${event.mode} ${event.rating?.toFixed() ?? ""}`;
    case "revision": return `${event.revision} ${event.reason}`;
    case "gap": return event.text.slice(0, event.to - event.from);
    case "complete": return `${event.finish_reason ?? ""} ${event.usage.output_tokens?.toFixed() ?? ""} ${event.metrics.chars}`;
    case "interrupted": return `${event.by} ${event.reason ?? ""} ${event.cancel_ms.toFixed()}`;
    case "error": return `${event.code} ${event.message} ${event.retryable}`;
    default: {
      const nothing: never = event;
      return nothing;
    }
  }
}

export async function read(): Promise<Usage | null> {
  const answer: Answer = client.start({ prompt: "Hi", messages, model: "m", options, metadata: { user: "1" } }, {
    signal: AbortSignal.timeout(1000),
    idempotencyKey: "k",
    transport: "fetch",
    onState: ({ state, queue, retrying }) => console.log(state, queue?.position, retrying?.error.code),
  });
  client.start("Hi").detach();
  client.start({ messages: [...messages, answer.message()], temperature: 1 }, { onEvent: (event, { text }) => console.log(event.seq, text) });
  try {
    for await (const event of answer) console.log(describe(event));
  } catch (error) {
    if (error instanceof DualstreamError && error.retryable) console.log(error.code, error.retryAfterMs, error.param, error.status);
  }
  await answer.interrupt("enough");
  const { feedback_id: id } = await answer.feedback({ text: "Shorter", rating: 1, mode: "revise" });
  await answer.feedback("Shorter");
  await answer.moveTo(transport);
  answer.drop(100);
  answer.reconnect();
  const terminal = await answer.finished;
  if (terminal?.type === "complete") show(terminal);
  const attached = client.attach(answer.id ?? id, { after: answer.position ?? 0, text: answer.text, revision: answer.revision });
  return attached.usage;
}

function show({ cost_usd: cost, response }: CompleteEvent): void {
  console.log(cost?.toFixed(2), response["service_tier"]);
}

export async function look(): Promise<Snapshot> {
  const { models, default: first, any_model: any } = await client.models();
  console.log(models.join(), first?.length, any, TRANSPORTS.includes("sse"));
  await client.interrupt("g_1", "enough");
  await client.feedback("g_1", { rating: 1, mode: "note" });
  const decoder = new EventStreamDecoder();
  for (const { event, data, lastEventId } of decoder.push(new Uint8Array())) console.log(event, data, lastEventId);
  client.close();
  return client.snapshot("g_1");
}

export async function converse(): Promise<void> {
  const conversation = new Conversation(client, {
    messages, model: "m", options, metadata: {}, transport: "sse", resume: "chat", storage: localStorage,
    onEvent: (event) => console.log(event.type),
    onFinish: ({ content, end }) => console.log(content, end?.type),
    onError: ({ code }) => console.log(code),
  });
  const leave = conversation.subscribe(({ messages: shown }) => render(shown));
  await conversation.send("Hi", { model: "other" });
  await conversation.send([{ role: "tool", tool_call_id: "c", content: "42" }]);
  await conversation.stop();
  await conversation.retry();
  await conversation.feedback({ rating: 1, mode: "note" }, "m2");
  conversation.setTransport("fetch");
  conversation.configure({ model: "m" });
  if (await conversation.resume()) await conversation.setMessages(conversation.state.messages);
  conversation.detach();
  leave();
}

function render(shown: readonly ChatMessage[]): void {
  for (const message of shown) {
    if (message.role === "assistant") console.log(message.content.length, message.reasoning, message.toolCalls, message.state);
    else console.log(message.id, message.content);
  }
}
