/**
 * Reading by long polls: one ordinary request after another, for networks whose proxies let no stream pass.
 */

import { DualstreamError, errorOfResponse, networkError } from "./errors.js";

/** Minimum milliseconds between two polls without events: a response that does not wait may come from a cache. */
const EMPTY_MS = 250;

/**
 * Poll until the generation ends. The first poll does not wait: it shows at once whether the gateway can be reached.
 * @param {object} options
 * @param {(after: string|null, wait: number|null, signal: AbortSignal) => Promise<Response>} options.request sends one poll;
 *   `wait` is in seconds, null for as long as the gateway allows
 * @param {string|null} options.position where to begin; null: at the beginning
 * @param {number|null} options.wait of all polls but the first
 * @param {{now: () => number, setTimeout: Function, clearTimeout: Function}} options.env
 * @param {import("./connectors.js").Listener} options.listener
 * @returns {import("./connectors.js").Connection}
 */
export function openPoll({ request, position, wait, env, listener }) {
  const controller = new AbortController();
  const { signal } = controller;
  const close = () => controller.abort();
  poll().catch((error) => {
    if (signal.aborted) return;
    close();
    listener.onError(networkError("The connection was lost.", error));
  });

  async function poll() {
    for (let after = position, first = true; ; first = false) {
      const began = env.now();
      const { events, position: reached, ended } = await answer(after, first ? 0 : wait);
      if (signal.aborted) return;
      if (first) listener.onOpen();
      for (const event of events) {
        listener.onEvent(event);
        if (signal.aborted) return;
      }
      if (ended) return listener.onEnd(null);
      after = reached;
      // The clock may have been set meanwhile: then this must not wait for hours.
      const tooSoon = Math.min(EMPTY_MS, EMPTY_MS - (env.now() - began));
      if (events.length === 0 && !first && tooSoon > 0) await pause(tooSoon, env, signal);
      if (signal.aborted) return;
    }
  }

  async function answer(after, seconds) {
    const response = await request(after, seconds, signal);
    if (!response.ok) throw await errorOfResponse(response, env.now());
    const body = await response.text();
    listener.onActivity(body.length);
    return parse(body);
  }
  return { close, abort: close };
}

function parse(body) {
  try {
    const answer = JSON.parse(body);
    if (Array.isArray(answer?.events) && typeof answer.position === "string") return answer;
  } catch { /* no JSON: the same error */ }
  const message = "Expected the JSON of a poll: is baseURL the address of a gateway, and does it have long polls?";
  throw new DualstreamError("upstream_protocol", message);
}

/** Wait, and no longer once the signal aborts: no timer is left. */
function pause(ms, env, signal) {
  return new Promise((resolve) => {
    const done = () => {
      env.clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = env.setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
