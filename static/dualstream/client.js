/**
 * The client of one gateway. docs/reference/javascript.md is its reference, index.d.ts has its types.
 */

import { Answer } from "./answer.js";
import { RETRY } from "./backoff.js";
import { Connections } from "./connections.js";
import { MAX_TIMER_MS, defaultEnvironment } from "./environment.js";
import { DualstreamError } from "./errors.js";
import { GatewayHttp } from "./http.js";
import { checkClient, checkId, checkNames, checkReading, checkTransport } from "./options.js";
import { parsePosition } from "./position.js";

/** @typedef {import("./types/index.js").ClientOptions} ClientOptions */
/** @typedef {import("./types/index.js").Environment} Environment */

const DEFAULTS = Object.freeze({
  baseURL: "",
  transport: "sse",
  headers: {},
  credentials: "same-origin",
  token: null,
  ticket: null,
  timeout: 0,
  idleTimeout: 45_000,
  keepOpen: false,
});

/** A client of one gateway. It keeps no connection open between answers, unless `keepOpen` is set. */
export class Dualstream {
  #options;
  #env;
  #http;
  #connections;
  #answers = /** @type {Set<Answer>} */ (new Set());

  /** @param {ClientOptions} [options] */
  constructor(options = {}) {
    checkNames("new Dualstream()", options);
    checkNames("retry", options.retry ?? {});
    checkNames("environment", options.environment ?? {});
    this.#options = { ...DEFAULTS, ...withoutUndefined(options), retry: { ...RETRY, ...options.retry } };
    checkTransport(this.#options.transport);
    checkClient(this.#options);
    for (const name of ["timeout", "idleTimeout"]) if (this.#options[name] > MAX_TIMER_MS) this.#options[name] = 0; // Infinity: none
    this.#env = { ...defaultEnvironment(), ...options.environment };
    this.#http = new GatewayHttp(this.#options, this.#env);
    this.#connections = new Connections(this.#http, this.#env, this.#options);
  }

  /** @returns {import("./options.js").Transport} the transport of answers that name none */
  get transport() {
    return this.#options.transport;
  }

  /**
   * Start a generation and read it. Returns at once; errors are reported by the answer.
   * @param {import("./types/index.js").StartRequest|string} request a text is a shorthand for one user message, as is its field
   *   `prompt`
   * @param {import("./types/index.js").StartOptions} [options]
   * @returns {Answer}
   */
  start(request, options = {}) {
    const fields = typeof request === "string" ? { prompt: request } : request;
    checkNames("request", fields);
    checkNames("start()", options);
    const { prompt, ...rest } = fields;
    const body = prompt === undefined ? rest : { ...rest, messages: [...(rest.messages ?? []), { role: "user", content: prompt }] };
    return this.#createAnswer({ body, ...options });
  }

  /**
   * Read an existing generation: to resume it, to continue it elsewhere, or to watch it.
   * @param {string} generationId
   * @param {import("./types/index.js").AttachOptions} [options]
   * @returns {Answer}
   */
  attach(generationId, options = {}) {
    checkId("attach()", generationId);
    checkNames("attach()", options);
    const { after = 0, ...rest } = options;
    const seq = typeof after === "number" ? after : parsePosition(after)?.seq;
    if (!Number.isSafeInteger(seq)) throw new TypeError(`attach(): after is ${after}, which is not a position.`);
    return this.#createAnswer({ id: generationId, seq, ...rest });
  }

  /**
   * Interrupt a generation, for all its readers. It is no error if it had already ended.
   * @param {string} generationId
   * @param {string} [reason] repeated in the `interrupted` event
   * @returns {Promise<void>} rejects with a DualstreamError
   */
  async interrupt(generationId, reason) {
    checkId("interrupt()", generationId);
    const fields = reason === undefined ? {} : { reason };
    await this.#connections.command({ id: generationId, name: "interrupt", fields }).catch((error) => {
      if (error.code !== "already_over") throw error;
    });
  }

  /**
   * Send feedback to a generation; of mode `note` also after its end.
   * @param {string} generationId
   * @param {import("./types/index.js").Feedback|string} feedback a text is a shorthand for its field `text`
   * @returns {Promise<import("./types/index.js").FeedbackReply>} rejects with a DualstreamError
   */
  async feedback(generationId, feedback) {
    checkId("feedback()", generationId);
    const fields = typeof feedback === "string" ? { text: feedback } : feedback;
    checkNames("feedback()", fields);
    return this.#connections.command({ id: generationId, name: "feedback", fields });
  }

  /** @returns {Promise<import("./types/index.js").Models>} the models that the gateway offers; rejects with a DualstreamError */
  models() {
    return this.#http.json("api/models");
  }

  /**
   * @param {string} generationId
   * @returns {Promise<import("./types/index.js").Snapshot>} its current state; rejects with a DualstreamError, `generation_lost` if
   *   it is unknown
   */
  async snapshot(generationId) {
    checkId("snapshot()", generationId);
    return this.#http.json(`api/generations/${encodeURIComponent(generationId)}`);
  }

  /** Detach every answer and close every socket. Generations run on or end as their disconnect policy says. */
  close() {
    for (const answer of [...this.#answers]) answer.detach();
    this.#connections.close();
  }

  #createAnswer(options) {
    const transport = options.transport ?? this.#options.transport;
    checkTransport(transport);
    checkReading(options);
    const answer = new Answer({ ...options, transport }, {
      env: this.#env,
      timeout: this.#options.timeout,
      idleTimeout: this.#options.idleTimeout,
      retry: this.#options.retry,
      open: (target, listener) => this.#connections.open(target, listener),
      command: (command) => this.#connections.command(command),
      onEnd: () => this.#answers.delete(answer),
    });
    this.#answers.add(answer);
    return answer;
  }
}

/** An option that is undefined counts as left out, so that an application can pass on an option of its own. */
function withoutUndefined(options) {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
