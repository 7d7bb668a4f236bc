/**
 * One generation as its reader sees it: the result of its events, and what to do when its connection is lost. It does not
 * know how connections are made: it asks for one, and receives what the connection reports.
 */

import { waitBefore } from "./backoff.js";
import { MAX_TIMER_MS } from "./environment.js";
import { DualstreamError, errorOf, networkError, notify } from "./errors.js";
import { APPLY, STATE_AFTER, TERMINAL } from "./events.js";
import { messageOf } from "./messages.js";
import { checkNames, checkTransport } from "./options.js";

/** @typedef {import("./options.js").Transport} Transport */
/** @typedef {"connecting"|"queued"|"waiting"|"streaming"|"offline"|"complete"|"interrupted"|"error"|"detached"} State */

/**
 * One generation as this client sees it: an async iterable of its events, and their result. Iterate it once. The iteration
 * ends after the terminal event; it throws a DualstreamError if that was an `error`, or if the answer could not be read.
 * Leaving the loop early detaches. Returned by `Dualstream.start` and `.attach`.
 */
export class Answer {
  /** @type {string|null} the generation's id; null until the gateway has returned it */
  id;
  /** @type {Transport} the current transport; of `auto`, what it reads on */
  transport;
  /** the text of the current revision */
  text = "";
  /** the model's reasoning in the current revision */
  reasoning = "";
  /** @type {{type: string, text?: string, signature?: string, data?: string, format?: string}[]} the same with the provider's signatures */
  reasoningDetails = [];
  /** @type {{index: number, id: string, name: string, arguments: string, signature?: string}[]} the tool calls of the current revision */
  toolCalls = [];
  /** @type {object[]} what else the current revision has: images, files, citations, as in docs/reference/protocol.md, "Parts" */
  parts = [];
  /** 1, and one more for each feedback that was applied */
  revision = 1;
  /** @type {{position: number, etaMs: number|null}|null} the position in the queue while queued; 1 is next */
  queue = null;
  /** @type {{attempt: number, delayMs: number, error: DualstreamError}|null} the next attempt to connect, while waiting for it */
  retrying = null;
  /** @type {object|null} the terminal event, with usage, cost_usd and metrics */
  terminal = null;
  /** @type {unknown} why the answer failed, if it did */
  error = null;
  /** received payload in bytes, as far as the transport shows them (EventSource: characters of event data) */
  received = 0;
  /** @type {Promise<object|null>} the terminal event, null after `detach()`; rejects as the iteration does */
  finished;

  #context;
  #options;
  #requested; // the transport as it was asked for
  #key;
  #seq;
  #phase = "connecting";
  #wasConnected = false; // this answer has been connected at least once
  #disconnected = false;
  #ended = false;
  #listener = null;
  #connection = null;
  #isOpen = false; // the current connection has been opened
  #previous = null; // the connection before a change of transport, kept until the new one is open
  #attempt = 0;
  #interrupting = false;
  #timers = { idle: null, retry: null, total: null };
  #events = /** @type {object[]} */ ([]);
  #wake = null;
  #isIterated = false;
  #settle;
  #idKnown;

