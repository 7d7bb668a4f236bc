/**
 * How each transport opens a connection that starts or resumes a generation, and how commands are sent. It owns the sockets.
 */

import { openAuto } from "./auto.js";
import { openEventSource, openFetch } from "./connectors.js";
import { DualstreamError } from "./errors.js";
import { openPoll } from "./poll.js";
import { SUBPROTOCOL, SharedSocket } from "./socket.js";

/** @typedef {import("./connectors.js").Connection} Connection */
/** @typedef {import("./connectors.js").Listener} Listener */
/** @typedef {import("./options.js").Transport} Transport */

/**
 * What a connection is opened for. `id` null: start a generation with `body` and the idempotency key `key`.
 * @typedef {{transport: Transport, id: string|null, seq: number, position: string|null, body?: object, key: string, coalesceMs?: number}} Target
 */

/** Milliseconds for which `auto` polls at once after it has found that no stream passes: a laptop may change its network. */
const POLLING_MS = 300_000;

export class Connections {
  #http;
  #env;
  #options;
  #sockets = /** @type {Set<SharedSocket>} */ (new Set());
  #pollUntil = -Infinity; // time until which `auto` does not try a stream

  /**
   * @param {import("./http.js").GatewayHttp} http
   * @param {import("./client.js").Environment} env
   * @param {{idleTimeout: number, keepOpen: boolean, ticket: string|(() => string|Promise<string>)|null}} options
   */
  constructor(http, env, options) {
    this.#http = http;
    this.#env = env;
    this.#options = options;
  }

  /**
   * Open a connection.
   * @param {Target} target
   * @param {Listener} listener
   * @returns {Connection}
   */
  open(target, listener) {
    return OPEN[target.transport](this, target, listener);
  }

