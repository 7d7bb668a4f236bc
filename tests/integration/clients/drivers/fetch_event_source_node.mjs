/**
 * @microsoft/fetch-event-source: it sends a POST with a key, and the same POST again after a cut and a hidden tab.
 */

import { BASE_URL, KEY, TEXT, assert, finish, hungUp, scenario } from "./kit.mjs";
import { Result, play, startOf } from "./readers.mjs";

// It is written for pages: it reads `document.hidden` and calls `window.fetch`.
const listeners = new Set();
globalThis.document = { hidden: false, addEventListener: (_, listener) => listeners.add(listener), removeEventListener: (_, listener) => listeners.delete(listener) };
globalThis.window = { fetch, setTimeout, clearTimeout };
const { fetchEventSource } = await import("@microsoft/fetch-event-source");

const show = (isShown) => {
  document.hidden = !isShown;
  for (const listener of [...listeners]) listener();
};

class RefusedError extends Error {}

/** Read an answer; `leave` is a signal of a reader that goes away. */
async function read(request, onEvent, leave = undefined) {
  const { base = BASE_URL, key, generation } = request;
  const reading = new Result(onEvent);
  reading.opened = 0;
  const done = new AbortController();
  leave?.addEventListener("abort", () => done.abort());
  const start = { method: "POST", body: JSON.stringify(startOf(request)), headers: { "content-type": "application/json", authorization: `Bearer ${key}` } };
  const attach = { headers: { authorization: `Bearer ${key}` } };
  await fetchEventSource(`${base}${generation ? `/api/generations/${generation}/events` : "/api/chat/stream"}`, {
    ...(generation ? attach : start),
    signal: done.signal,
    async onopen(response) {
      reading.opened++;
      if (response.ok) return;
      reading.end = (await response.json()).error;
      throw new RefusedError(reading.end.message);
    },
    onmessage({ id, data }) {
      if (data && reading.take(JSON.parse(data), id)) done.abort();
    },
    onerror(error) {
      if (error instanceof RefusedError) throw error;
    },
  }).catch((error) => {
    if (!(error instanceof RefusedError)) throw error;
  });
  return reading;
}

await play("post", read);
await scenario("post/hidden-tab", async () => {
  const reading = await read({ word: "halves", key: KEY }, ({ type }, { pieces }) => {
    if (type !== "chunk" || pieces !== 1) return;
    show(false);
    setTimeout(() => show(true), 200);
  });
  assert.deepEqual([reading.text, reading.opened], [TEXT, 2]);
  assert.equal(new Set(reading.ids).size, reading.ids.length, "no event came twice");
});
await scenario("post/abort", async () => {
  const left = new AbortController();
  const options = { on_disconnect: "cancel" };
  await read({ word: "slow", key: KEY, options }, (_, { pieces }) => pieces === 3 && left.abort(), left.signal);
  return hungUp();
});
finish();