  /** @internal */
  constructor(options, context) {
    this.#context = context;
    this.#options = options;
    this.#key = options.idempotencyKey ?? context.env.uuid();
    this.#seq = options.seq ?? 0;
    this.id = options.id ?? null;
    this.transport = this.#requested = options.transport;
    this.text = options.text ?? "";
    this.revision = options.revision ?? 1;
    this.finished = new Promise((resolve, reject) => { this.#settle = { resolve, reject }; });
    this.#idKnown = withResolvers();
    // A caller may await neither promise: a rejection without a handler would be reported as unhandled.
    this.#idKnown.promise.catch(() => {});
    this.finished.catch(() => {});
    if (this.id !== null) this.#idKnown.resolve();
    if (context.timeout) this.#setTimer("total", context.timeout, () => this.#abandon(new DualstreamError("timeout", "The answer took too long.", { retryable: true })));
    // In a microtask, so that the caller can add its handlers before an immediate failure.
    queueMicrotask(() => this.#start());
  }

  /** @returns {State} */
  get state() {
    if (this.#ended || !this.#disconnected) return this.#phase;
    return this.#wasConnected ? "offline" : "connecting";
  }

  /** @returns {string|null} the position of this reader, to resume from on any transport; null before the first event */
  get position() {
    return this.id === null || this.#seq === 0 ? null : `${this.id}:${this.#seq}`;
  }

  /** @returns {object|null} usage, known at the end */
  get usage() {
    return this.terminal?.usage ?? null;
  }

  /** @returns {object|null} the gateway's own measurements, known at the end */
  get metrics() {
    return this.terminal?.metrics ?? null;
  }

  /**
   * Return the assistant message that gives this answer back in the next turn, with its thinking signatures. Parts that
   * providers do not take back are left out.
   * @returns {object}
   */
  message() {
    return messageOf(this);
  }

  /**
   * Interrupt the generation, for all its readers. Its `interrupted` event follows. It is no error if it had already ended.
   * @param {string} [reason] repeated in the `interrupted` event
   * @returns {Promise<void>} when the gateway has accepted it; rejects with a DualstreamError if it can't be sent
   */
  async interrupt(reason) {
    if (typeof (reason ?? "") !== "string") throw new TypeError("interrupt() takes a reason, which is a text, or nothing.");
    if (this.#ended) return;
    this.#interrupting = true;
    if (this.id === null && this.#timers.retry !== null) return this.#fail(stoppedEarly());
    await this.#idKnown.promise;
    await this.#command("interrupt", reason === undefined ? {} : { reason }).catch((error) => {
      if (error.code !== "already_over") throw error;
    });
    if (this.#timers.retry !== null) this.reconnect(); // offline: fetch the terminal event without waiting for the retry
  }

  /**
   * Send feedback: `revise` (default) starts a new revision, `stop` ends the generation, `note` only records, also after the
   * end.
   * @param {import("./types/index.js").Feedback|string} feedback a text is a shorthand for its field `text`
   * @returns {Promise<import("./types/index.js").FeedbackReply>} rejects with a DualstreamError
   */
  async feedback(feedback) {
    const fields = typeof feedback === "string" ? { text: feedback } : feedback;
    checkNames("feedback()", fields);
    await this.#idKnown.promise;
    return this.#command("feedback", fields);
  }

  /** Stop reading without interrupting the generation. The iteration ends; resume at `position`. */
  detach() {
    if (this.#ended) return;
    this.#finish("detached");
    this.#settle.resolve(null);
    this.#idKnown.reject(new DualstreamError("aborted", "Detached before the gateway had accepted it."));
  }

  /**
   * Continue this answer on another transport from the exact position. The old connection is kept until the new one is open,
   * so that the generation always has a reader.
   * @param {Transport} transport
   * @returns {Promise<void>} once the new connection has been requested
   */
  async moveTo(transport) {
    checkTransport(transport);
    await this.#idKnown.promise;
    if (this.#ended || transport === this.#requested) return;
    this.transport = this.#requested = transport;
    this.#previous?.close();
    this.#previous = this.#connection;
    this.#connection = null;
    this.#connect();
    this.#changed();
  }

  /** Cut the connection and resume at once. */
  reconnect() {
    this.drop(0);
  }

  /**
   * Cut the connection (a shared socket with all its answers), stay offline, then resume.
   * @param {number} [ms] time to stay offline, in milliseconds
   */
  drop(ms = 0) {
    if (this.#ended) return;
    const connection = this.#closeConnection();
    this.#closePrevious();
    connection?.abort();
    this.#reconnectAfter(ms);
  }

  /** @returns {AsyncGenerator<object, void, void>} */
  async *[Symbol.asyncIterator]() {
    if (this.#isIterated) throw new TypeError("This answer is already being iterated: attach() gives a second reader all events.");
    this.#isIterated = true;
    try {
      for (;;) {
        while (this.#events.length > 0) yield this.#events.shift();
        if (this.#ended) break;
        await new Promise((resolve) => { this.#wake = resolve; });
      }
      if (this.error !== null) throw this.error;
    } finally {
      this.#isIterated = false;
      this.detach(); // if the loop was left early; no effect after the end
    }
  }

  #start() {
    const { signal } = this.#options;
    if (this.#ended) return;
    if (signal?.aborted) return this.#fail(signal.reason);
    signal?.addEventListener("abort", this.#onAbort);
    this.#connect();
  }

  #onAbort = () => this.#abandon(this.#options.signal.reason);

  /** Interrupt the generation, and fail here without waiting for its terminal event. */
  #abandon(error) {
    // The reader is gone in any case, so an error of the command is ignored.
    if (this.id !== null) this.#command("interrupt", {}).catch(() => {});
    else this.#idKnown.promise.then(() => this.#command("interrupt", {})).catch(() => {});
    this.#fail(error);
  }

  #command(name, fields) {
    return this.#context.command({ transport: this.transport, id: this.id, name, fields });
  }

  #connect() {
    this.#clearTimer("retry");
    this.retrying = null;
    this.#isOpen = false;
    const listener = (this.#listener = this.#createListener());
    this.#restartIdleTimer();
    const target = { transport: this.#requested, id: this.id, seq: this.#seq, position: this.position, body: this.#options.body, key: this.#key, coalesceMs: this.#options.coalesceMs };
    try {
      const connection = this.#context.open(target, listener);
      // `open` may have reported an error already, and a retry may have replaced the listener.
      if (this.#listener === listener) this.#connection = connection;
      else connection.close();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Create the listener of one connection. Reports of an earlier connection are ignored once another was requested. */
  #createListener() {
    const ifCurrent = (handler) => (...args) => { if (this.#listener === listener) handler(...args); };
    const listener = {
      onId: ifCurrent((id) => this.#onId(id)),
      onOpen: ifCurrent(() => this.#onOpen()),
      onActivity: ifCurrent((bytes = 0) => { this.received += bytes; this.#restartIdleTimer(); }),
      onEvent: ifCurrent((event) => this.#onEvent(event)),
      onTransport: ifCurrent((transport) => this.#onTransport(transport)),
      onReconnecting: ifCurrent(() => this.#onReconnecting()),
      onError: ifCurrent((error) => this.#onError(error)),
      onEnd: ifCurrent((state, seq) => this.#onEnd(state, seq)),
    };
    return listener;
  }

  #onId(id) {
    this.id = id;
    this.#idKnown.resolve();
  }

  #onTransport(transport) {
    if (transport === this.transport) return;
    this.transport = transport;
    this.#changed();
  }

  #onOpen() {
    this.#closePrevious();
    this.#wasConnected = true;
    this.#isOpen = true;
    this.#disconnected = false;
    this.#restartIdleTimer();
    this.#changed();
  }

  /**
   * EventSource has lost its connection and is reconnecting. If that fails too, this client takes over the retries: those of
   * EventSource neither back off nor end.
   */
  #onReconnecting() {
    if (this.#attempt > 0) return this.#onError(networkError("The connection was lost, and reconnecting failed."));
    this.#attempt = 1;
    this.#disconnected = true;
    this.#isOpen = false;
    this.#restartIdleTimer();
    this.#changed();
  }

  #onError(error) {
    this.#closeConnection();
    const { retry, env } = this.#context;
    if (this.#interrupting && this.id === null) return this.#fail(stoppedEarly());
    // A start may be repeated, because its Idempotency-Key makes it the same start. A lost generation can't be attached to,
    // also if an older gateway calls that retryable.
    const final = error.code === "generation_lost" && this.id !== null;
    const delay = final ? null : waitBefore(error, this.#attempt + 1, retry, env.random());
    if (delay === null) return this.#fail(error);
    this.#attempt += 1;
    this.retrying = { attempt: this.#attempt, delayMs: delay, error };
    this.#reconnectAfter(delay);
  }

  #reconnectAfter(ms) {
    this.#disconnected = true;
    this.#clearTimer("idle");
    this.#setTimer("retry", ms, () => this.#connect());
    this.#changed();
  }

  /** Without data for too long, a connection counts as dead, even without an error: TCP does not report a silent peer. */
  #restartIdleTimer() {
    if (this.#ended || !this.#context.idleTimeout) return;
    this.#setTimer("idle", this.#context.idleTimeout, () => {
      // EventSource hides heartbeats. Reconnecting after it was open is therefore no failure: it tests the gateway.
      if (this.#isOpen) return this.reconnect();
      const connection = this.#connection;
      this.#onError(new DualstreamError("timeout", "The gateway does not answer.", { retryable: true }));
      connection?.abort();
    });
  }

  /** Close the connection and ignore its reports; return it, so that the caller can abort it. */
  #closeConnection() {
    const connection = this.#connection;
    this.#listener = null;
    this.#connection = null;
    connection?.close();
    return connection;
  }

  #closePrevious() {
    this.#previous?.close();
    this.#previous = null;
  }

  #onEvent(event) {
    const { type, seq } = event;
    const terminal = TERMINAL.has(type);
    if (Number.isSafeInteger(seq) && type !== "gap") {
      // EventSource repeats the last id for an event without one. A terminal event is therefore never a repetition: after
      // the first one, this answer would have ended. An `error` is then the page of a proxy, from before `rejected` existed.
      if (seq <= this.#seq && type === "error") return this.#onError(errorOf(event));
      if (seq <= this.#seq && !terminal) return;
      // Numbers may jump: an event may stand for joined content, and data of a provider has numbers, too.
      this.#seq = Math.max(this.#seq, seq);
    }
    this.#attempt = 0;
    this.#disconnected = false;
    this.#wasConnected = true;
    this.#apply(event);
    if (terminal) this.#finish(type, event.type === "error" ? errorOf(event) : null);
    this.#deliver(event);
    if (terminal) this.#settleFinished();
  }

  #apply(event) {
    const before = `${this.#phase} ${this.queue?.position}`;
    APPLY[event.type]?.(this, event);
    if (event.type === "gap") this.#seq = Math.max(this.#seq, event.to);
    if (event.type === "accepted" && this.id === null) this.#onId(event.generation_id);
    this.#phase = STATE_AFTER[event.type] ?? this.#phase;
    if (this.#phase !== "queued") this.queue = null;
    if (before !== `${this.#phase} ${this.queue?.position}`) this.#changed();
  }

  #deliver(event) {
    if (this.#options.onEvent) return notify(this.#options.onEvent, event, this);
    this.#events.push(event);
    this.#wakeReader();
  }

  /**
   * The gateway has no events after our position: the end was read before this answer was created. After a proxy's error
   * page, EventSource gives up in the same way, so a snapshot of a generation that goes on is a lost connection.
   */
  #onEnd(state, seq) {
    const goesOn = state !== null && (!TERMINAL.has(state) || seq > this.#seq);
    if (goesOn) return this.#onError(networkError("The connection was lost."));
    this.#finish(TERMINAL.has(state) ? state : "complete");
    this.#settleFinished();
  }

  /** @param {unknown} error */
  #fail(error) {
    if (this.#ended) return;
    this.#finish("error", error);
    this.#settleFinished();
  }

  #settleFinished() {
    if (this.error === null) this.#settle.resolve(this.terminal);
    else this.#settle.reject(this.error);
    if (this.id === null) this.#idKnown.reject(this.error);
  }

  /** Release everything: connections, timers, listeners. */
  #finish(phase, error = null) {
    this.#ended = true;
    this.#phase = phase;
    this.error = error;
    this.queue = this.retrying = null;
    this.#closeConnection();
    this.#closePrevious();
    for (const name of Object.keys(this.#timers)) this.#clearTimer(name);
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#context.onEnd();
    this.#wakeReader();
    this.#changed();
  }

  #wakeReader() {
    this.#wake?.();
    this.#wake = null;
  }

  #changed() {
    notify(this.#options.onState, this);
  }

  #setTimer(name, ms, callback) {
    this.#clearTimer(name);
    this.#timers[name] = this.#context.env.setTimeout(() => {
      this.#timers[name] = null;
      callback();
    }, Math.min(ms, MAX_TIMER_MS));
  }

  #clearTimer(name) {
    if (this.#timers[name] !== null) this.#context.env.clearTimeout(this.#timers[name]);
    this.#timers[name] = null;
  }
}

const stoppedEarly = () => new DualstreamError("aborted", "Stopped before the gateway had accepted it.");

/** `Promise.withResolvers`, which Node 20 lacks. */
function withResolvers() {
  const deferred = {};
  deferred.promise = new Promise((resolve, reject) => Object.assign(deferred, { resolve, reject }));
  return deferred;
}