  /**
   * Send a command on the answer's socket, or by POST if there is none, so that an interrupt never waits for a reconnect.
   * @param {{transport?: Transport, id: string, name: "interrupt"|"feedback", fields: object}} command
   * @returns {Promise<object>} rejects with a DualstreamError
   */
  async command({ transport, id, name, fields }) {
    const socket = transport === "websocket" && [...this.#sockets].find((candidate) => candidate.isOpen && candidate.carries(id));
    if (socket) {
      try {
        return await socket.command(name, { generation_id: id, ...fields });
      } catch (error) {
        // The command may have been accepted before the socket was lost. Repeating an interrupt is harmless; repeating
        // feedback would revise twice.
        if (!["network_error", "shutting_down"].includes(error.code) || name !== "interrupt") throw error;
      }
    }
    return this.#http.json(`${pathOf(id)}/${name}`, this.#http.init({ body: fields }));
  }

  /** Close every socket. */
  close() {
    for (const socket of [...this.#sockets]) socket.abort();
  }

  /** Start and read in one POST. @returns {Connection} */
  startStreaming({ body, key }, listener) {
    const init = this.#http.init({ body, key, accept: "text/event-stream" });
    return openFetch({ url: this.#http.url("api/chat/stream"), init, fetch: this.#http.fetch, listener });
  }

  /**
   * Start by `POST /api/generations`, then `read` the events. Both requests are one connection to the caller.
   * @param {Target} target
   * @param {Listener} listener
   * @param {(target: Target, listener: Listener, ticket: string) => Connection} read
   * @returns {Connection}
   */
  startDetached(target, listener, read) {
    const { body, key } = target;
    const controller = new AbortController();
    const { signal } = controller;
    let connection = { close: () => controller.abort() };
    this.#http.json("api/generations", this.#http.init({ body, key, signal })).then(
      ({ id, ticket }) => {
        if (signal.aborted) return;
        listener.onId(id);
        if (!signal.aborted) connection = read({ ...target, id }, listener, ticket);
      },
      (error) => { if (!signal.aborted) listener.onError(error); },
    );
    const close = () => { controller.abort(); connection.close(); };
    return { close, abort: close };
  }

  /** Read the events with `fetch`. @returns {Connection} */
  readStreaming({ id, position, coalesceMs }, listener) {
    const init = this.#http.init({ accept: "text/event-stream", position });
    return openFetch({ url: this.#readingURL(id, "events", coalesceMs).href, init, fetch: this.#http.fetch, listener });
  }

  /** Read the events with `EventSource`, or with `fetch` where that is missing or can't send the headers. @returns {Connection} */
  readEventSource({ id, position, coalesceMs }, listener, ticket = null) {
    const { EventSource } = this.#env;
    if (!EventSource || this.#http.hasHeaders) return this.readStreaming({ id, position, coalesceMs }, listener);
    const url = this.#readingURL(id, "events", coalesceMs);
    // A used ticket resumes only from a position. The browser has none yet if the connection is lost before the first event.
    if (position || ticket) url.searchParams.set("last_event_id", position || `${id}:0`);
    if (ticket) url.searchParams.set("ticket", ticket);
    const explain = () => this.#http.json(pathOf(id));
    return openEventSource({ url: url.href, EventSource, withCredentials: this.#http.withCredentials, explain, listener });
  }

  /** Read the events by long polls. @returns {Connection} */
  readPolling({ id, position, coalesceMs }, listener) {
    const { idleTimeout } = this.#options;
    const request = (after, wait, signal) => {
      const url = this.#readingURL(id, "poll", coalesceMs);
      if (after !== null) url.searchParams.set("after", after);
      if (wait !== null) url.searchParams.set("wait", wait);
      return this.#http.fetch(url.href, this.#http.init({ signal }));
    };
    // A poll is silent for as long as it waits: less than the time after which a connection counts as dead.
    const wait = idleTimeout ? idleTimeout / 2000 : null;
    return openPoll({ request, position, wait, env: this.#env, listener });
  }

  /** Read a stream, or by long polls if none passes. @returns {Connection} */
  readAuto(target, listener, ticket) {
    if (this.#env.now() < this.#pollUntil) {
      listener.onTransport("poll");
      return this.readPolling(target, listener);
    }
    return openAuto({
      target,
      openStream: (...args) => this.readEventSource(...args, ticket),
      openPoll: (...args) => this.readPolling(...args),
      snapshot: () => this.#http.json(pathOf(target.id)),
      onVerdict: (passes) => { this.#pollUntil = passes ? -Infinity : this.#env.now() + POLLING_MS; },
      env: this.#env,
      listener,
    });
  }

  /** Return a socket that does not carry this generation yet: on one socket a generation has only one position. */
  socketFor(generationId) {
    for (const socket of this.#sockets) {
      if (generationId === null || !socket.carries(generationId)) return socket;
    }
    const { idleTimeout, keepOpen, ticket } = this.#options;
    const canRenew = typeof ticket === "function" || this.#http.canRenewToken;
    const socket = new SharedSocket({
      connect: () => this.#connectSocket(),
      renewTicket: canRenew ? () => this.#ticket() : null,
      keepOpen,
      pingMs: idleTimeout / 3,
      env: this.#env,
      onClose: (closed) => this.#sockets.delete(closed),
    });
    this.#sockets.add(socket);
    return socket;
  }

  #readingURL(id, name, coalesceMs) {
    const url = new URL(this.#http.url(`${pathOf(id)}/${name}`));
    if (coalesceMs !== undefined) url.searchParams.set("coalesce_ms", String(coalesceMs));
    return url;
  }

  async #connectSocket() {
    const WebSocket = this.#env.WebSocket ?? await this.#env.loadWebSocket?.();
    if (!WebSocket) throw new DualstreamError("unsupported", "This environment has no WebSocket: pass one as environment.WebSocket.");
    const ticket = await this.#ticket();
    return new WebSocket(this.#http.url("api/ws").replace(/^http/, "ws"), ticket ? [SUBPROTOCOL, `dualstream.ticket.${ticket}`] : [SUBPROTOCOL]);
  }

  /** @returns {Promise<string|null>} null if no ticket is needed */
  async #ticket() {
    const { ticket } = this.#options;
    if (typeof ticket === "function") return ticket();
    if (ticket || !this.#http.hasToken) return ticket;
    return (await this.#http.json("api/tickets", this.#http.init({ body: { scope: "socket" } }))).ticket;
  }
}

/** How each transport opens a connection. @type {Record<Transport, (connections: Connections, target: Target, listener: Listener) => Connection>} */
const OPEN = {
  auto: (connections, target, listener) => readDetached(connections, target, listener, (...args) => connections.readAuto(...args)),
  sse: (connections, target, listener) => readDetached(connections, target, listener, (...args) => connections.readEventSource(...args)),
  poll: (connections, target, listener) => readDetached(connections, target, listener, (...args) => connections.readPolling(...args)),
  fetch: (connections, target, listener) => (
    target.id === null ? connections.startStreaming(target, listener) : connections.readStreaming(target, listener)),
  websocket: (connections, { id, seq, body, key, coalesceMs }, listener) => (
    id === null ? connections.socketFor(null).start(body, key, listener) : connections.socketFor(id).attach(id, seq, listener, coalesceMs)),
};

const readDetached = (connections, target, listener, read) => (
  target.id === null ? connections.startDetached(target, listener, read) : read(target, listener));

const pathOf = (id) => `api/generations/${encodeURIComponent(id)}`;
