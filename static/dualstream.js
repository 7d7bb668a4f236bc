/**
 * Dualstream in the browser and in Node: one generation, read over SSE or over WebSocket, resumed on either, interrupted
 * at once. No dependencies, no build step.
 *
 *     import { Dualstream } from "./dualstream.js";
 *
 *     const client = new Dualstream({ transport: "websocket" });
 *     const answer = client.start({ prompt: "Why is the sky blue?" });
 *     for await (const event of answer) {
 *       if (event.type === "chunk") process.stdout.write(event.content);
 *     }
 *
 * Events are the objects of docs/protocol.md, the same on every transport: `{type, generation_id, seq, …}`. Lost
 * connections are resumed from the exact position; each event is given once and in order.
 */

import { Answer } from "./dualstream/answer.js";
import { RETRY } from "./dualstream/backoff.js";
import { DualstreamError, errorOfResponse, networkError } from "./dualstream/errors.js";
import { openEventSource, openFetch } from "./dualstream/links.js";
import { parsePosition } from "./dualstream/position.js";
import { SUBPROTOCOL, SharedSocket } from "./dualstream/socket.js";

export { Answer } from "./dualstream/answer.js";
export { DualstreamError } from "./dualstream/errors.js";
export { EventStreamDecoder } from "./dualstream/eventstream.js";

/** @typedef {"sse" | "fetch" | "websocket"} Transport */

/**
 * @typedef {object} ClientOptions
 * @property {string} [baseURL] the gateway's address; "" (default) is the page's own
 * @property {Transport} [transport] `sse` (default): start by POST, read with EventSource, or with fetch where there is no
 *   EventSource or where `headers` or `token` are to be sent; `fetch`: start and read in one POST; `websocket`
 * @property {Record<string, string>} [headers] sent with every HTTP request; a browser's WebSocket can't send any
 * @property {"same-origin"|"include"} [credentials] whether cookies go to a gateway of another origin, too; `same-origin`
 *   (default): to the page's own alone
 * @property {string|null} [token] sent as `Authorization: Bearer …`, and nowhere else: for a WebSocket it is changed into a
 *   ticket by `POST /api/tickets`, each time one is opened
 * @property {string|(() => string|Promise<string>)|null} [ticket] a ticket (base64url) for a WebSocket, where something else
 *   asks for them; a function is asked for a fresh one each time a socket is opened
 * @property {number} [timeout] milliseconds for a whole answer; then it is interrupted and fails with `timeout`; 0 (default): none
 * @property {number} [idleTimeout] milliseconds without a byte, heartbeats included, after which a connection counts as dead
 *   and is resumed (default 45,000; 0: never)
 * @property {Partial<import("./dualstream/backoff.js").Retry>} [retry]
 * @property {boolean} [keepOpen] keep the WebSocket when no answer needs it, for the next one (default false)
 * @property {object} [environment] stand-ins for fetch, EventSource, WebSocket, setTimeout, clearTimeout, now, random, uuid
 */

/**
 * @typedef {object} StartOptions
 * @property {AbortSignal} [signal] interrupts the answer; it then fails with the signal's reason
 * @property {string} [idempotencyKey] default: a random one, which makes repeating the start safe
 * @property {Transport} [transport] default: the client's
 * @property {(event: object, answer: Answer) => void} [onEvent] gets the events instead of the iterator
 * @property {(answer: Answer) => void} [onState] called after each change of state, queue, retrying or transport
 */

/** A gateway, and how to reach it. Holds nothing open between answers unless `keepOpen`. */
export class Dualstream {
  #options;
  #env;
  #sockets = /** @type {Set<SharedSocket>} */ (new Set());
  #answers = /** @type {Set<Answer>} */ (new Set());

