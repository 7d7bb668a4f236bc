/**
 * What the demo page says: states, failures and waits in the words of a person. Pure, so that every sentence can be tested.
 */

/** How the transports are called on the page. */
export const NAMES = { sse: "SSE", fetch: "SSE", websocket: "WebSocket" };

/** What went wrong, for each code of the protocol and of the client. */
const FAILURES = {
  timeout: "It took too long.",
  rate_limit: "Too many requests just now.",
  server_error: "The model’s server has a problem.",
  auth_error: "You are not signed in here, or your key is not valid.",
  invalid_request: "The gateway can’t work with this request.",
  network_error: "The gateway can’t be reached.",
  queue_full: "Too many people are waiting already.",
  queue_timeout: "The wait in line was too long.",
  first_token_timeout: "The model did not begin in time.",
  stalled: "The model fell silent in the middle.",
  too_slow: "The model became too slow.",
  truncated: "The model’s answer broke off.",
  upstream_protocol: "The model’s server sent something unreadable.",
  content_filter: "The provider declined to answer this.",
  model_not_found: "There is no such model.",
  generation_lost: "This answer is no longer kept.",
  already_over: "This answer is already over.",
  output_limit: "The answer grew too long.",
  budget_exceeded: "The budget is used up.",
  shutting_down: "The gateway is restarting.",
  forbidden: "This page may not do that.",
  aborted: "Stopped before it began.",
  unsupported: "This browser can’t do that.",
};

const STOPPED_BY = {
  client: "Stopped by you.",
  feedback: "Stopped by your feedback.",
  disconnect: "Stopped, because nobody was reading.",
  limit: "Stopped at the limit.",
  shutdown: "Stopped, because the gateway is restarting.",
};

/**
 * Say what went wrong.
 * @param {string|undefined} code
 * @returns {string}
 */
export function failure(code) {
  return FAILURES[code] ?? "Something went wrong.";
}

/**
 * Say what can be done about it.
 * @param {{retryable?: boolean, retryAfterMs?: number|null}} error
 * @param {boolean} partial some text had come
 * @returns {string}
 */
export function remedy({ retryable, retryAfterMs = null }, partial = false) {
  const kept = partial ? " What had come is kept." : "";
  if (!retryable) return kept.trim();
  return `${retryAfterMs === null ? "You can run it again." : `You can run it again in ${seconds(retryAfterMs)}.`}${kept}`;
}

/**
 * Say how long, as a person would: "4 s", "1.5 s", "2 min".
 * @param {number} ms
 * @returns {string}
 */
export function seconds(ms) {
  if (ms < 950) return `${Math.max(0.1, Math.round(ms / 100) / 10)} s`;
  if (ms < 9_950) return `${(Math.round(ms / 100) / 10).toString()} s`;
  return ms < 120_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`;
}

/**
 * Say a figure in milliseconds: "0.8 ms", "312 ms", "1.52 s".
 * @param {number|null|undefined} ms
 * @returns {string}
 */
export function millis(ms) {
  if (ms === null || ms === undefined || Number.isNaN(ms)) return "–";
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

/**
 * Say a place in line.
 * @param {{position: number, etaMs: number|null}} queue
 * @returns {string}
 */
export function inLine({ position, etaMs }) {
  const place = position <= 1 ? "next" : ordinal(position);
  return `You are ${place} in line${etaMs === null ? "" : `, about ${seconds(Math.max(1000, Math.round(etaMs / 1000) * 1000))}`}.`;
}

function ordinal(n) {
  const ending = { one: "st", two: "nd", few: "rd", other: "th" };
  return `${n}${ending[new Intl.PluralRules("en", { type: "ordinal" }).select(n)]}`;
}

/**
 * Say what an answer is doing, or how it ended.
 * @param {import("./dualstream.js").Answer} answer
 * @param {{upstreamRetry: {attempt: number, delay_ms: number, code: string}|null, tookMs: number}} seen what the page knows
 * @returns {string}
 */
export function stateInWords(answer, { upstreamRetry, tookMs }) {
  switch (answer.state) {
    case "connecting": {
      if (!answer.retrying) return "Connecting…";
      const { error, delayMs, attempt } = answer.retrying;
      return `${failure(error.code)} Trying again in ${seconds(delayMs)} (attempt ${attempt + 1}).`;
    }
    case "queued":
      return inLine(answer.queue);
    case "waiting": {
      if (!upstreamRetry) return "Waiting for the first word…";
      const { code, delay_ms: delay, attempt } = upstreamRetry;
      return `${failure(code)} Asking the model again in ${seconds(delay)} (attempt ${attempt + 1}).`;
    }
    case "streaming":
      return answer.text === "" ? "Thinking…" : "Streaming.";
    case "offline": {
      const at = answer.position ? ` after event ${answer.position.split(":").pop()}` : "";
      return `Offline${at}. ${answer.retrying ? `Trying again in ${seconds(answer.retrying.delayMs)}.` : "Coming back…"}`;
    }
    case "complete":
      return `Done in ${seconds(tookMs)}.`;
    case "interrupted":
      return STOPPED_BY[answer.terminal?.by] ?? "Stopped.";
    case "error":
      return failure(answer.error?.code);
    default:
      return "Ready.";
  }
}
