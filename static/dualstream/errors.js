/**
 * What can go wrong, as data: a code of the protocol, a message for people, and whether to try again.
 */

/**
 * The one error this client throws. `code` is a code of docs/protocol.md, or one of the client's own:
 * `aborted` (the caller's own stop, before the gateway had named the generation) and `unsupported` (this environment lacks
 * what the transport needs).
 */
export class DualstreamError extends Error {
  /**
   * @param {string} code
   * @param {string} message for people
   * @param {{retryable?: boolean, retryAfterMs?: number|null, status?: number|null, param?: string|null, cause?: unknown}} [more]
   */
  constructor(code, message, { retryable = false, retryAfterMs = null, status = null, param = null, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "DualstreamError";
    /** @type {string} */
    this.code = code;
    /** @type {boolean} true when the same request may work later */
    this.retryable = retryable;
    /** @type {number|null} milliseconds that the gateway asks to wait; null: no advice */
    this.retryAfterMs = retryAfterMs;
    /** @type {number|null} the HTTP status, when it was an HTTP answer */
    this.status = status;
    /** @type {string|null} the field to change, when the gateway named one */
    this.param = param;
  }
}

/**
 * Make the error of an object that carries the protocol's error fields: an `error` event, a `rejected`, an HTTP body.
 * @param {{code?: string, message?: string, retryable?: boolean, retry_after_ms?: number|null, param?: string|null}} said
 * @param {number|null} [status]
 * @returns {DualstreamError}
 */
export function errorOf(said, status = null) {
  return new DualstreamError(said.code ?? "server_error", said.message ?? "The gateway gave no reason.", {
    retryable: said.retryable ?? false,
    retryAfterMs: said.retry_after_ms ?? null,
    param: said.param ?? null,
    status,
  });
}

/**
 * Make the error of an HTTP answer that is no success. The body need not be the gateway's: a proxy in between may have
 * answered with a page of its own, so that the status has to be enough.
 * @param {Response} response
 * @param {number} [now] milliseconds since 1970, for a `Retry-After` that is a date
 * @returns {Promise<DualstreamError>}
 */
export async function errorOfResponse(response, now = Date.now()) {
  const said = await response.json().then((body) => body?.error, () => undefined);
  const { status } = response;
  const retryAfterMs = said?.retry_after_ms ?? retryAfter(response.headers.get("Retry-After"), now);
  if (said?.code) return errorOf({ ...said, retry_after_ms: retryAfterMs }, status);
  const retryable = status === 408 || status === 425 || status === 429 || status >= 500;
  const message = `The server answered ${status}${response.statusText ? ` ${response.statusText}` : ""}.`;
  return new DualstreamError(codeOfStatus(status), message, { retryable, retryAfterMs, status });
}

/**
 * Make the error of a connection that could not be made, or broke.
 * @param {string} message
 * @param {unknown} [cause]
 * @returns {DualstreamError}
 */
export function networkError(message, cause) {
  return cause instanceof DualstreamError ? cause : new DualstreamError("network_error", message, { retryable: true, cause });
}

/** What the gateway's close codes mean to us; any other close is a connection that broke. */
const CLOSED = new Map([
  [1012, ["shutting_down", "The gateway is restarting.", true]],
  [4400, ["invalid_request", "The gateway could not read what this client sent.", false]],
  [4401, ["auth_error", "The gateway does not know who this is.", false]],
  [4403, ["forbidden", "This page or account may not use the gateway.", false]],
  [4408, ["auth_error", "This client did not say in time who it is.", false]],
  [4413, ["invalid_request", "The message is too large for the gateway.", false]],
  [4429, ["rate_limit", "Too many requests: the gateway asks to slow down.", true]],
]);

/**
 * Make the error of a WebSocket that closed.
 * @param {number} closeCode
 * @param {string} [reason] the gateway's own words
 * @returns {DualstreamError}
 */
export function errorOfClose(closeCode, reason) {
  const [code, message, retryable] = CLOSED.get(closeCode) ?? ["network_error", "The connection was lost.", true];
  return new DualstreamError(code, reason || message, { retryable });
}

/** Read a `Retry-After`: seconds or a date. Gives milliseconds, or null when there is none that can be read. */
function retryAfter(value, now) {
  if (value === null || value === "") return null;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now;
  return Number.isFinite(ms) ? Math.max(0, ms) : null;
}

function codeOfStatus(status) {
  if (status === 401) return "auth_error";
  if (status === 403) return "forbidden";
  if (status === 404) return "generation_lost";
  if (status === 408 || status === 504) return "timeout";
  if (status === 429) return "rate_limit";
  return status >= 500 ? "server_error" : "invalid_request";
}
