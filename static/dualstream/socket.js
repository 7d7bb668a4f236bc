/**
 * One WebSocket for many generations: replies are matched to commands by id, events to listeners by generation. It does not
 * reconnect: when the socket is lost, every listener and pending command receives the error, and the client opens a new socket.
 */

import { DualstreamError, errorOf, errorOfClose, networkError } from "./errors.js";
import { TERMINAL } from "./events.js";

/** @typedef {import("./connectors.js").Listener} Listener */
/** @typedef {import("./connectors.js").Connection} Connection */

/** @typedef {{type: string, fields: object, resolve: Function, reject: Function, starts: boolean, isRepeated: boolean}} Request */

export const SUBPROTOCOL = "dualstream.v1";

const CONNECTING = 0; // WebSocket.CONNECTING; a replacement class may lack the constant
const OPEN = 1;
const MAX_EARLY_EVENTS = 1024; // events kept for generations whose start is not acknowledged yet

export class SharedSocket {
  #socket = null;
  #closed = false;
  #listeners = /** @type {Map<string, Listener>} */ (new Map());
  #pending = /** @type {Map<number, Request>} */ (new Map());
  #outbox = /** @type {string[]} */ ([]);
  #early = /** @type {object[]} */ ([]);
  #nextId = 1;
  #options;
  #pingTimer = null;

  /**
   * @param {object} options
   * @param {() => Promise<WebSocket>} options.connect
   * @param {(() => Promise<string>)|null} options.renewTicket returns a ticket when the credential has expired; null: it can't
   *   be renewed
   * @param {number} options.pingMs interval of pings, which reveal a dead connection; 0 sends none
   * @param {boolean} options.keepOpen stay open without listeners
   * @param {object} options.env timers
   * @param {(socket: SharedSocket) => void} options.onClose
   */
  constructor(options) {
    this.#options = options;
    options.connect().then((socket) => this.#start(socket), (error) => this.#fail(networkError("The connection could not be made.", error)));
  }

  /** True if a command would be sent at once. */
  get isOpen() {
    return !this.#closed && this.#socket?.readyState === OPEN;
  }

  /** True if this socket already receives the generation. A second reader needs another socket, for its own position. */
  carries(generationId) {
    return this.#listeners.has(generationId);
  }

  /**
   * Start a generation and read it.
   * @param {object} body as the POST body
   * @param {string} idempotencyKey
   * @param {Listener} listener
   * @returns {Connection}
   */
  start(body, idempotencyKey, listener) {
    return this.#read("start", { ...body, idempotency_key: idempotencyKey }, listener);
  }

  /**
   * Read a generation from a position.
   * @param {string} generationId
   * @param {number} after the seq of the last event that is known
   * @param {Listener} listener
   * @param {number} [coalesceMs] milliseconds for which text is joined; default: as the start says
   * @returns {Connection}
   */
  attach(generationId, after, listener, coalesceMs) {
    this.#listeners.set(generationId, listener);
    return this.#read("attach", { generation_id: generationId, after, coalesce_ms: coalesceMs }, listener);
  }

  /**
   * Send a command.
   * @param {string} type
   * @param {object} fields
   * @returns {Promise<object>} its `ack`; rejects with a DualstreamError if it was refused, or the connection was lost before
   */
  command(type, fields) {
    return new Promise((resolve, reject) => this.#request({ type, fields, resolve, reject, starts: false, isRepeated: false }));
  }

  /** Close the socket at once. Every listener receives `onError`. */
  abort() {
    this.#fail(networkError("The connection was cut."));
  }

  /** Close the socket if it is not used. */
  release() {
    if (this.#options.keepOpen || this.#listeners.size > 0 || this.#pending.size > 0) return;
    this.#fail(networkError("The connection is closed."));
  }

  /** @param {Request} request */
  #request(request) {
    if (this.#closed) return request.reject(networkError("The connection is closed."));
    const id = this.#nextId;
    this.#nextId += 1;
    this.#pending.set(id, request);
    this.#send({ type: request.type, id, ...request.fields });
  }

  /** @returns {Connection} */
  #read(type, fields, listener) {
    let generationId = fields.generation_id ?? null;
    let closed = false;
    const starts = generationId === null;
    const resolve = (ack) => {
      if (starts) this.#listeners.set((generationId = ack.generation_id), listener);
      if (closed) return this.#detach(generationId, listener);
      listener.onId(generationId);
      listener.onOpen();
      this.#deliverEarly(generationId);
      // Attached at the end of a finished generation: no events will follow.
      if (TERMINAL.has(ack.state) && fields.after === ack.seq) {
        this.#listeners.delete(generationId);
        listener.onEnd(null);
        this.release();
      }
    };
    const reject = (error) => {
      if (this.#listeners.get(generationId) === listener) this.#listeners.delete(generationId);
      if (!closed) listener.onError(error);
      this.release();
    };
    const close = () => {
      if (closed) return;
      closed = true;
      if (generationId !== null) this.#detach(generationId, listener);
    };
    this.#request({ type, fields, resolve, reject, starts, isRepeated: false });
    return { close, abort: () => this.abort() };
  }

  #detach(generationId, listener) {
    if (this.#listeners.get(generationId) === listener) {
      this.#listeners.delete(generationId);
      this.#send({ type: "detach", generation_id: generationId });
    }
    this.release();
  }

  #start(socket) {
    if (this.#closed) {
      socket.onerror = () => {}; // the class of `ws` throws an error without a handler
      return socket.close();
    }
    this.#socket = socket;
    socket.onopen = () => this.#onOpen();
    socket.onmessage = ({ data }) => this.#onMessage(data);
    socket.onclose = ({ code, reason }) => this.#fail(errorOfClose(code, reason));
    // It has no details, but the close event that follows. In Node 22, none follows a handshake that has failed.
    socket.onerror = () => socket.readyState === CONNECTING && this.#fail(networkError("The gateway can't be reached."));
    if (socket.readyState === OPEN) this.#onOpen();
  }

  #onOpen() {
    for (const frame of this.#outbox.splice(0)) this.#socket.send(frame);
    this.#schedulePing();
  }

  #send(message) {
    const frame = JSON.stringify(message);
    if (this.isOpen) this.#socket.send(frame);
    else if (!this.#closed) this.#outbox.push(frame);
  }

  #schedulePing() {
    if (!this.#options.pingMs) return;
    this.#pingTimer = this.#options.env.setTimeout(() => {
      this.#send({ type: "ping" });
      this.#schedulePing();
    }, this.#options.pingMs);
  }

