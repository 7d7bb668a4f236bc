/**
 * Dualstream client for browsers and Node: reads a generation over SSE or WebSocket, resumes it on either, and interrupts it.
 * No dependencies, no build step.
 *
 *     import { Dualstream } from "./dualstream.js";
 *
 *     const client = new Dualstream({ transport: "websocket" });
 *     const answer = client.start({ prompt: "Why is the sky blue?" });
 *     for await (const event of answer) {
 *       if (event.type === "chunk") process.stdout.write(event.content);
 *     }
 *
 * Events are the objects of docs/protocol.md, the same on every transport: `{type, generation_id, seq, …}`. After a lost
 * connection the client resumes from the exact position; each event is delivered once and in order.
 */

import { Answer } from "./dualstream/answer.js";
import { RETRY } from "./dualstream/backoff.js";
import { DualstreamError, errorOfResponse, networkError } from "./dualstream/errors.js";
import { openEventSource, openFetch } from "./dualstream/connectors.js";
import { parsePosition } from "./dualstream/position.js";
import { SUBPROTOCOL, SharedSocket } from "./dualstream/socket.js";

export { Answer } from "./dualstream/answer.js";
export { DualstreamError } from "./dualstream/errors.js";
export { EventStreamDecoder } from "./dualstream/event-stream.js";

/** @typedef {"sse" | "fetch" | "websocket"} Transport */

/**
 * @typedef {object} ClientOptions
 * @property {string} [baseURL] the gateway's address; "" (default) is the page's origin
 * @property {Transport} [transport] `sse` (default): start by POST, read with EventSource, or with fetch if there is no
 *   EventSource, or if `headers` or `token` must be sent; `fetch`: start and read in one POST; `websocket`
 * @property {Record<string, string>} [headers] sent with every HTTP request; a browser's WebSocket can't send any
 * @property {"same-origin"|"include"} [credentials] `include`: send cookies also to a gateway of another origin; `same-origin`
 *   (default): only to the page's origin
 * @property {string|null} [token] sent as `Authorization: Bearer …`, and nowhere else: for each WebSocket it is exchanged for
 *   a ticket by `POST /api/tickets`
 * @property {string|(() => string|Promise<string>)|null} [ticket] a ticket (base64url) for WebSockets, if the application
 *   obtains tickets itself; a function is called for a new one each time a socket is opened
 * @property {number} [timeout] maximum milliseconds of an answer; then it is interrupted and fails with `timeout`; 0 (default): none
 * @property {number} [idleTimeout] milliseconds without any data, heartbeats included, after which a connection counts as dead
 *   and is resumed (default 45,000; 0: never)
 * @property {Partial<import("./dualstream/backoff.js").Retry>} [retry]
 * @property {boolean} [keepOpen] keep an unused WebSocket open for the next answer (default false)
 * @property {object} [environment] replacements for fetch, EventSource, WebSocket, setTimeout, clearTimeout, now, random, uuid
 */

/**
 * @typedef {object} StartOptions
 * @property {AbortSignal} [signal] interrupts the answer, which then fails with the signal's reason
 * @property {string} [idempotencyKey] default: a random one; it makes a repeated start safe
 * @property {Transport} [transport] default: the client's
 * @property {(event: object, answer: Answer) => void} [onEvent] receives the events instead of the iterator
 * @property {(answer: Answer) => void} [onState] called after each change of state, queue, retrying or transport
 */

/** A client of one gateway. It keeps no connection open between answers, unless `keepOpen` is set. */
export class Dualstream {
  #options;
  #env;
  #sockets = /** @type {Set<SharedSocket>} */ (new Set());
  #answers = /** @type {Set<Answer>} */ (new Set());

