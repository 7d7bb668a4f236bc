/**
 * The names of all options. A misspelt one would be ignored, and `baseUrl` would silently call the page's own server: so it
 * is a TypeError. Values are checked where only one of a few is valid.
 */

import { RETRY } from "./backoff.js";

/** @typedef {"sse" | "fetch" | "websocket" | "poll" | "auto"} Transport */

/** @type {readonly Transport[]} */
export const TRANSPORTS = Object.freeze(["sse", "fetch", "websocket", "poll", "auto"]);

const CLIENT = [
  "baseURL", "transport", "headers", "credentials", "token", "ticket", "timeout", "idleTimeout", "retry", "keepOpen", "environment",
];
const READING = ["signal", "transport", "onEvent", "onState"];

/** Options of the provider. In a start they stand in `options`, or beside it as in OpenAI's API (docs/protocol.md, "Start"). */
const PROVIDER = [
  "temperature", "top_p", "max_tokens", "max_completion_tokens", "stop", "seed", "presence_penalty", "frequency_penalty", "tools",
  "tool_choice", "parallel_tool_calls", "response_format", "reasoning_effort", "logprobs", "top_logprobs", "user", "on_disconnect",
];

const TURN = ["model", "options", "metadata"];
const SETTINGS = [...TURN, "onEvent", "onFinish", "onError"];
const CONVERSATION = [...SETTINGS, "messages", "transport", "resume", "storage"];

/** The names that each function accepts, by what its messages call it. */
export const NAMES = Object.freeze({
  "new Dualstream()": CLIENT,
  retry: Object.keys(RETRY),
  environment: [
    "fetch", "EventSource", "WebSocket", "loadWebSocket", "setTimeout", "clearTimeout", "now", "random", "uuid", "origin",
  ],
  request: ["prompt", "messages", ...TURN, ...PROVIDER],
  "start()": [...READING, "idempotencyKey"],
  "attach()": [...READING, "after", "text", "revision"],
  "feedback()": ["text", "rating", "mode"],
  "new Conversation()": CONVERSATION,
  "configure()": SETTINGS,
  "send()": TURN,
  "useGeneration()": [...new Set([...CLIENT, ...CONVERSATION, "client", "conversation"])],
});

/**
 * Check the names of options.
 * @param {keyof typeof NAMES} where
 * @param {object} options
 * @throws {TypeError} it names the first unknown option, and the one that was probably meant
 */
export function checkNames(where, options) {
  const known = NAMES[where];
  if (typeof options !== "object" || options === null) throw new TypeError(`${where} takes an object with ${known.join(", ")}.`);
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const similar = nearest(name, known);
    const advice = similar ? `did you mean ${similar}?` : `known are ${known.join(", ")}.`;
    throw new TypeError(`${where}: ${name} is not an option; ${advice}`);
  }
}

/**
 * Check a transport.
 * @param {string} transport
 * @throws {TypeError}
 */
export function checkTransport(transport) {
  if (TRANSPORTS.includes(transport)) return;
  throw new TypeError(`${transport} is not a transport: use ${TRANSPORTS.slice(0, -1).join(", ")} or ${TRANSPORTS.at(-1)}.`);
}

/** Return the known name that a misspelt one resembles, or undefined. */
function nearest(name, known) {
  const plain = (text) => text.replaceAll(/[_-]/g, "").toLowerCase();
  const ranked = known
    .map((candidate) => ({ candidate, edits: distance(plain(name), plain(candidate)) }))
    .sort((a, b) => a.edits - b.edits);
  return ranked[0].edits <= Math.max(1, name.length / 3) ? ranked[0].candidate : undefined;
}

/** Return the Levenshtein distance of two short texts: the number of inserted, deleted and replaced characters. */
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (const [i, character] of [...a].entries()) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j += 1) {
      next.push(Math.min(next[j] + 1, row[j + 1] + 1, row[j] + (character === b[j] ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1);
}
