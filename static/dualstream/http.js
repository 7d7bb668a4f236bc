/**
 * Requests to one gateway: addresses, headers, the bearer token, and responses as JSON or as a DualstreamError.
 */

import { DualstreamError, errorOfResponse, networkError } from "./errors.js";
import { Tokens } from "./tokens.js";

export class GatewayHttp {
  #options;
  #env;
  #tokens;

  /**
   * @param {{baseURL: string, headers: Record<string, string>, credentials: RequestCredentials, idleTimeout: number,
   *   token: import("./tokens.js").TokenSource}} options
   * @param {import("./client.js").Environment} env
   */
  constructor(options, env) {
    this.#options = options;
    this.#env = env;
    this.#tokens = new Tokens(options.token);
  }

  /** True if requests carry headers of the application, which EventSource can't send. */
  get hasHeaders() {
    return this.hasToken || Object.keys(this.#options.headers).length > 0;
  }

  /** True if requests carry a token. */
  get hasToken() {
    return this.#tokens.isSet;
  }

  /** True if a refused token is replaced by another. */
  get canRenewToken() {
    return this.#tokens.canRenew;
  }

  /** True if cookies are sent to another origin. */
  get withCredentials() {
    return this.#options.credentials === "include";
  }

  /**
   * Return the address of a path.
   * @param {string} path relative to the gateway
   * @returns {string}
   */
  url(path) {
    const base = this.#options.baseURL || this.#env.origin;
    if (!base) throw new DualstreamError("invalid_request", "Outside a web page, set baseURL.", { param: "baseURL" });
    try {
      return new URL(path, new URL(base.endsWith("/") ? base : `${base}/`, this.#env.origin ?? undefined)).href;
    } catch (cause) {
      const message = `baseURL: '${base}' is not an address; write http://127.0.0.1:8080, for example.`;
      throw new DualstreamError("invalid_request", message, { param: "baseURL", cause });
    }
  }

  /**
   * Build the second argument of `fetch`; with a body, it is a POST.
   * @param {{body?: unknown, key?: string, position?: string|null, accept?: string, signal?: AbortSignal}} request
   * @returns {RequestInit}
   */
  init({ body, key, position, accept = "application/json", signal }) {
    const { headers, credentials } = this.#options;
    const allHeaders = { Accept: accept, ...headers };
    if (key) allHeaders["Idempotency-Key"] = key;
    if (position) allHeaders["Last-Event-ID"] = position;
    if (body === undefined) return { headers: allHeaders, credentials, cache: "no-store", signal };
    return { method: "POST", headers: { ...allHeaders, "Content-Type": "application/json" }, credentials, body: JSON.stringify(body), signal };
  }

  /** `fetch` with the token. If the gateway refuses a token that can be renewed, the request is repeated once. */
  fetch = async (url, init) => {
    const token = await this.#tokens.current();
    const response = await this.#env.fetch(url, withToken(init, token));
    if (response.status !== 401 || !this.#tokens.canRenew) return response;
    await response.body?.cancel();
    return this.#env.fetch(url, withToken(init, await this.#tokens.renew(token)));
  };

  /**
   * Send a request and return the JSON of its response. Without a signal of the caller, who then sees to that, it takes the idle
   * timeout at most: a stop button must not wait for a gateway that is silent.
   * @param {string} path
   * @param {RequestInit} [init]
   * @returns {Promise<any>} rejects with a DualstreamError
   */
  async json(path, init = this.init({})) {
    const { idleTimeout } = this.#options;
    if (init.signal || !idleTimeout) return this.#json(path, init);
    const controller = new AbortController();
    let timer;
    const expired = new Promise((_, reject) => {
      timer = this.#env.setTimeout(() => {
        reject(new DualstreamError("timeout", "The gateway does not answer.", { retryable: true }));
        controller.abort();
      }, idleTimeout);
    });
    try {
      return await Promise.race([this.#json(path, { ...init, signal: controller.signal }), expired]);
    } finally {
      this.#env.clearTimeout(timer);
    }
  }

  async #json(path, init) {
    const response = await this.fetch(this.url(path), init).catch((error) => {
      throw networkError("The gateway can't be reached.", error);
    });
    if (!response.ok) throw await errorOfResponse(response, this.#env.now());
    return response.json().catch((error) => {
      throw networkError("The gateway's response is incomplete.", error);
    });
  }
}

function withToken(init, token) {
  return token === null ? init : { ...init, headers: { ...init.headers, Authorization: `Bearer ${token}` } };
}