  /** @param {ClientOptions} [options] */
  constructor(options = {}) {
    checkNames(options, CLIENT_OPTIONS);
    checkNames(options.retry ?? {}, Object.keys(RETRY));
    const auth = { headers: {}, credentials: "same-origin", token: null, ticket: null };
    const defaults = { baseURL: "", transport: "sse", ...auth, timeout: 0, idleTimeout: 45_000, keepOpen: false };
    this.#options = { ...defaults, ...options, retry: { ...RETRY, ...options.retry } };
    this.#env = { ...defaultEnvironment(), ...options.environment };
    checkTransport(this.#options.transport);
  }

  /**
   * Start a generation and read it. Returns at once; errors are reported by the answer.
   * @param {{prompt?: string, messages?: object[], model?: string, options?: object, metadata?: Record<string, string>}} request
   *   `prompt` is a shorthand for one user message
   * @param {StartOptions} [options]
   * @returns {Answer}
   */
  start(request, options = {}) {
    checkNames(options, START_OPTIONS);
    const { prompt, ...rest } = request;
    const body = prompt === undefined ? rest : { ...rest, messages: [...(rest.messages ?? []), { role: "user", content: prompt }] };
    return this.#createAnswer({ body, ...options });
  }

  /**
   * Read an existing generation: to resume it, to continue it elsewhere, or to watch it.
   * @param {string} generationId
   * @param {Omit<StartOptions, "idempotencyKey"> & {after?: string|number, text?: string, revision?: number}} [options]
   *   `after`: a position or seq to continue after (default: the beginning); `text`, `revision`: those already known at that
   *   position
   * @returns {Answer}
   */
  attach(generationId, { after = 0, ...options } = {}) {
    checkNames(options, ATTACH_OPTIONS);
    const seq = typeof after === "number" ? after : parsePosition(after)?.seq;
    if (!Number.isSafeInteger(seq)) throw new DualstreamError("invalid_request", `${after} is not a position.`, { param: "after" });
    return this.#createAnswer({ id: generationId, seq, ...options });
  }

  /** @returns {Promise<{models: string[], default: string|null}>} the models the gateway offers; rejects with a DualstreamError */
  models() {
    return this.#json("api/models");
  }

  /** @returns {Promise<object>} a generation's current state; rejects with a DualstreamError, `generation_lost` if it is unknown */
  snapshot(generationId) {
    return this.#json(`api/generations/${encodeURIComponent(generationId)}`);
  }

  /** Detach every answer and close every socket. Generations run on or end as their disconnect policy says. */
  close() {
    for (const answer of [...this.#answers]) answer.detach();
    for (const socket of [...this.#sockets]) socket.abort();
  }

  #createAnswer(options) {
    const transport = options.transport ?? this.#options.transport;
    checkTransport(transport);
    const answer = new Answer({ ...options, transport }, {
      env: this.#env,
      check: checkTransport,
      timeout: this.#options.timeout,
      idleTimeout: this.#options.idleTimeout,
      retry: this.#options.retry,
      open: (target, listener) => this.#open(target, listener),
      command: (command) => this.#command(command),
      onEnd: () => this.#answers.delete(answer),
    });
    this.#answers.add(answer);
    return answer;
  }

  /** Open a connection that starts (`id` null) or resumes a generation. @returns {import("./dualstream/connectors.js").Connection} */
  #open({ transport, id, seq, position, body, key }, listener) {
    if (transport === "websocket") {
      return id === null ? this.#socketFor(null).start(body, key, listener) : this.#socketFor(id).attach(id, seq, listener);
    }
    if (id !== null) return this.#openEvents(transport, id, seq && position, listener);
    const init = this.#requestInit({ body, key, accept: transport === "fetch" ? "text/event-stream" : "application/json" });
    if (transport === "fetch") return openFetch({ url: this.#url("api/chat/stream"), init, fetch: this.#env.fetch, listener });
    return this.#startDetached(init, listener);
  }

  /** Start by `POST /api/generations`, then read the events. Both requests are one connection to the caller. */
  #startDetached(init, listener) {
    const controller = new AbortController();
    const { signal } = controller;
    let connection = { close: () => controller.abort() };
    this.#json("api/generations", { ...init, signal }).then(
      ({ id, ticket }) => {
        if (signal.aborted) return;
        listener.onId(id);
        if (!signal.aborted) connection = this.#openEvents("sse", id, 0, listener, ticket);
      },
      (error) => { if (!signal.aborted) listener.onError(error); },
    );
    const close = () => { controller.abort(); connection.close(); };
    return { close, abort: close };
  }

  #openEvents(transport, id, position, listener, ticket = null) {
    const url = new URL(this.#url(`api/generations/${encodeURIComponent(id)}/events`));
    const { EventSource, fetch } = this.#env;
    const { headers, token, credentials } = this.#options;
    if (transport === "fetch" || !EventSource || token !== null || Object.keys(headers).length > 0) {
      return openFetch({ url: url.href, init: this.#requestInit({ accept: "text/event-stream", position }), fetch, listener });
    }
    // A used ticket resumes only from a position. The browser has none yet if the connection is lost before the first event.
    if (position || ticket) url.searchParams.set("last_event_id", position || `${id}:0`);
    if (ticket) url.searchParams.set("ticket", ticket);
    const withCredentials = credentials === "include";
    return openEventSource({ url: url.href, EventSource, withCredentials, explain: () => this.snapshot(id), listener });
  }

  /** Return a socket that does not carry this generation yet: on one socket a generation has only one position. */
  #socketFor(generationId) {
    for (const socket of this.#sockets) {
      if (generationId === null || !socket.carries(generationId)) return socket;
    }
    const { idleTimeout, keepOpen } = this.#options;
    const socket = new SharedSocket({
      connect: () => this.#connectSocket(),
      keepOpen,
      pingMs: idleTimeout / 3,
      env: this.#env,
      onClose: (closed) => this.#sockets.delete(closed),
    });
    this.#sockets.add(socket);
    return socket;
  }

  async #connectSocket() {
    const { WebSocket } = this.#env;
    if (!WebSocket) throw new DualstreamError("unsupported", "This environment has no WebSocket: pass one as environment.WebSocket.");
    const ticket = await this.#socketTicket();
    return new WebSocket(this.#url("api/ws").replace(/^http/, "ws"), ticket ? [SUBPROTOCOL, `dualstream.ticket.${ticket}`] : [SUBPROTOCOL]);
  }

  /** @returns {Promise<string|null>} null if no ticket is needed */
  async #socketTicket() {
    const { ticket, token } = this.#options;
    if (typeof ticket === "function") return ticket();
    if (ticket || token === null) return ticket;
    return (await this.#json("api/tickets", this.#requestInit({ body: { scope: "socket" } }))).ticket;
  }

  /** Send a command on the answer's socket, or by POST if there is none, so that an interrupt never waits for a reconnect. */
  async #command({ transport, id, name, fields }) {
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
    return this.#json(`api/generations/${encodeURIComponent(id)}/${name}`, this.#requestInit({ body: fields }));
  }

  async #json(path, init = this.#requestInit({})) {
    const response = await this.#env.fetch(this.#url(path), init).catch((error) => {
      throw networkError("The gateway can't be reached.", error);
    });
    if (!response.ok) throw await errorOfResponse(response, this.#env.now());
    return response.json().catch((error) => {
      throw networkError("The gateway's response is incomplete.", error);
    });
  }

  #requestInit({ body, key, position, accept = "application/json" }) {
    const { headers, token, credentials } = this.#options;
    const allHeaders = { Accept: accept, ...headers };
    if (token !== null) allHeaders.Authorization = `Bearer ${token}`;
    if (key) allHeaders["Idempotency-Key"] = key;
    if (position) allHeaders["Last-Event-ID"] = position;
    if (body === undefined) return { headers: allHeaders, credentials, cache: "no-store" };
    return { method: "POST", headers: { ...allHeaders, "Content-Type": "application/json" }, credentials, body: JSON.stringify(body) };
  }