  /** @param {ClientOptions} [options] */
  constructor(options = {}) {
    const known = { headers: {}, credentials: "same-origin", token: null, ticket: null };
    const given = { baseURL: "", transport: "sse", ...known, timeout: 0, idleTimeout: 45_000, keepOpen: false };
    this.#options = { ...given, ...options, retry: { ...RETRY, ...options.retry } };
    this.#env = { ...surroundings(), ...options.environment };
    checkTransport(this.#options.transport);
  }

  /**
   * Start a generation and read it. Returns at once; what goes wrong is told by the answer.
   * @param {{prompt?: string, messages?: object[], model?: string, options?: object, metadata?: Record<string, string>}} request
   *   `prompt` is short for one user message
   * @param {StartOptions} [how]
   * @returns {Answer}
   */
  start(request, how = {}) {
    const { prompt, ...rest } = request;
    const body = prompt === undefined ? rest : { ...rest, messages: [...(rest.messages ?? []), { role: "user", content: prompt }] };
    return this.#answer({ body, ...how });
  }

  /**
   * Read a generation that exists: to resume it, to hand it over, or to watch it.
   * @param {string} generationId
   * @param {Omit<StartOptions, "idempotencyKey"> & {after?: string|number, text?: string, revision?: number}} [how] `after`: a
   *   position or seq to go on after (default: from the beginning); `text`, `revision`: what is already there of it
   * @returns {Answer}
   */
  attach(generationId, { after = 0, ...how } = {}) {
    const seq = typeof after === "number" ? after : parsePosition(after)?.seq;
    if (!Number.isSafeInteger(seq)) throw new DualstreamError("invalid_request", `${after} is no position.`, { param: "after" });
    return this.#answer({ id: generationId, seq, ...how });
  }

  /** @returns {Promise<{models: string[], default: string|null}>} the models the gateway offers; rejects with a DualstreamError */
  models() {
    return this.#json("api/models");
  }

  /** @returns {Promise<object>} a generation as it stands; rejects with a DualstreamError, `generation_lost` when not known */
  snapshot(generationId) {
    return this.#json(`api/generations/${encodeURIComponent(generationId)}`);
  }

  /** Detach every answer and close every socket. Generations go on as their disconnect policy says. */
  close() {
    for (const answer of [...this.#answers]) answer.detach();
    for (const socket of [...this.#sockets]) socket.cut();
  }

  #answer(how) {
    const transport = how.transport ?? this.#options.transport;
    checkTransport(transport);
    const answer = new Answer({ ...how, transport }, {
      env: this.#env,
      check: checkTransport,
      timeout: this.#options.timeout,
      idleTimeout: this.#options.idleTimeout,
      retry: this.#options.retry,
      open: (wanted, sink) => this.#open(wanted, sink),
      command: (wanted) => this.#command(wanted),
      over: () => this.#answers.delete(answer),
    });
    this.#answers.add(answer);
    return answer;
  }

  /** Open a connection that starts (`id` null) or goes on with a generation. @returns {import("./dualstream/links.js").Link} */
  #open({ transport, id, seq, position, body, key }, sink) {
    if (transport === "websocket") {
      return id === null ? this.#socketFor(null).start(body, key, sink) : this.#socketFor(id).attach(id, seq, sink);
    }
    if (id !== null) return this.#openEvents(transport, id, seq && position, sink);
    const init = this.#init({ body, key, accept: transport === "fetch" ? "text/event-stream" : "application/json" });
    if (transport === "fetch") return openFetch({ url: this.#url("api/chat/stream"), init, fetch: this.#env.fetch, sink });
    return this.#startDetached(init, sink);
  }

  /** `POST /api/generations`, then read its events: one link to the outside. */
  #startDetached(init, sink) {
    const controller = new AbortController();
    const { signal } = controller;
    let link = { close: () => controller.abort() };
    this.#json("api/generations", { ...init, signal }).then(
      ({ id, ticket }) => {
        if (signal.aborted) return;
        sink.named(id);
        if (!signal.aborted) link = this.#openEvents("sse", id, 0, sink, ticket);
      },
      (error) => { if (!signal.aborted) sink.down(error); },
    );
    const close = () => { controller.abort(); link.close(); };
    return { close, cut: close };
  }

  #openEvents(transport, id, position, sink, ticket = null) {
    const url = new URL(this.#url(`api/generations/${encodeURIComponent(id)}/events`));
    const { EventSource, fetch } = this.#env;
    const { headers, token, credentials } = this.#options;
    if (transport === "fetch" || !EventSource || token !== null || Object.keys(headers).length > 0) {
      return openFetch({ url: url.href, init: this.#init({ accept: "text/event-stream", position }), fetch, sink });
    }
    // A used ticket reads on from a position alone, and the browser has none of its own if the connection breaks at once.
    if (position || ticket) url.searchParams.set("last_event_id", position || `${id}:0`);
    if (ticket) url.searchParams.set("ticket", ticket);
    const withCredentials = credentials === "include";
    return openEventSource({ url: url.href, EventSource, withCredentials, explain: () => this.snapshot(id), sink });
  }

  /** A socket that does not bring this generation yet: on one socket a generation has one position. */
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
      onGone: (gone) => this.#sockets.delete(gone),
    });
    this.#sockets.add(socket);
    return socket;
  }

  async #connectSocket() {
    const { WebSocket } = this.#env;
    if (!WebSocket) throw new DualstreamError("unsupported", "There is no WebSocket here: give one as environment.WebSocket.");
    const fresh = await this.#socketTicket();
    return new WebSocket(this.#url("api/ws").replace(/^http/, "ws"), fresh ? [SUBPROTOCOL, `dualstream.ticket.${fresh}`] : [SUBPROTOCOL]);
  }

  /** @returns {Promise<string|null>} null where the gateway asks for none */
  async #socketTicket() {
    const { ticket, token } = this.#options;
    if (typeof ticket === "function") return ticket();
    if (ticket || token === null) return ticket;
    return (await this.#json("api/tickets", this.#init({ body: { scope: "socket" } }))).ticket;
  }

  /** Send a command the way the answer is read; by POST when its socket is not there, so that a stop never waits for one. */
  async #command({ transport, id, name, fields }) {
    const socket = transport === "websocket" && [...this.#sockets].find((one) => one.isOpen && one.carries(id));
    if (socket) {
      try {
        return await socket.command(name, { generation_id: id, ...fields });
      } catch (error) {
        // Feedback may have been taken before the socket went; to stop twice does no harm, to revise twice does.
        if (error.code !== "network_error" || name !== "interrupt") throw error;
      }
    }
    return this.#json(`api/generations/${encodeURIComponent(id)}/${name}`, this.#init({ body: fields }));
  }

  async #json(path, init = this.#init({})) {
    const response = await this.#env.fetch(this.#url(path), init).catch((error) => {
      throw networkError("The gateway can't be reached.", error);
    });
    if (!response.ok) throw await errorOfResponse(response, this.#env.now());
    return response.json().catch((error) => {
      throw networkError("The gateway's answer did not arrive whole.", error);
    });
  }

