/**
 * What a browser or Node provides. Functions are called on the global object, because browsers throw "Illegal invocation"
 * otherwise, and are looked up at each call, so that a page or a test may replace them later.
 */

/** Maximum milliseconds of a timer: with more, it fires at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** @returns {import("./client.js").Environment} */
export function defaultEnvironment() {
  return {
    fetch: (...args) => globalThis.fetch(...args),
    EventSource: globalThis.EventSource,
    WebSocket: globalThis.WebSocket,
    loadWebSocket: undefined,
    setTimeout: (callback, ms) => globalThis.setTimeout(callback, ms),
    clearTimeout: (timer) => globalThis.clearTimeout(timer),
    now: () => Date.now(),
    random: () => Math.random(),
    // Not crypto.randomUUID: it exists only in secure contexts, and a page over plain HTTP in the local network is none.
    uuid: () => Array.from(globalThis.crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join(""),
    origin: globalThis.location?.origin ?? null,
  };
}