  #url(path) {
    const base = this.#options.baseURL || this.#env.origin;
    if (!base) throw new DualstreamError("invalid_request", "Outside a web page, set baseURL.", { param: "baseURL" });
    return new URL(path, new URL(base.endsWith("/") ? base : `${base}/`, this.#env.origin ?? undefined)).href;
  }
}

const CLIENT_OPTIONS = [
  "baseURL", "transport", "headers", "credentials", "token", "ticket", "timeout", "idleTimeout", "retry", "keepOpen", "environment",
];
const START_OPTIONS = ["signal", "idempotencyKey", "transport", "onEvent", "onState"];
const ATTACH_OPTIONS = ["signal", "transport", "onEvent", "onState", "text", "revision"];

/** A misspelt option would be ignored, and `baseUrl` would silently call the page's own server. */
function checkNames(options, known) {
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const similar = known.find((candidate) => candidate.toLowerCase() === name.replaceAll(/[_-]/g, "").toLowerCase());
    const advice = similar ? `did you mean ${similar}?` : `options are ${known.join(", ")}.`;
    throw new DualstreamError("invalid_request", `${name} is not an option: ${advice}`, { param: name });
  }
}

function checkTransport(transport) {
  if (["sse", "fetch", "websocket"].includes(transport)) return;
  throw new DualstreamError("invalid_request", `${transport} is not a transport: use sse, fetch or websocket.`, { param: "transport" });
}

/**
 * What a browser or Node provides. Functions are called on the global object, because browsers throw "Illegal invocation"
 * otherwise, and are looked up at each call, so that a page or a test may replace them later.
 */
function defaultEnvironment() {
  return {
    fetch: (...args) => globalThis.fetch(...args),
    EventSource: globalThis.EventSource,
    WebSocket: globalThis.WebSocket,
    setTimeout: (callback, ms) => globalThis.setTimeout(callback, ms),
    clearTimeout: (timer) => globalThis.clearTimeout(timer),
    now: () => Date.now(),
    random: () => Math.random(),
    // Not crypto.randomUUID: it exists only in secure contexts, and a page over plain HTTP in the local network is none.
    uuid: () => Array.from(globalThis.crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join(""),
    origin: globalThis.location?.origin ?? null,
  };
}
