/**
 * One WebSocket for many generations: commands are matched with their answers by id, events with their readers by
 * generation. It does not reconnect: when it is gone, every reader and every command hears so, and a new one is made.
 */

import { DualstreamError, errorOf, errorOfClose, networkError } from "./errors.js";
import { TERMINAL } from "./position.js";

/** @typedef {import("./links.js").Sink} Sink */
/** @typedef {import("./links.js").Link} Link */

export const SUBPROTOCOL = "dualstream.v1";

const OPEN = 1; // WebSocket.OPEN, which a stand-in need not have
const EARLY = 1024; // frames kept for a generation whose start is not acknowledged yet

export class SharedSocket {
  #socket = null;
  #over = false;
  #readers = /** @type {Map<string, Sink>} */ (new Map());
  #pending = /** @type {Map<number, {done: Function, failed: Function, starts: boolean}>} */ (new Map());
  #outbox = /** @type {string[]} */ ([]);
  #early = /** @type {object[]} */ ([]);
  #nextId = 1;
  #how;
  #pinging = null;

  /**
   * @param {object} how
   * @param {() => Promise<WebSocket>} how.connect
   * @param {number} how.pingMs a ping after this long, so that a dead connection is noticed; 0 sends none
   * @param {boolean} how.keepOpen stay when nobody reads
   * @param {object} how.env timers
   * @param {(socket: SharedSocket) => void} how.onGone
   */
  constructor(how) {
    this.#how = how;
    how.connect().then((socket) => this.#begin(socket), (error) => this.#gone(networkError("The connection could not be made.", error)));
  }

  /** True when a command would go out now. */
  get isOpen() {
    return !this.#over && this.#socket?.readyState === OPEN;
  }

  /** True when this socket already brings the generation; a second reader needs another one, for its own position. */
  carries(generationId) {
    return this.#readers.has(generationId);
  }

  /**
   * Start a generation and read it.
   * @param {object} body as the POST body
   * @param {string} idempotencyKey
   * @param {Sink} sink
   * @returns {Link}
   */
  start(body, idempotencyKey, sink) {
    return this.#read("start", { ...body, idempotency_key: idempotencyKey }, sink);
  }

  /**
   * Read a generation from a position.
   * @param {string} generationId
   * @param {number} after the seq to go on after
   * @param {Sink} sink
   * @returns {Link}
   */
  attach(generationId, after, sink) {
    this.#readers.set(generationId, sink);
    return this.#read("attach", { generation_id: generationId, after }, sink);
  }

  /**
   * Send a command.
   * @param {string} type
   * @param {object} fields
   * @returns {Promise<object>} its `ack`; rejects with a DualstreamError when refused, or when the connection went before
   */
  command(type, fields) {
    return new Promise((done, failed) => this.#ask(type, fields, { done, failed, starts: false }));
  }

  /** Close now. Every reader hears `down`. */
  cut() {
    this.#gone(networkError("The connection was cut."));
  }

  /** Close if nobody needs it. */
  release() {
    if (this.#how.keepOpen || this.#readers.size > 0 || this.#pending.size > 0) return;
    this.#gone(networkError("The connection is closed."));
  }

  #ask(type, fields, asked) {
    if (this.#over) return asked.failed(networkError("The connection is closed."));
    const id = this.#nextId;
    this.#nextId += 1;
    this.#pending.set(id, asked);
    this.#send({ type, id, ...fields });
  }

  /** @returns {Link} */
  #read(type, fields, sink) {
    let generationId = fields.generation_id ?? null;
    let closed = false;
    const starts = generationId === null;
    const done = (ack) => {
      if (starts) this.#readers.set((generationId = ack.generation_id), sink);
      if (closed) return this.#leave(generationId, sink);
      sink.named(generationId);
      sink.opened();
      this.#deliverEarly(generationId);
      // Attached at the end of a finished generation: nothing more will come.
      if (TERMINAL.has(ack.state) && fields.after === ack.seq) {
        this.#readers.delete(generationId);
        sink.ended(null);
        this.release();
      }
    };
    const failed = (error) => {
      if (this.#readers.get(generationId) === sink) this.#readers.delete(generationId);
      if (!closed && error.code === "already_over") sink.ended(null);
      else if (!closed) sink.down(error);
      this.release();
    };
    const close = () => {
      if (closed) return;
      closed = true;
      if (generationId !== null) this.#leave(generationId, sink);
    };
    this.#ask(type, fields, { done, failed, starts });
    return { close, cut: () => this.cut() };
  }

  #leave(generationId, sink) {
    if (this.#readers.get(generationId) === sink) {
      this.#readers.delete(generationId);
      this.#send({ type: "detach", generation_id: generationId });
    }
    this.release();
  }

  #begin(socket) {
    if (this.#over) return socket.close();
    this.#socket = socket;
    socket.onopen = () => this.#open();
    socket.onmessage = ({ data }) => this.#hear(data);
    socket.onclose = ({ code, reason }) => this.#gone(errorOfClose(code, reason));
    socket.onerror = () => {}; // says nothing; the close that follows does
    if (socket.readyState === OPEN) this.#open();
  }

  #open() {
    for (const frame of this.#outbox.splice(0)) this.#socket.send(frame);
    this.#pingLater();
  }

  #send(message) {
    const frame = JSON.stringify(message);
    if (this.isOpen) this.#socket.send(frame);
    else if (!this.#over) this.#outbox.push(frame);
  }

  #pingLater() {
    if (!this.#how.pingMs) return;
    this.#pinging = this.#how.env.setTimeout(() => {
      this.#send({ type: "ping" });
      this.#pingLater();
    }, this.#how.pingMs);
  }

  #hear(frame) {
    let message;
    try {
      message = JSON.parse(frame);
    } catch (error) {
      return this.#gone(new DualstreamError("upstream_protocol", "The gateway sent a frame that is no JSON.", { retryable: true, cause: error }));
    }
    if (message.type === "ack" || message.type === "rejected") return this.#answer(message);
    if (message.generation_id === undefined) return this.#allAlive(); // pong
    if (this.carries(message.generation_id)) this.#hearEvent(message, frame.length);
    else if (this.#starting() && this.#early.length < EARLY) this.#early.push(message);
  }

  #hearEvent(event, bytes = 0) {
    const reader = this.#readers.get(event.generation_id);
    if (TERMINAL.has(event.type)) this.#readers.delete(event.generation_id); // nothing left to detach from
    reader?.alive(bytes);
    reader?.event(event);
  }

  #answer(message) {
    const command = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    this.#allAlive();
    if (message.type === "ack") command?.done(message);
    else command?.failed(errorOf(message));
  }

  #allAlive() {
    for (const reader of this.#readers.values()) reader.alive();
  }

  #starting() {
    return [...this.#pending.values()].some(({ starts }) => starts);
  }

  /** Events may overtake the `ack` that says whose they are; they were kept for here. */
  #deliverEarly(generationId) {
    const mine = this.#early.filter((event) => event.generation_id === generationId);
    this.#early = this.#early.filter((event) => event.generation_id !== generationId);
    for (const event of mine) this.#hearEvent(event);
  }

  #gone(error) {
    if (this.#over) return;
    this.#over = true;
    this.#how.env.clearTimeout(this.#pinging);
    if (this.#socket) {
      this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
      this.#socket.close();
    }
    this.#how.onGone(this);
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { failed } of pending) failed(error); // an `attach` among them takes its reader off the list
    const readers = [...this.#readers.values()];
    this.#readers.clear();
    for (const reader of readers) reader.down(error);
  }
}
