/**
 * The texts of the demo page: states, failures and waits, for people. Pure, so that every text can be tested.
 */

/** Names of the transports on the page. */
export const NAMES = { sse: "SSE", fetch: "SSE", websocket: "WebSocket" };

/** The message for each error code of the protocol and of the client. */
const FAILURES = {
  timeout: "The answer took too long.",
  rate_limit: "Too many requests just now.",
  server_error: "The model’s server has a problem.",
  auth_error: "Your key is missing or not valid.",
  invalid_request: "The request is not valid.",
  network_error: "The gateway can’t be reached.",
  queue_full: "The queue is full.",
  queue_timeout: "The wait in the queue was too long.",
  first_token_timeout: "The model did not start in time.",
  stalled: "The model stopped sending in the middle of its answer.",
  too_slow: "The model became too slow.",
  truncated: "The model’s answer was cut off.",
  upstream_protocol: "The model’s server sent invalid data.",
  content_filter: "The provider refused to answer.",
  model_not_found: "There is no such model.",
  generation_lost: "This answer is no longer stored.",
  already_over: "This answer has already ended.",
  output_limit: "The answer is too long.",
  budget_exceeded: "The budget is used up.",
  shutting_down: "The gateway is restarting.",
  forbidden: "This page is not allowed to do that.",
  provider_auth: "The provider does not accept the gateway’s key.",
  provider_quota: "The gateway’s account at the provider has no credit.",
  event_too_large: "The provider sent an event that is too large.",
  unsupported_content: "The provider sent something that the gateway can’t carry.",
  aborted: "Stopped before it started.",
  unsupported: "This browser does not support that.",
};

const STOPPED_BY = {
  client: "Stopped by you.",
  feedback: "Stopped by your feedback.",
  disconnect: "Stopped, because no viewer was connected.",
  limit: "Stopped at a limit.",
  shutdown: "Stopped, because the gateway is restarting.",
};

/**
 * Return the message for an error code.
 * @param {string|undefined} code
 * @returns {string}
 */
export function failureMessage(code) {
  return FAILURES[code] ?? "Something went wrong.";
}

/**
 * Return what the user can do about an error; "" if nothing. An answer that is no longer stored can be asked for again.
 * @param {{code?: string, retryable?: boolean, retryAfterMs?: number|null}} error
 * @param {boolean} partial true if some text had been received
 * @returns {string}
 */
export function adviceMessage({ code, retryable, retryAfterMs = null }, partial = false) {
  const kept = partial ? " The text so far is kept." : "";
  if (!retryable && code !== "generation_lost") return kept.trim();
  return `${retryAfterMs === null ? "You can run it again." : `You can run it again in ${formatDuration(retryAfterMs)}.`}${kept}`;
}

/**
 * Return the message for the end of an absence. Only of an answer that goes on, or is complete, was nothing missed.
 * @param {number} ms
 * @param {number} characters those that were waiting meanwhile
 * @param {string} state the answer's
 * @returns {string}
 */
export function backMessage(ms, characters, state) {
  const back = `Back after ${formatDuration(ms)}`;
  if (characters > 0) return `${back}: ${characters === 1 ? "1 character" : `${characters} characters`} recovered.`;
  return ["error", "interrupted"].includes(state) ? `${back}: the answer had stopped meanwhile.` : `${back}: nothing was missed.`;
}

/**
 * Format a duration with low precision: "4 s", "1.5 s", "2 min".
 * @param {number} ms
 * @returns {string}
 */
export function formatDuration(ms) {
  if (ms < 950) return `${Math.max(0.1, Math.round(ms / 100) / 10)} s`;
  if (ms < 9_950) return `${(Math.round(ms / 100) / 10).toString()} s`;
  return ms < 120_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`;
}

/**
 * Format a measured time: "0.8 ms", "312 ms", "1.52 s"; "–" if it is not known.
 * @param {number|null|undefined} ms
 * @returns {string}
 */
export function formatMillis(ms) {
  if (ms === null || ms === undefined || Number.isNaN(ms)) return "–";
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

/**
 * Return the message for a position in the queue.
 * @param {{position: number, etaMs: number|null}} queue
 * @returns {string}
 */
export function queueMessage({ position, etaMs }) {
  const place = position <= 1 ? "next" : ordinal(position);
  return `You are ${place} in the queue${etaMs === null ? "" : `, about ${formatDuration(Math.max(1000, Math.round(etaMs / 1000) * 1000))}`}.`;
}

function ordinal(n) {
  const ending = { one: "st", two: "nd", few: "rd", other: "th" };
  return `${n}${ending[new Intl.PluralRules("en", { type: "ordinal" }).select(n)]}`;
}

/**
 * Return the message for the state of an answer, or for how it ended.
 * @param {import("../dualstream.js").Answer} answer
 * @param {{upstreamRetry: {attempt: number, delay_ms: number, code: string}|null, tookMs: number}} run known to the page only
 * @returns {string}
 */
export function stateMessage(answer, { upstreamRetry, tookMs }) {
  switch (answer.state) {
    case "connecting": {
      if (!answer.retrying) return "Connecting…";
      const { error, delayMs, attempt } = answer.retrying;
      return `${failureMessage(error.code)} Trying again in ${formatDuration(delayMs)} (attempt ${attempt + 1}).`;
    }
    case "queued":
      return queueMessage(answer.queue);
    case "waiting": {
      if (!upstreamRetry) return "Waiting for the first token…";
      const { code, delay_ms: delay, attempt } = upstreamRetry;
      return `${failureMessage(code)} Calling the model again in ${formatDuration(delay)} (attempt ${attempt + 1}).`;
    }
    case "streaming":
      return answer.text === "" ? "Thinking…" : "Streaming.";
    case "offline": {
      const at = answer.position ? ` after event ${answer.position.split(":").pop()}` : "";
      return `Offline${at}. ${answer.retrying ? `Trying again in ${formatDuration(answer.retrying.delayMs)}.` : "Reconnecting…"}`;
    }
    case "complete":
      return `Done in ${formatDuration(tookMs)}.`;
    case "interrupted":
      return STOPPED_BY[answer.terminal?.by] ?? "Stopped.";
    case "error":
      return failureMessage(answer.error?.code);
    default:
      return "Ready.";
  }
}

/**
 * Return the message for the usage and cost in a terminal event; "" if both are unknown.
 * @param {{usage: object|null, cost_usd: number|null}} event
 * @returns {string}
 */
export function usageMessage({ usage, cost_usd: cost }) {
  const about = usage?.source === "estimated" ? "about " : "";
  const tokens = usage?.output_tokens == null ? "" : `${about}${usage.input_tokens ?? "?"} tokens in, ${usage.output_tokens} out`;
  return [tokens, cost == null ? "" : `$${cost.toFixed(4)}`].filter(Boolean).join(" · ");
}