  #init({ body, key, position, accept = "application/json" }) {
    const { headers, token, credentials } = this.#options;
    const all = { Accept: accept, ...headers };
    if (token !== null) all.Authorization = `Bearer ${token}`;
    if (key) all["Idempotency-Key"] = key;
    if (position) all["Last-Event-ID"] = position;
    if (body === undefined) return { headers: all, credentials, cache: "no-store" };
    return { method: "POST", headers: { ...all, "Content-Type": "application/json" }, credentials, body: JSON.stringify(body) };
  }

  #url(path) {
    const base = this.#options.baseURL || this.#env.origin;
    if (!base) throw new DualstreamError("invalid_request", "Outside a page, baseURL is needed.", { param: "baseURL" });
    return new URL(path, new URL(base.endsWith("/") ? base : `${base}/`, this.#env.origin ?? undefined)).href;
  }
}

function checkTransport(transport) {
  if (["sse", "fetch", "websocket"].includes(transport)) return;
  throw new DualstreamError("invalid_request", `${transport} is no transport: sse, fetch or websocket.`, { param: "transport" });
}

/** What a browser or Node gives; looked up late and called as functions of the global object, as browsers insist. */
function surroundings() {
  return {
    fetch: (...given) => globalThis.fetch(...given),
    EventSource: globalThis.EventSource,
    WebSocket: globalThis.WebSocket,
    setTimeout: (then, ms) => globalThis.setTimeout(then, ms),
    clearTimeout: (timer) => globalThis.clearTimeout(timer),
    now: () => Date.now(),
    random: () => Math.random(),
    // crypto.randomUUID is for secure contexts only, and a page on a plain-HTTP address in the local network is none.
    uuid: () => Array.from(globalThis.crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join(""),
    origin: globalThis.location?.origin ?? null,
  };
}
