/** The client and its answers. */

import type { DualstreamError } from "./errors.js";
import type { GenerationEvent, Metrics, Part, TerminalEvent, Usage } from "./events.js";
import type {
  AssistantMessage, Feedback, FeedbackReply, Models, ReasoningDetail, Snapshot, StartRequest, ToolCall,
} from "./messages.js";

/**
 * How events reach the client. `sse`: start by POST, read with EventSource, or with fetch if there is no EventSource or if
 * headers must be sent. `fetch`: start and read in one POST. `websocket`: one socket for all answers. `poll`: long polls, for
 * networks that let no stream pass. `auto`: `sse`, or `poll` if nothing comes over it.
 */
export type Transport = "sse" | "fetch" | "websocket" | "poll" | "auto";

/** The transports that this version has. */
export declare const TRANSPORTS: readonly Transport[];

/** The state of an answer, as its reader sees it. `offline`: the connection was lost, and is made again. */
export type AnswerState =
  | "connecting" | "queued" | "waiting" | "streaming" | "offline" | "complete" | "interrupted" | "error" | "detached";

/** Options of `new Dualstream()`. */
export interface ClientOptions {
  /** the gateway's address; "" (default) is the page's origin. Outside a page it must be set */
  baseURL?: string;
  /** default: `sse` */
  transport?: Transport;
  /** sent with every HTTP request; a browser's WebSocket can't send any */
  headers?: Record<string, string>;
  /** `include`: send cookies also to a gateway of another origin; `same-origin` (default): only to the page's origin */
  credentials?: "same-origin" | "include";
  /**
   * sent as `Authorization: Bearer …`, and nowhere else: for each WebSocket it is exchanged for a ticket. A function is called
   * when a token is needed first, and again when the gateway refuses it
   */
  token?: string | (() => string | Promise<string>) | null;
  /** a ticket for WebSockets, if the application obtains tickets itself; a function is called for each socket */
  ticket?: string | (() => string | Promise<string>) | null;
  /** maximum milliseconds of an answer; then it is interrupted and fails with `timeout`; 0 (default): none */
  timeout?: number;
  /**
   * milliseconds without any data, heartbeats included, after which a connection counts as dead and is resumed; default
   * 45,000; 0: never
   */
  idleTimeout?: number;
  retry?: Partial<RetryOptions>;
  /** keep an unused WebSocket open for the next answer; default false */
  keepOpen?: boolean;
  /** replacements of what the browser or Node provides */
  environment?: Partial<Environment>;
}

/** How lost connections and refused starts are retried: with exponential backoff and full jitter. */
export interface RetryOptions {
  /** maximum number of retries in a row, default 8; each event that arrives resets the count */
  attempts: number;
  /** maximum of the first wait, default 500; it doubles with each attempt */
  baseMs: number;
  /** maximum wait, default 15,000, unless the gateway asks for a longer one */
  maxMs: number;
  /** maximum wait that the gateway may ask for, default 60,000; a longer one ends the retries */
  maxRetryAfterMs: number;
}

/** A WebSocket class, such as that of the package `ws`. */
export type WebSocketClass = new (url: string, protocols?: string | string[]) => any;

/** What the client uses of the browser or of Node. */
export interface Environment {
  fetch: typeof globalThis.fetch;
  EventSource: (new (url: string, init?: { withCredentials?: boolean }) => any) | undefined;
  WebSocket: WebSocketClass | undefined;
  /** called when the first socket is opened, if there is no `WebSocket` */
  loadWebSocket: (() => Promise<WebSocketClass>) | undefined;
  setTimeout: (callback: () => void, ms: number) => any;
  clearTimeout: (timer: any) => void;
  /** milliseconds since 1970 */
  now: () => number;
  /** uniform in [0, 1) */
  random: () => number;
  uuid: () => string;
  /** the page's origin; null outside a page */
  origin: string | null;
}

/** Options of everything that reads a generation. */
export interface ReadOptions {
  /** interrupts the answer, which then fails with the signal's reason */
  signal?: AbortSignal;
  /** default: the client's */
  transport?: Transport;
  /** receives the events instead of the iterator */
  onEvent?: (event: GenerationEvent, answer: Answer) => void;
  /** called after each change of state, queue, retrying or transport */
  onState?: (answer: Answer) => void;
}

/** Options of `start()`. */
export interface StartOptions extends ReadOptions {
  /** default: a random one; it makes a repeated start safe */
  idempotencyKey?: string;
}

