/**
 * One generation as its reader sees it: what its events add up to, and what to do when the connection to it breaks. It does
 * not know how connections are made: it asks for a link, and is told what the link sees.
 */

import { waitBefore } from "./backoff.js";
import { DualstreamError, errorOf, networkError } from "./errors.js";
import { MERGEABLE, TERMINAL } from "./position.js";

/** @typedef {import("../dualstream.js").Transport} Transport */
/** @typedef {"connecting"|"queued"|"waiting"|"streaming"|"offline"|"complete"|"interrupted"|"error"|"detached"} State */

/**
 * One generation as this client sees it: an async iterable of its events, and what they add up to. Iterate it once; the
 * iteration ends after the terminal event, and throws a DualstreamError if that was an `error` or if the answer could not
 * be had. Leaving the loop early detaches. Made by `Dualstream.start` and `.attach`.
 */
export class Answer {
  /** @type {string|null} the generation's id; null until the gateway has given it */
  id;
  /** @type {Transport} the transport in use now */
  transport;
  /** the text of the current revision */
  text = "";
  /** the model's thinking, of the current revision */
  reasoning = "";
  /** 1, and one more for each feedback that was applied */
  revision = 1;
  /** @type {{position: number, etaMs: number|null}|null} the place in line while queued; 1 is next */
  queue = null;
  /** @type {{attempt: number, delayMs: number, error: DualstreamError}|null} the next try to connect, while waiting for it */
  retrying = null;
  /** @type {object|null} the terminal event, with usage, cost_usd and metrics */
  terminal = null;
  /** @type {unknown} why it failed, if it did */
  error = null;
  /** payload that came in, in bytes as far as the transport shows them (EventSource: characters of event data) */
  received = 0;
  /** @type {Promise<object|null>} the terminal event, null after `detach()`; rejects as the iteration does */
  finished;

  #ways;
  #how;
  #key;
  #seq;
  #phase = "connecting";
  #connected = false;
  #cutOff = false;
  #over = false;
  #sink = null;
  #link = null;
  #leaving = null; // the connection of before a hand-over, kept until the new one stands
  #attempt = 0;
  #mendedAt = -1;
  #stopping = false; // an interrupt was asked for
  #stands = false; // the present connection was opened
  #timers = { idle: null, retry: null, total: null };
  #events = /** @type {object[]} */ ([]);
  #wake = null;
  #settle;
  #naming;

