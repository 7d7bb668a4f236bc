/**
 * What every driver for Node needs: the server, named scenarios, and what the provider has seen of them. See kit.py.
 */

import assert from "node:assert/strict";

export { assert };
export const { BASE_URL, KEY, MODEL } = process.env;
const { JOURNAL } = process.env;

export const TEXT = "The quick brown fox jumps over the lazy dog.";
export const TOOL_TEXT = "It is 21 degrees in Paris.";
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

async function gateway(method, path) {
  const response = await fetch(`${BASE_URL}${path}`, { method, headers: { authorization: `Bearer ${KEY}` } });
  assert.ok(response.ok, `${method} ${path} was answered with ${response.status}`);
  return response.json();
}

/** Interrupt the generation that starts next, as another client would, while `run` reads. @returns what `run` returns */
export async function interrupting(run) {
  const interrupt = async () => {
    for (const deadline = Date.now() + START_MS; Date.now() < deadline; await sleep(50)) {
      const [running] = (await gateway("GET", "/api/generations")).generations;
      if (running?.state !== "streaming") continue;
      await sleep(READING_MS);
      return gateway("POST", `/api/generations/${running.id}/interrupt`);
    }
    throw new Error("no generation started");
  };
  const [result] = await Promise.all([run(), interrupt()]);
  return result;
}
