/**
 * Errors as data: a code of the protocol, a message for people, and whether a retry may help.
 */

/**
 * The only error class of this client. `code` is a code of docs/reference/protocol.md, or one of the client's own: `aborted` (the
 * caller stopped the answer before the gateway had accepted it) and `unsupported` (the environment lacks what the transport
 * needs).
 */
export class DualstreamError extends Error {
  /**
   * @param {string} code
   * @param {string} message for people
   * @param {{retryable?: boolean, retryAfterMs?: number|null, status?: number|null, param?: string|null, cause?: unknown}} [fields]
   */
  constructor(code, message, { retryable = false, retryAfterMs = null, status = null, param = null, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "DualstreamError";
    /** @type {string} */
    this.code = code;
    /** @type {boolean} true if the same request may succeed later */
    this.retryable = retryable;
    /** @type {number|null} milliseconds that the gateway asks to wait; null: not specified */
    this.retryAfterMs = retryAfterMs;
    /** @type {number|null} the HTTP status, if the error was an HTTP response */
    this.status = status;
    /** @type {string|null} the request field to change, if the gateway named one */
    this.param = param;
  }
}

/**
 * Build the error from the protocol's error fields, as in an `error` event, a `rejected` message or an HTTP body.
 * @param {{code?: string, message?: string, retryable?: boolean, retry_after_ms?: number|null, param?: string|null}} fields
 * @param {number|null} [status]
 * @returns {DualstreamError}
 */
export function errorOf(fields, status = null) {
  return new DualstreamError(fields.code ?? "server_error", fields.message ?? "The gateway gave no reason.", {
    retryable: fields.retryable ?? false,
    retryAfterMs: fields.retry_after_ms ?? null,
    param: fields.param ?? null,
    status,
  });
}

/**
 * Build the error of an HTTP response without success. The body may not be the gateway's, because a proxy may have answered
 * with a page of its own; then the status decides.
 * @param {Response} response
 * @param {number} [now] milliseconds since 1970, for a `Retry-After` that is a date
 * @returns {Promise<DualstreamError>}
 */
export async function errorOfResponse(response, now = Date.now()) {
  const fields = await response.json().then((body) => body?.error, () => undefined);
  const { status } = response;
  const retryAfterMs = fields?.retry_after_ms ?? parseRetryAfter(response.headers.get("Retry-After"), now);
  if (fields?.code) return errorOf({ ...fields, retry_after_ms: retryAfterMs }, status);
  const retryable = status === 408 || status === 425 || status === 429 || status >= 500;
  const message = `The response was HTTP ${status}${response.statusText ? ` ${response.statusText}` : ""}, without an error of a Dualstream gateway.`;
  return new DualstreamError(codeOfStatus(status), message, { retryable, retryAfterMs, status });
}

/**
 * Build the error of a connection that failed or was lost. A DualstreamError as its cause is returned as it is.
 * @param {string} message
 * @param {unknown} [cause]
 * @returns {DualstreamError}
 */
export function networkError(message, cause) {
  return cause instanceof DualstreamError ? cause : new DualstreamError("network_error", message, { retryable: true, cause });
}

/** Code, message and retryability of the gateway's close codes; any other close code is a lost connection. */
const CLOSE_CODES = new Map([
  [1012, ["shutting_down", "The gateway is restarting.", true]],
  [4400, ["invalid_request", "The gateway could not read a message of this client.", false]],
  [4401, ["auth_error", "The key or ticket is missing or not valid.", false]],
  [4403, ["forbidden", "This page or account is not allowed to use the gateway.", false]],
  [4408, ["auth_error", "This client did not authenticate in time.", false]],
  [4413, ["invalid_request", "The message is too large for the gateway.", false]],
  [4429, ["rate_limit", "Too many requests: slow down.", true]],
]);

/**
 * Build the error of a WebSocket that was closed.
 * @param {number} closeCode
 * @param {string} [reason] the gateway's own message
 * @returns {DualstreamError}
 */
export function errorOfClose(closeCode, reason) {
  const [code, message, retryable] = CLOSE_CODES.get(closeCode) ?? ["network_error", "The connection was lost.", true];
  return new DualstreamError(code, reason || message, { retryable });
}

/** Parse a `Retry-After` header: seconds or a date (RFC 9110, 10.2.3). Return milliseconds, or null if it is neither. */
function parseRetryAfter(value, now) {
  if (value === null || value === "") return null;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now;
  return Number.isFinite(ms) ? Math.max(0, ms) : null;
}

/** Codes of responses that are not the gateway's. */
const CODES = new Map([
  [401, "auth_error"], [403, "forbidden"], [408, "timeout"], [425, "network_error"], [429, "rate_limit"], [500, "server_error"],
]);

/** From 501 on, a proxy has not reached the gateway. */
function codeOfStatus(status) {
  return CODES.get(status) ?? (status >= 500 ? "network_error" : "invalid_request");
}

/**
 * Call a function of the application, if it is set. What it throws is reported as an uncaught error, like that of an event
 * handler, and changes nothing here: an error of a page's rendering is no lost connection.
 * @param {Function|undefined} callback
 * @param {...unknown} args
 */
export function notify(callback, ...args) {
  try {
    callback?.(...args);
  } catch (error) {
    queueMicrotask(() => { throw error; });
  }
}