  /** @internal */
  constructor(how, ways) {
    this.#ways = ways;
    this.#how = how;
    this.#key = how.idempotencyKey ?? ways.env.uuid();
    this.#seq = how.seq ?? 0;
    this.id = how.id ?? null;
    this.transport = how.transport;
    this.text = how.text ?? "";
    this.revision = how.revision ?? 1;
    this.finished = new Promise((resolve, reject) => { this.#settle = { resolve, reject }; });
    this.#naming = withResolvers();
    this.#naming.promise.catch(() => {}); // whoever waits for it hears it; nobody has to
    this.finished.catch(() => {});
    if (this.id !== null) this.#naming.resolve();
    if (ways.timeout) this.#timer("total", ways.timeout, () => this.#abandon(new DualstreamError("timeout", "The answer took too long.", { retryable: true })));
    // A moment later, so that a failure at once finds a caller who listens.
    queueMicrotask(() => this.#begin());
  }

  /** @returns {State} */
  get state() {
    if (this.#over || !this.#cutOff) return this.#phase;
    return this.#connected ? "offline" : "connecting";
  }

  /** @returns {string|null} where this reader is: resumes here on any transport; null before the first event */
  get position() {
    return this.id === null || this.#seq === 0 ? null : `${this.id}:${this.#seq}`;
  }

  /** @returns {object|null} usage, known at the end */
  get usage() {
    return this.terminal?.usage ?? null;
  }

  /** @returns {object|null} the gateway's own figures, known at the end */
  get metrics() {
    return this.terminal?.metrics ?? null;
  }

  /**
   * Stop the generation, for everybody who reads it. Its `interrupted` event follows; stopping one that is over is no error.
   * @param {string} [reason] given back in `interrupted`
   * @returns {Promise<void>} when the gateway has it; rejects with a DualstreamError when it can't be told
   */
  async interrupt(reason) {
    if (this.#over) return;
    this.#stopping = true;
    if (this.id === null && this.#timers.retry !== null) return this.#fail(notTaken());
    await this.#naming.promise;
    await this.#command("interrupt", reason === undefined ? {} : { reason }).catch((error) => {
      if (error.code !== "already_over") throw error;
    });
    if (this.#timers.retry !== null) this.reconnect(); // offline: the end is worth fetching at once
  }

  /**
   * Say something of the answer: `revise` (default) begins it anew, `stop` ends it, `note` only records, also after the end.
   * @param {{text?: string, rating?: number, mode?: "revise"|"stop"|"note"}} feedback
   * @returns {Promise<object>} with its `feedback_id`; rejects with a DualstreamError
   */
  async feedback(feedback) {
    await this.#naming.promise;
    return this.#command("feedback", feedback);
  }

  /** Leave without stopping. The iteration ends; `position` tells where to resume. */
  detach() {
    if (this.#over) return;
    this.#finish("detached");
    this.#settle.resolve(null);
    this.#naming.reject(new DualstreamError("aborted", "Detached before the gateway had taken it."));
  }

  /**
   * Go on with this answer on another transport from the exact position. The old connection stays until the new one
   * stands, so that the generation is never without a reader.
   * @param {Transport} transport
   * @returns {Promise<void>} once the new connection has been asked for
   */
  async moveTo(transport) {
    this.#ways.check(transport);
    await this.#naming.promise;
    if (this.#over || transport === this.transport) return;
    this.transport = transport;
    this.#leaving?.close();
    this.#leaving = this.#link;
    this.#link = null;
    this.#connect();
    this.#changed();
  }

  /** Cut the connection and resume at once. */
  reconnect() {
    this.drop(0);
  }

  /**
   * Pull the plug: cut the connection (a shared socket with all its answers), stay away, then resume.
   * @param {number} [ms] how long to stay away
   */
  drop(ms = 0) {
    if (this.#over) return;
    const link = this.#mute();
    this.#leaving?.close();
    this.#leaving = null;
    link?.cut();
    this.#away(ms);
  }

  /** @returns {AsyncGenerator<object, void, void>} */
  async *[Symbol.asyncIterator]() {
    try {
      for (;;) {
        while (this.#events.length > 0) yield this.#events.shift();
        if (this.#over) break;
        await new Promise((resolve) => { this.#wake = resolve; });
      }
      if (this.error !== null) throw this.error;
    } finally {
      this.detach(); // left early; after the end it does nothing
    }
  }

  #begin() {
    const { signal } = this.#how;
    if (this.#over) return;
    if (signal?.aborted) return this.#fail(signal.reason);
    signal?.addEventListener("abort", this.#onAbort);
    this.#connect();
  }

  #onAbort = () => this.#abandon(this.#how.signal.reason);

  /** Stop the generation and fail here, without waiting for the gateway's word. */
  #abandon(error) {
    if (this.id !== null) this.#command("interrupt", {}).catch(() => {}); // the reader is gone in any case
    else this.#naming.promise.then(() => this.#command("interrupt", {})).catch(() => {});
    this.#fail(error);
  }

  #command(name, fields) {
    return this.#ways.command({ transport: this.transport, id: this.id, name, fields });
  }

  #connect() {
    this.#clear("retry");
    this.retrying = null;
    this.#stands = false;
    const sink = (this.#sink = this.#newSink());
    this.#watch();
    const wanted = { transport: this.transport, id: this.id, seq: this.#seq, position: this.position, body: this.#how.body, key: this.#key };
    try {
      const link = this.#ways.open(wanted, sink);
      if (this.#sink === sink) this.#link = link;
      else link.close();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** What one connection may tell; once another one was asked for, nothing of the old one counts any more. */
  #newSink() {
    const ifCurrent = (take) => (...told) => { if (this.#sink === sink) take(...told); };
    const sink = {
      named: ifCurrent((id) => this.#named(id)),
      opened: ifCurrent(() => this.#opened()),
      alive: ifCurrent((bytes = 0) => { this.received += bytes; this.#watch(); }),
      event: ifCurrent((event) => this.#take(event)),
      offline: ifCurrent(() => this.#broken()),
      down: ifCurrent((error) => this.#down(error)),
      ended: ifCurrent((state) => this.#ended(state)),
    };
    return sink;
  }

  #named(id) {
    this.id = id;
    this.#naming.resolve();
  }

  #opened() {
    this.#leaving?.close();
    this.#leaving = null;
    this.#connected = true;
    this.#stands = true;
    this.#cutOff = false;
    this.#watch();
    this.#changed();
  }

  /**
   * EventSource lost its connection and is on its way back. When that fails too, the waits are ours: its own never grow, nor
   * does it ever give up.
   */
  #broken() {
    if (this.#attempt > 0) return this.#down(networkError("The connection was lost, and could not be made again."));
    this.#attempt = 1;
    this.#cutOff = true;
    this.#stands = false;
    this.#watch();
    this.#changed();
  }

  #down(error) {
    this.#mute();
    const { retry, env } = this.#ways;
    if (this.#stopping && this.id === null) return this.#fail(notTaken());
    // A start may be repeated because its Idempotency-Key makes it the same start; a lost generation does not come back.
    const final = error.code === "generation_lost" && this.id !== null;
    const delay = final ? null : waitBefore(error, this.#attempt + 1, retry, env.random());
    if (delay === null) return this.#fail(error);
    this.#attempt += 1;
    this.retrying = { attempt: this.#attempt, delayMs: delay, error };
    this.#away(delay);
  }

  #away(ms) {
    this.#cutOff = true;
    this.#clear("idle");
    this.#timer("retry", ms, () => this.#connect());
    this.#changed();
  }

  /** The connection counts as dead when nothing comes for too long, though no error says so. */
  #watch() {
    if (this.#over || !this.#ways.idleTimeout) return;
    this.#timer("idle", this.#ways.idleTimeout, () => {
      // EventSource hides heartbeats: a connection that did open is made anew, which shows whether the gateway is there.
      if (this.#stands) return this.reconnect();
      const link = this.#link;
      this.#down(new DualstreamError("timeout", "The gateway does not answer.", { retryable: true }));
      link?.cut();
    });
  }

  /** Stop listening to the connection; gives it, for its end. */
  #mute() {
    const link = this.#link;
    this.#sink = null;
    this.#link = null;
    link?.close();
    return link;
  }

  #take(event) {
    const { type, seq } = event;
    const terminal = TERMINAL.has(type);
    if (Number.isSafeInteger(seq) && type !== "gap") {
      // EventSource gives an event without an id the last one's: an end is never a repeat, since we would have ended.
      if (seq <= this.#seq && !terminal) return;
      // The gateway merges texts for a reader that is behind, so that only the number of another event shows a hole. It is
      // asked once to fill it; what it then sends is all there is.
      if (seq > this.#seq + 1 && !MERGEABLE.has(type) && this.#mendedAt !== this.#seq) {
        this.#mendedAt = this.#seq;
        return this.reconnect();
      }
      this.#seq = Math.max(this.#seq, seq);
    }
    this.#attempt = 0;
    this.#cutOff = false;
    this.#connected = true;
    this.#apply(event);
    if (terminal) this.#finish(type, event.type === "error" ? errorOf(event) : null);
    this.#give(event);
    if (terminal) this.#conclude();
  }

  #apply(event) {
    const before = `${this.#phase} ${this.queue?.position}`;
    APPLY[event.type]?.(this, event);
    if (event.type === "gap") this.#seq = Math.max(this.#seq, event.to);
    if (event.type === "accepted" && this.id === null) this.#named(event.generation_id);
    this.#phase = PHASE[event.type] ?? this.#phase;
    if (this.#phase !== "queued") this.queue = null;
    if (before !== `${this.#phase} ${this.queue?.position}`) this.#changed();
  }

  #give(event) {
    if (this.#how.onEvent) return this.#how.onEvent(event, this);
    this.#events.push(event);
    this.#wakeUp();
  }

  /** The gateway has nothing after our position: the end was seen before this answer was made. */
  #ended(state) {
    this.#finish(TERMINAL.has(state) ? state : "complete");
    this.#conclude();
  }

  /** @param {unknown} error */
  #fail(error) {
    if (this.#over) return;
    this.#finish("error", error);
    this.#conclude();
  }

  #conclude() {
    if (this.error === null) this.#settle.resolve(this.terminal);
    else this.#settle.reject(this.error);
    if (this.id === null) this.#naming.reject(this.error);
  }

  /** Let go of everything: connection, timers, listeners. */
  #finish(phase, error = null) {
    this.#over = true;
    this.#phase = phase;
    this.error = error;
    this.queue = this.retrying = null;
    this.#mute();
    this.#leaving?.close();
    this.#leaving = null;
    for (const name of Object.keys(this.#timers)) this.#clear(name);
    this.#how.signal?.removeEventListener("abort", this.#onAbort);
    this.#ways.over();
    this.#wakeUp();
    this.#changed();
  }

  #wakeUp() {
    this.#wake?.();
    this.#wake = null;
  }

  #changed() {
    this.#how.onState?.(this);
  }

  #timer(name, ms, then) {
    this.#clear(name);
    this.#timers[name] = this.#ways.env.setTimeout(() => {
      this.#timers[name] = null;
      then();
    }, ms);
  }

  #clear(name) {
    if (this.#timers[name] !== null) this.#ways.env.clearTimeout(this.#timers[name]);
    this.#timers[name] = null;
  }
}

/** What each event does to the answer's public fields. */
const APPLY = {
  queued: (answer, { position, eta_ms: etaMs }) => { answer.queue = { position, etaMs }; },
  start: (answer, { revision }) => { answer.revision = revision ?? answer.revision; },
  chunk: (answer, { content }) => { answer.text += content; },
  reasoning: (answer, { content }) => { answer.reasoning += content; },
  revision: (answer, { revision }) => { Object.assign(answer, { revision, text: "", reasoning: "" }); },
  gap: (answer, { text }) => { answer.text = text; },
  complete: (answer, event) => { answer.terminal = event; },
  interrupted: (answer, event) => { answer.terminal = event; },
  error: (answer, event) => { answer.terminal = event; },
};

/** The state that each event brings; the others leave it as it is. */
const PHASE = {
  accepted: "waiting", queued: "queued", start: "waiting", retry: "waiting", revision: "waiting",
  chunk: "streaming", reasoning: "streaming", tool_call: "streaming", gap: "streaming",
};

const notTaken = () => new DualstreamError("aborted", "Stopped before the gateway had taken it.");

/** `Promise.withResolvers`, which Node 20 has not. */
function withResolvers() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}