/** Options of `attach()`. */
export interface AttachOptions extends ReadOptions {
  /** a position or seq to continue after; default: the beginning */
  after?: string | number;
  /** the text that is known at that position */
  text?: string;
  /** the revision that is known at that position */
  revision?: number;
  /** milliseconds for which the gateway joins text for this reader, 0 to 1000; default: `coalesce_ms` of the start */
  coalesceMs?: number;
}

/** A client of one gateway. It keeps no connection open between answers, unless `keepOpen` is set. */
export declare class Dualstream {
  /** @throws {TypeError} an option is unknown */
  constructor(options?: ClientOptions);
  /** the transport of answers that name none */
  get transport(): Transport;
  /** Start a generation and read it. Returns at once; errors are reported by the answer. A text is one user message. */
  start(request: StartRequest | string, options?: StartOptions): Answer;
  /** Read an existing generation: to resume it, to continue it elsewhere, or to watch it. */
  attach(generationId: string, options?: AttachOptions): Answer;
  /** Interrupt a generation, for all its readers. It is no error if it had already ended. */
  interrupt(generationId: string, reason?: string): Promise<void>;
  /** Send feedback to a generation; of mode `note` also after its end. A text is a feedback's `text`. */
  feedback(generationId: string, feedback: Feedback | string): Promise<FeedbackReply>;
  /** Return the models that the gateway offers. */
  models(): Promise<Models>;
  /** Return a generation's current state; rejects with `generation_lost` if it is unknown. */
  snapshot(generationId: string): Promise<Snapshot>;
  /** Detach every answer and close every socket. Generations run on or end as their disconnect policy says. */
  close(): void;
}

/**
 * One generation as this client sees it: an async iterable of its events, and their result. Iterate it once. The iteration
 * ends after the terminal event; it throws a DualstreamError if that was an `error`, or if the answer could not be read.
 * Leaving the loop early detaches.
 */
export declare class Answer implements AsyncIterable<GenerationEvent> {
  private constructor();
  /** the generation's id; null until the gateway has returned it */
  readonly id: string | null;
  /** the current transport; of `auto`, the one in use */
  readonly transport: Transport;
  get state(): AnswerState;
  /** the text of the current revision */
  readonly text: string;
  /** the model's reasoning in the current revision */
  readonly reasoning: string;
  /** the same with the provider's signatures */
  readonly reasoningDetails: ReasoningDetail[];
  /** the tool calls of the current revision */
  readonly toolCalls: ToolCall[];
  /** what else the current revision has: images, files, citations */
  readonly parts: Part[];
  /** 1, and one more for each feedback that was applied */
  readonly revision: number;
  /** the place in the queue while queued; 1 is next */
  readonly queue: { position: number; etaMs: number | null } | null;
  /** the next attempt to connect, while waiting for it */
  readonly retrying: { attempt: number; delayMs: number; error: DualstreamError } | null;
  /** where to resume from, on any transport; null before the first event */
  get position(): string | null;
  /** the terminal event, at the end */
  readonly terminal: TerminalEvent | null;
  /** why the answer failed, if it did: a DualstreamError, or the reason of its signal */
  readonly error: unknown;
  /** tokens, at the end */
  get usage(): Usage | null;
  /** the gateway's measurements, at the end */
  get metrics(): Metrics | null;
  /** received payload in bytes, as far as the transport shows them (EventSource: characters of event data) */
  readonly received: number;
  /** the terminal event, null after `detach()`; rejects as the iteration does */
  readonly finished: Promise<TerminalEvent | null>;
  /** Return the assistant message that gives this answer back in the next turn. */
  message(): AssistantMessage;
  /** Interrupt the generation, for all its readers. Its `interrupted` event follows. */
  interrupt(reason?: string): Promise<void>;
  /** Send feedback. A text is a feedback's `text`. */
  feedback(feedback: Feedback | string): Promise<FeedbackReply>;
  /** Stop reading without interrupting the generation; resume at `position`. */
  detach(): void;
  /** Continue on another transport from the exact position. */
  moveTo(transport: Transport): Promise<void>;
  /** Cut the connection and resume at once. */
  reconnect(): void;
  /** Cut the connection, stay offline for some milliseconds, then resume. */
  drop(ms?: number): void;
  [Symbol.asyncIterator](): AsyncGenerator<GenerationEvent, void, void>;
}
