/**
 * What every driver for Node needs: the server, named scenarios, and what the provider has seen of them. See kit.py.
 */

import assert from "node:assert/strict";
import net from "node:net";

export { assert };
/** `OTHER_KEY` is another principal's; that of `LIMITED_KEY` may start one generation per minute. */
export const { BASE_URL, KEY, MODEL, OTHER_KEY, LIMITED_KEY, FAILOVER_MODEL, QUEUED_MODEL } = process.env;
const { JOURNAL } = process.env;

export const TEXT = "The quick brown fox jumps over the lazy dog.";
export const TOOL_TEXT = "It is 21 degrees in Paris.";
export const THOUGHTS = "First I compare.";
export const CITY = { city: "Paris" };
export const CITY_SCHEMA = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };
export const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
export const PIXEL_URL = `data:image/png;base64,${PIXEL}`;
/** Tokens of every answer; `input` includes `cached`. */
export const USAGE = { input: 21, cached: 8, output: 9 };

const SCENARIO_MS = 20_000;
const START_MS = 10_000;
const STOP_MS = 5000;
const READING_MS = 300;
const DELIVERY_MS = 100; // a reset discards what the client has not read yet
const only = (process.env.ONLY ?? "").split(",").filter(Boolean);
const results = [];

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export const prompt = (word) => `Say it. KIT:${word}`;
export const say = (word) => [{ role: "user", content: prompt(word) }];

const journal = async () => (await fetch(JOURNAL)).json();

/** Run a scenario, and print its verdict; what it returns is a note. */
export async function scenario(name, run) {
  if (only.length > 0 && !only.includes(name)) return;
  const began = performance.now();
  const earlier = (await journal()).length;
  let passed = true;
  let note;
  let timer;
  try {
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`took over ${SCENARIO_MS} ms`)), SCENARIO_MS);
    });
    note = await Promise.race([run(), late]);
  } catch (error) {
    passed = false;
    note = `${error?.name}: ${String(error?.message).slice(0, 600)}`;
  } finally {
    clearTimeout(timer);
  }
  results.push(passed);
  const requests = (await journal()).length - earlier;
  console.log(JSON.stringify({ scenario: name, passed, requests, milliseconds: Math.round(performance.now() - began), note: note ?? "" }));
}

/** End the driver. */
export function finish() {
  process.exit(results.length > 0 && results.every(Boolean) ? 0 : 1);
}

/** @returns the error that a function raises */
export async function raised(run) {
  try {
    await run();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was raised");
}

export const shown = (error) => `${error?.constructor?.name}: ${error?.message}`.slice(0, 160);

/** Wait until the gateway has closed the newest stream of the provider before its end. */
export async function hungUp() {
  for (const deadline = Date.now() + STOP_MS; Date.now() < deadline; await sleep(50)) {
    if ((await journal()).at(-1).early) return "the provider's socket was closed";
  }
  throw new Error(`${STOP_MS} ms after the client left, the provider still streams`);
}

/** Send a request to the gateway's own API. @returns the response */
export function request(method, path, { body, key = KEY, headers = {} } = {}) {
  const type = body ? { "content-type": "application/json" } : {};
  const init = { method, headers: { authorization: `Bearer ${key}`, ...type, ...headers } };
  return fetch(`${BASE_URL}${path}`, body ? { ...init, body: JSON.stringify(body) } : init);
}

/** @returns the JSON document of a response that must be a success */
export async function gateway(method, path, options) {
  const response = await request(method, path, options);
  assert.ok(response.ok, `${method} ${path} was answered with ${response.status}`);
  return response.json();
}

/** @returns {Promise<string>} a ticket, for clients that can't send a key */
export const ticket = async (body, key = KEY) => (await gateway("POST", "/api/tickets", { body, key })).ticket;

export const interrupt = (id) => gateway("POST", `/api/generations/${id}/interrupt`);
/** Send feedback that makes the provider begin again, with `TEXT`. */
export const correct = (id) => gateway("POST", `/api/generations/${id}/feedback`, { body: { text: prompt("text") } });

/** @returns {Promise<string>} the id of the newest generation, once it has text */
export async function streaming() {
  for (const deadline = Date.now() + START_MS; Date.now() < deadline; await sleep(20)) {
    const [running] = (await gateway("GET", "/api/generations")).generations;
    if (running?.state === "streaming") return running.id;
  }
  throw new Error("no generation started");
}

/** Act on the generation that starts next, as another client would, while `run` reads. @returns what `run` returns */
export async function during(run, act) {
  const later = async () => {
    const id = await streaming();
    await sleep(READING_MS);
    return act(id);
  };
  const [result] = await Promise.all([run(), later()]);
  return result;
}

export const interrupting = (run) => during(run, interrupt);
export const correcting = (run) => during(run, correct);

/** Occupy the only place of `QUEUED_MODEL` while `run` waits for it; `run` gets a function that makes room. */
export async function queueing(run) {
  const body = { messages: say("slow"), model: QUEUED_MODEL };
  const { id } = await gateway("POST", "/api/generations", { body });
  try {
    return await run(() => interrupt(id));
  } finally {
    await request("POST", `/api/generations/${id}/interrupt`);
  }
}

/** Start generations as the limited principal, until one is refused. @returns what `start` returns then */
export async function limited(start) {
  await request("POST", "/api/generations", { body: { messages: say("text"), model: MODEL }, key: LIMITED_KEY });
  return start(LIMITED_KEY);
}

/** @returns {Promise<object>} the turns that the provider was sent last: role and text of each */
export const turns = async () => (await journal()).at(-1).ask.turns;

/**
 * Run a proxy of the gateway that resets the first connection on which `mark` has come back, in the middle of its event.
 * What came before is delivered.
 * @returns {Promise<{url: string, connections: number, cuts: number, close: () => void}>}
 */
export async function cutter(mark) {
  const gateway = new URL(BASE_URL);
  const proxy = { connections: 0, cuts: 0 };
  const server = net.createServer((client) => {
    proxy.connections++;
    const upstream = net.connect(Number(gateway.port), gateway.hostname);
    client.pipe(upstream);
    let isCut = false;
    upstream.on("data", (data) => {
      if (isCut) return;
      const at = proxy.cuts > 0 ? -1 : data.indexOf(mark);
      if (at < 0) return client.write(data);
      isCut = true;
      proxy.cuts++;
      client.write(data.subarray(0, at));
      setTimeout(() => {
        client.resetAndDestroy();
        upstream.destroy();
      }, DELIVERY_MS);
    });
    upstream.on("end", () => client.end());
    upstream.on("error", () => client.destroy());
    client.on("error", () => upstream.destroy());
    client.on("close", () => upstream.destroy());
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(proxy, { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() });
}
