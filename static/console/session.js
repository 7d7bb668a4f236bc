/**
 * Requests of the console: with the operator's key, if the gateway requires one. The key is kept in this tab only.
 */

const STORED = "dualstream.console.key";

/** A request that failed. `status` is 0 if the gateway could not be reached. */
export class RequestError extends Error {
  /**
   * @param {string} message
   * @param {{status?: number, code?: string, details?: string[]}} [fields]
   */
  constructor(message, { status = 0, code = "network_error", details = [] } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.details = details;
  }

  /** True if another key may help. */
  get isRefusal() {
    return this.status === 401 || this.status === 403;
  }
}

/** Sends requests with the key. */
export class Session {
  #key = sessionStorage.getItem(STORED) ?? "";

  get hasKey() {
    return this.#key !== "";
  }

  /** Use a key from now on; "" forgets it. @param {string} key */
  use(key) {
    this.#key = key;
    if (key) sessionStorage.setItem(STORED, key);
    else sessionStorage.removeItem(STORED);
  }

  /**
   * Send a request; return its response if that is no error.
   * @param {string} path
   * @param {{method?: string, body?: unknown, signal?: AbortSignal, headers?: Record<string, string>}} [options]
   * @returns {Promise<Response>} rejects with a RequestError
   */
  async fetch(path, { method = "GET", body, signal, headers = {} } = {}) {
    const sent = { ...headers };
    if (this.#key) sent.Authorization = `Bearer ${this.#key}`;
    if (body !== undefined) sent["Content-Type"] = "application/json";
    let response;
    try {
      response = await fetch(path, { method, headers: sent, body: body === undefined ? undefined : JSON.stringify(body), signal, cache: "no-store" });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new RequestError("The gateway can’t be reached.");
    }
    if (!response.ok) throw await refusalOf(response);
    return response;
  }

  /** Send a request; return the JSON of its response. */
  async json(path, options) {
    return (await this.fetch(path, options)).json();
  }
}

async function refusalOf(response) {
  const body = await response.json().catch(() => ({}));
  const error = body.error ?? {};
  return new RequestError(error.message ?? `The gateway answered ${response.status}.`, { status: response.status, code: error.code ?? "", details: body.problems ?? [] });
}
