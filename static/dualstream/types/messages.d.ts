/** Requests: the messages and options of a start (docs/reference/protocol.md, "Start"), feedback, and what the gateway answers. */

import type { ErrorCode, FeedbackMode, FinishReason, Json, Metrics, Usage } from "./events.js";

/** A message of the conversation, in OpenAI's form. Further fields are passed on to the provider. */
export type Message = SystemMessage | UserMessage | AssistantMessage | ToolMessage;

export interface SystemMessage {
  role: "system" | "developer";
  content: string | ContentPart[];
  [field: string]: unknown;
}

export interface UserMessage {
  role: "user";
  content: string | ContentPart[];
  [field: string]: unknown;
}

/** An answer that is given back: `answer.message()`. */
export interface AssistantMessage {
  role: "assistant";
  content?: string | ContentPart[] | null;
  tool_calls?: { id: string; type: "function"; function: { name: string; arguments: string }; signature?: string }[];
  reasoning_details?: ReasoningDetail[];
  [field: string]: unknown;
}

/** The result of a tool. */
export interface ToolMessage {
  role: "tool";
  tool_call_id: string;
  content?: string | ContentPart[] | null;
  [field: string]: unknown;
}

/** A part of a message. */
export type ContentPart =
  | { type: "text"; text: string }
  | { type: "image_url"; image_url: { url: string; detail?: "auto" | "low" | "high" } }
  | { type: "input_audio"; input_audio: { data: string; format: string } }
  | { type: "file"; file: { file_data?: string; file_id?: string; filename?: string } }
  | { type: string & {}; [field: string]: unknown };

/** A tool call of an answer, its pieces joined. `arguments` are JSON. */
export interface ToolCall {
  index: number;
  id: string | null;
  name: string | null;
  arguments: string;
  signature?: string;
}

/** Reasoning in OpenRouter's form, with the provider's signature. */
export interface ReasoningDetail {
  type: "reasoning.text" | "reasoning.encrypted";
  text?: string;
  signature?: string;
  data?: string;
  format?: string;
}

/** Options that are passed to the provider, and those of the gateway. */
export interface ProviderOptions {
  temperature?: number;
  top_p?: number;
  max_tokens?: number;
  /** OpenAI's newer name of `max_tokens` */
  max_completion_tokens?: number;
  stop?: string | string[];
  seed?: number;
  presence_penalty?: number;
  frequency_penalty?: number;
  tools?: { [field: string]: unknown }[];
  tool_choice?: string | { [field: string]: unknown };
  parallel_tool_calls?: boolean;
  response_format?: { [field: string]: unknown };
  reasoning_effort?: string;
  logprobs?: boolean;
  top_logprobs?: number;
  user?: string;
  /** what happens when the last viewer has left: wait for it (the gateway's default), stop at once, or continue */
  on_disconnect?: "grace" | "cancel" | "continue";
  /** milliseconds for which text is joined for each viewer, 0 to 1000; the default is the gateway's, 0 in most */
  coalesce_ms?: number;
}

/** What to generate. */
export interface StartRequest extends ProviderOptions {
  /** one user message, after `messages` */
  prompt?: string;
  messages?: Message[];
  /** default: the gateway's first model */
  model?: string;
  options?: ProviderOptions;
  /** up to 50 texts, returned in the snapshot */
  metadata?: Record<string, string>;
}

/** `revise` (default) needs a `text`; `note` needs a `text` or a `rating`. */
export interface Feedback {
  text?: string;
  /** -100 to 100 */
  rating?: number;
  mode?: FeedbackMode;
}

export interface FeedbackReply {
  feedback_id: string;
  state: GenerationState;
}

/** The models that the gateway offers. */
export interface Models {
  models: string[];
  default: string | null;
  /** true: any name is accepted, and the upstream decides */
  any_model: boolean;
}

/** The state of a generation in the gateway. */
export type GenerationState =
  | "queued" | "connecting" | "waiting" | "streaming" | "revising" | "stopping" | "complete" | "interrupted" | "error";

/** A generation as the gateway sees it (docs/reference/protocol.md, "Snapshot"). */
export interface Snapshot {
  id: string;
  state: GenerationState;
  model: string;
  provider: string | null;
  revision: number;
  seq: number;
  position: string;
  text: string;
  usage: Usage | null;
  cost_usd: number | null;
  metrics: Metrics | null;
  feedback: { [field: string]: Json }[];
  metadata: Record<string, string>;
  attempts: {
    attempt: number;
    revision: number;
    provider: string;
    upstream_model: string;
    ended: "answered" | "lost" | "cancelled" | ErrorCode | null;
    usage: Usage | null;
    cost_usd: number | null;
    /** from the start of the generation to the call */
    start_ms: number | null;
    /** from the call to the headers of its response */
    open_ms: number | null;
    /** from the call to its first content */
    first_content_ms: number | null;
    /** from the call to its end */
    duration_ms: number | null;
  }[];
  end: {
    type: "complete" | "interrupted" | "error";
    finish_reason: FinishReason | null;
    by: string | null;
    reason: string | null;
    code: ErrorCode | null;
    message: string | null;
  } | null;
}
