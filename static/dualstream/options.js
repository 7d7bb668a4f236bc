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

/** Options of the provider, and of the gateway. In a start they stand in `options`, or beside it as in OpenAI's API (docs/reference/protocol.md, "Start"). */
const PROVIDER = [
  "temperature", "top_p", "max_tokens", "max_completion_tokens", "stop", "seed", "presence_penalty", "frequency_penalty", "tools",
  "tool_choice", "parallel_tool_calls", "response_format", "reasoning_effort", "logprobs", "top_logprobs", "user", "on_disconnect",
  "coalesce_ms",
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
  "attach()": [...READING, "after", "text", "revision", "coalesceMs"],
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

/**
 * Check the values of a client's options: a wrong one would fail with each request, as if the network was down.
 * @param {object} options with all defaults
 * @throws {TypeError}
 */
export function checkClient({ baseURL, headers, credentials, token, timeout, idleTimeout, retry }) {
  if (token !== null && typeof token !== "function" && !isToken(token)) {
    throw new TypeError("token can't be sent in a header: check for a line break or a space."); // without the token
  }
  checkBaseURL(baseURL);
  if (!["omit", "same-origin", "include"].includes(credentials)) refuse("credentials", credentials, "omit, same-origin or include");
  for (const [name, value] of Object.entries({ timeout, idleTimeout, ...retry })) {
    if (typeof value !== "number" || !(value >= 0)) refuse(name, value, "a number that is not negative");
  }
  if (typeof headers !== "object" || headers === null || Symbol.iterator in headers) refuse("headers", headers, "an object of names and values");
  new Headers(headers); // throws a TypeError that names what can't be sent
}

/** True for a text that can be sent as a bearer token: visible ASCII characters. */
export const isToken = (token) => typeof token === "string" && /^[\x21-\x7e]*$/.test(token);

/** Addresses without a scheme are the most frequent mistake: the page's own server would be called. */
function checkBaseURL(baseURL) {
  const isText = typeof baseURL === "string";
  if (isText && (baseURL === "" || /^[./]/.test(baseURL) || (/^https?:/i.test(baseURL) && URL.canParse?.(baseURL) !== false))) {
    if (!/^https?:\/\/[^/?#]*@/i.test(baseURL)) return;
    throw new TypeError("baseURL has a user or password, which browsers do not send: use the option token or headers.");
  }
  refuse("baseURL", baseURL, "an address such as http://127.0.0.1:8080, or a path of this origin that begins with /");
}

/**
 * Check what an answer is read with.
 * @param {{signal?: unknown, onEvent?: unknown, onState?: unknown, coalesceMs?: unknown}} options
 * @throws {TypeError}
 */
export function checkReading({ signal, onEvent, onState, coalesceMs }) {
  for (const [name, value] of Object.entries({ onEvent, onState })) {
    if (value !== undefined && value !== null && typeof value !== "function") refuse(name, value, "a function");
  }
  if (coalesceMs !== undefined && !(Number.isInteger(coalesceMs) && coalesceMs >= 0 && coalesceMs <= 1000)) {
    refuse("coalesceMs", coalesceMs, "a whole number of milliseconds from 0 to 1000");
  }
  if (signal && typeof signal.addEventListener !== "function") refuse("signal", signal, "an AbortSignal");
}

/**
 * Check the id of a generation, which becomes a segment of a path.
 * @param {string} where
 * @param {unknown} id
 * @throws {TypeError}
 */
export function checkId(where, id) {
  if (typeof id === "string" && !["", ".", ".."].includes(id)) return;
  throw new TypeError(`${where} takes the id of a generation, not ${describe(id)}.`);
}

function refuse(name, value, expected) {
  throw new TypeError(`${name} is ${describe(value)}: it takes ${expected}.`);
}

const describe = (value) => (typeof value === "string" ? JSON.stringify(value) : typeof value === "object" && value !== null ? "an object" : String(value));

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
