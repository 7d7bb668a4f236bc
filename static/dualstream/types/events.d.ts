/**
 * The events of a generation (docs/reference/protocol.md, "Events"). `event.type` tells them apart:
 *
 *     if (event.type === "chunk") show(event.content);
 *
 * Later versions of the gateway may add types and fields: ignore those you do not know.
 */

/** What every event has beside its own fields. */
export interface EventBase {
  /** the generation's id */
  generation_id: string;
  /** the event's number in the generation's log: 1, 2, 3, …; numbers may be left out */
  seq: number;
}

/** Always the first event, before any upstream is called. */
export interface AcceptedEvent extends EventBase {
  type: "accepted";
  request_id: string;
  model: string;
}

/** The generation waits for a slot; repeated when its place changes. */
export interface QueuedEvent extends EventBase {
  type: "queued";
  /** 1 is next */
  position: number;
  /** null: unknown */
  eta_ms: number | null;
}

/** An upstream accepted the call. */
export interface StartEvent extends EventBase {
  type: "start";
  provider: string;
  upstream_model: string;
  attempt: number;
  revision: number;
}

/** An attempt failed, and another one follows. */
export interface RetryEvent extends EventBase {
  type: "retry";
  attempt: number;
  delay_ms: number;
  code: ErrorCode;
  provider: string;
}

/** A piece of the text. */
export interface ChunkEvent extends EventBase {
  type: "chunk";
  content: string;
}

/** A piece of the reasoning; or, with `signature`, the provider's signature of the reasoning before it. */
export interface ReasoningEvent extends EventBase {
  type: "reasoning";
  content: string;
  /** opaque; to be given back with the text */
  signature?: string;
  /** the wire format of the provider whose signature it is */
  format?: string;
}

/** A piece of a tool call. The first one of a call has `id` and `name`; `arguments` are pieces of JSON to join. */
export interface ToolCallEvent extends EventBase {
  type: "tool_call";
  index: number;
  id: string | null;
  name: string | null;
  arguments: string;
  signature?: string;
}

/** A piece of the answer that is neither text nor a tool call. */
export type PartEvent = EventBase & { type: "part" } & Part;

/** Feedback was recorded. */
export interface FeedbackEvent extends EventBase {
  type: "feedback";
  feedback_id: string;
  mode: FeedbackMode;
  text: string | null;
  rating: number | null;
}

/** A new text begins: it replaces the text so far. */
export interface RevisionEvent extends EventBase {
  type: "revision";
  revision: number;
  /** null if the reason is `failover` */
  feedback_id: string | null;
  /** null if the reason is `failover` */
  cancel_ms: number | null;
  reason: "feedback" | "failover";
}

/** The requested position is no longer stored: this is the whole text so far. */
export interface GapEvent extends EventBase {
  type: "gap";
  from: number;
  to: number;
  text: string;
}

/** Terminal: the provider finished. */
export interface CompleteEvent extends EventBase {
  type: "complete";
  finish_reason: FinishReason | null;
  usage: Usage;
  /** null: unknown */
  cost_usd: number | null;
  metrics: Metrics;
  /** what the provider says of its response, such as `service_tier` */
  response: Record<string, Json>;
}

/** Terminal: stopped by a command, or because no viewer was left. */
export interface InterruptedEvent extends EventBase {
  type: "interrupted";
  by: "client" | "feedback" | "disconnect" | "limit" | "shutdown";
  reason: string | null;
  /** milliseconds from the command to the closed upstream connection */
  cancel_ms: number;
  usage: Usage;
  cost_usd: number | null;
  metrics: Metrics;
}

/** Terminal: failed. */
export interface ErrorEvent extends EventBase {
  type: "error";
  code: ErrorCode;
  message: string;
  /** true: the same start may succeed later */
  retryable: boolean;
  retry_after_ms: number | null;
  /** true: content was sent before the error */
  partial: boolean;
  usage: Usage | null;
  cost_usd: number | null;
  metrics: Metrics | null;
}

/** An event that ends a generation; nothing follows it. */
export type TerminalEvent = CompleteEvent | InterruptedEvent | ErrorEvent;

/** Every event of a generation. */
export type GenerationEvent =
  | AcceptedEvent | QueuedEvent | StartEvent | RetryEvent | ChunkEvent | ReasoningEvent | ToolCallEvent | PartEvent
  | FeedbackEvent | RevisionEvent | GapEvent | TerminalEvent;

/** The name of an event. */
export type EventType = GenerationEvent["type"];

/** Any JSON value. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** Why an answer ended; a provider may have other words. */
export type FinishReason =
  | "stop" | "length" | "tool_calls" | "content_filter" | "pause_turn" | "incomplete" | "other" | (string & {});

/** Tokens, summed over all attempts. Unknown is null, never 0. */
export interface Usage {
  /** includes the cached ones */
  input_tokens: number | null;
  /** includes the reasoning */
  output_tokens: number | null;
  /** `exact`: counted by the provider */
  source: "exact" | "estimated";
  cached_input_tokens: number | null;
  reasoning_tokens: number | null;
  cache_write_tokens: number | null;
  cache_write_1h_tokens: number | null;
}

/** The gateway's measurements of a generation. */
export interface Metrics {
  request_id: string;
  /** milliseconds to the first content; null: there was none */
  ttft_ms: number | null;
  duration_ms: number;
  queue_ms: number;
  chunks: number;
  chars: number;
  bytes: number;
  /** null: too short to tell */
  chars_per_s: number | null;
  attempts: number;
  revisions: number;
}

/** What a part contains. Later versions may add kinds. */
export type Part = MediaPart | CitationPart | RedactedReasoningPart | ServerToolPart | RefusalPart | LogprobsPart;

/** An image, a sound or a file: either `data` or `url` is present. */
export interface MediaPart {
  kind: "image" | "audio" | "file";
  media_type: string | null;
  /** base64 */
  data?: string;
  url?: string;
}

export interface CitationPart {
  kind: "citation";
  url: string | null;
  title: string | null;
  text: string | null;
  /** the whole citation, as the provider sent it */
  source?: Json;
  format?: string;
}

/** Reasoning that only the provider can read, to be given back. */
export interface RedactedReasoningPart {
  kind: "redacted_reasoning";
  data: string;
  format: string;
}

/** A tool that the provider ran itself. */
export interface ServerToolPart {
  kind: "server_tool";
  name: string;
  block: Json;
}

/** The text that follows is the model's refusal to answer. */
export interface RefusalPart {
  kind: "refusal";
}

/** The log probabilities of the chunk that follows. */
export interface LogprobsPart {
  kind: "logprobs";
  tokens: TokenLogprob[];
}

export interface TokenLogprob {
  token: string;
  logprob: number | null;
  bytes: number[] | null;
  top_logprobs: Omit<TokenLogprob, "top_logprobs">[];
}

/** What feedback does: `revise` starts a new revision, `stop` ends the generation, `note` only records. */
export type FeedbackMode = "revise" | "stop" | "note";

/** The codes of docs/reference/protocol.md, "Codes". */
export type ErrorCode =
  | "timeout" | "rate_limit" | "server_error" | "auth_error" | "invalid_request" | "network_error"
  | "queue_full" | "queue_timeout" | "first_token_timeout" | "stalled" | "too_slow" | "truncated" | "upstream_protocol"
  | "content_filter" | "model_not_found" | "generation_lost" | "already_over" | "output_limit" | "budget_exceeded"
  | "shutting_down" | "forbidden" | "provider_auth" | "provider_quota" | "event_too_large" | "unsupported_content";
