/** A conversation of several turns. */

import type { Answer, AnswerState, Dualstream, Transport } from "./client.js";
import type { DualstreamError } from "./errors.js";
import type { GenerationEvent, Metrics, Part, TerminalEvent, Usage } from "./events.js";
import type { ContentPart, Feedback, FeedbackReply, Message, ProviderOptions, ReasoningDetail, ToolCall } from "./messages.js";

/** A message to show. `id` is unique in its conversation, and stays: it is a key for lists. */
export type ChatMessage = ChatInput | ChatAnswer;

/** A message that the application sent. Its further fields are those of the message. */
export interface ChatInput {
  readonly id: string;
  readonly role: "system" | "developer" | "user" | "tool";
  readonly content: string | ContentPart[];
  readonly [field: string]: unknown;
}

/** An answer. While it streams, each change makes a new object; a message that does not change stays the same object. */
export interface ChatAnswer {
  readonly id: string;
  readonly role: "assistant";
  /** the text of the current revision */
  readonly content: string;
  readonly reasoning: string;
  readonly reasoningDetails: ReasoningDetail[];
  readonly toolCalls: ToolCall[];
  readonly parts: Part[];
  readonly revision: number;
  readonly state: "running" | "complete" | "interrupted" | "error";
  readonly generationId: string | null;
  /** the terminal event, with usage, cost and metrics */
  readonly end: TerminalEvent | null;
}

/** As in useChat: `submitted` until the first content, `streaming` until the end, else `ready`, or `error`. */
export type ConversationStatus = "ready" | "submitted" | "streaming" | "error";

/** Everything that a page shows. It is replaced by each change, and never changed itself. */
export interface ConversationState {
  readonly messages: readonly ChatMessage[];
  readonly status: ConversationStatus;
  /** why the last answer failed; null: it did not */
  readonly error: DualstreamError | null;
  /** the text of the last answer */
  readonly text: string;
  /** the reasoning of the last answer */
  readonly reasoning: string;
  /** the id of the last answer */
  readonly generationId: string | null;
  /** the transport of the running answer, else that of the next one */
  readonly transport: Transport;
  /** the state of the running answer; null: none runs */
  readonly connection: AnswerState | null;
  /** the place in the queue of the running answer */
  readonly queue: { readonly position: number; readonly etaMs: number | null } | null;
  /** the next attempt to connect, while waiting for it */
  readonly retrying: { readonly attempt: number; readonly delayMs: number; readonly error: DualstreamError } | null;
  /** tokens of the last answer, at its end */
  readonly usage: Usage | null;
  /** measurements of the last answer, at its end */
  readonly metrics: Metrics | null;
  /** the cost of the last answer, at its end; null: unknown */
  readonly costUsd: number | null;
}

/** What a conversation may change between turns. */
export interface ConversationSettings {
  /** default: the gateway's first model */
  model?: string;
  /** for the provider */
  options?: ProviderOptions;
  metadata?: Record<string, string>;
  /** called with each event, at once */
  onEvent?: (event: GenerationEvent, answer: Answer) => void;
  /** called when an answer is complete or interrupted */
  onFinish?: (message: ChatAnswer) => void;
  /** called when an answer fails */
  onError?: (error: DualstreamError) => void;
}

/** Options of `new Conversation()`. */
export interface ConversationOptions extends ConversationSettings {
  /** the messages to begin with; those of an earlier conversation's state may be given back */
  messages?: readonly (Message | ChatMessage)[];
  /** default: the client's */
  transport?: Transport;
  /** the name under which the conversation is stored, so that it resumes after a refresh; default: it is not stored */
  resume?: string;
  /** where it is stored; default: the tab's sessionStorage */
  storage?: Pick<Storage, "getItem" | "setItem" | "removeItem"> | null;
}

/** Options of one turn; they win over those of the conversation. */
export type TurnOptions = Pick<ConversationSettings, "model" | "options" | "metadata">;

/** Several turns: it keeps the messages, gives answers back, resumes, and tells subscribers of changes, once per frame. */
export declare class Conversation {
  /** @throws {TypeError} an option is unknown */
  constructor(client: Dualstream, options?: ConversationOptions);
  /** the current state */
  get state(): ConversationState;
  /** Return the current state. */
  getSnapshot: () => ConversationState;
  /** Return the state at the creation, which a server renders. */
  getServerSnapshot: () => ConversationState;
  /** Call a function with the state after each change; return a function that ends this. */
  subscribe: (listener: (state: ConversationState) => void) => () => void;
  /**
   * Send a text, a message, or several such as the results of tools, and read the answer. An answer that still runs is stopped
   * first. The promise is fulfilled at the end of the answer, also if it failed: see `state.error`.
   */
  send: (input: string | Message | readonly Message[], options?: TurnOptions) => Promise<void>;
  /** Stop the running answer. It may be an event handler: a reason that is no text is ignored. */
  stop: (reason?: unknown) => Promise<void>;
  /** Send feedback to the last answer, or to that of a message. */
  feedback: (feedback: Feedback | string, messageId?: string) => Promise<FeedbackReply>;
  /** Generate the last answer once more. */
  retry: () => Promise<void>;
  /**
   * Restore the stored conversation, and continue to read an answer that still runs, at once if it waits to connect again.
   * Return false if none runs.
   */
  resume: () => Promise<boolean>;
  /** Use another transport, also for the running answer. */
  setTransport: (transport: Transport) => void;
  /** Replace all messages; an answer that runs is stopped. `[]` clears the conversation. */
  setMessages: (messages: readonly (Message | ChatMessage)[]) => Promise<void>;
  /** Replace the settings: for the next turn, callbacks at once. Those that are missing are the constructor's. */
  configure: (settings: ConversationSettings) => void;
  /** Stop reading without interrupting the generation; `resume()` continues. */
  detach: () => void;
}