  #onMessage(frame) {
    let message;
    try {
      message = JSON.parse(frame);
    } catch (error) {
      return this.#fail(new DualstreamError("upstream_protocol", "The gateway sent a frame that is not JSON.", { retryable: true, cause: error }));
    }
    if (message.type === "ack" || message.type === "rejected") return this.#onReply(message);
    if (message.generation_id === undefined) return this.#reportActivity(); // pong
    if (this.carries(message.generation_id)) this.#onEvent(message, frame.length);
    else if (this.#isStarting() && this.#early.length < MAX_EARLY_EVENTS) this.#early.push(message);
  }

  #onEvent(event, bytes = 0) {
    const listener = this.#listeners.get(event.generation_id);
    if (TERMINAL.has(event.type)) this.#listeners.delete(event.generation_id); // no detach is needed after the end
    listener?.onActivity(bytes);
    listener?.onEvent(event);
  }

  #onReply(message) {
    const request = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    this.#reportActivity();
    if (message.type === "ack") request?.resolve(message);
    else if (message.code === "auth_error" && request && this.#canRepeat(request)) this.#repeat(request);
    else request?.reject(errorOf(message));
  }

  #canRepeat({ type, isRepeated }) {
    return !isRepeated && type !== "hello" && Boolean(this.#options.renewTicket);
  }

  /** Repeat a command that was refused because the credential of the socket has expired, with a new one. */
  #repeat(request) {
    this.#options.renewTicket().then((ticket) => this.command("hello", { ticket })).then(
      () => this.#request({ ...request, isRepeated: true }),
      (error) => request.reject(networkError("The credential could not be renewed.", error)),
    );
  }

  #reportActivity() {
    for (const listener of this.#listeners.values()) listener.onActivity();
  }

  #isStarting() {
    return [...this.#pending.values()].some(({ starts }) => starts);
  }

  /** Deliver the events that arrived before the `ack` that maps their generation to this listener. */
  #deliverEarly(generationId) {
    const events = this.#early.filter((event) => event.generation_id === generationId);
    this.#early = this.#early.filter((event) => event.generation_id !== generationId);
    for (const event of events) this.#onEvent(event);
  }

  #fail(error) {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.env.clearTimeout(this.#pingTimer);
    if (this.#socket) {
      this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
      this.#socket.close();
    }
    this.#options.onClose(this);
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(error); // an `attach` among them removes its listener, which is then not called twice
    const listeners = [...this.#listeners.values()];
    this.#listeners.clear();
    for (const listener of listeners) listener.onError(error);
  }
}
