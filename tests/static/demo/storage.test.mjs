/** What the panes show, kept for a refresh. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { load, save } from "../../../static/demo/storage.js";

function memory(full = false) {
  const entries = new Map();
  return {
    getItem: (key) => entries.get(key) ?? null,
    setItem: (key, value) => { if (full) throw new DOMException("full", "QuotaExceededError"); entries.set(key, value); },
    removeItem: (key) => entries.delete(key),
    entries,
  };
}
const panes = (turns) => ({ left: { transport: "sse", messages: [], turns }, right: { transport: "poll", messages: [], turns: [] } });

test("what was saved is loaded", () => {
  const storage = memory();
  save(storage, panes([{ prompt: "Hello" }]));
  assert.deepEqual(load(storage), panes([{ prompt: "Hello" }]));
});

test("without turns nothing is kept", () => {
  const storage = memory();
  save(storage, panes([{ prompt: "Hello" }]));
  save(storage, panes([]));
  assert.equal(storage.entries.size, 0);
  assert.deepEqual(load(storage), {});
});

test("large images are left out", () => {
  const storage = memory();
  save(storage, panes([{ answer: { parts: [{ kind: "image", data: "x".repeat(200_000) }, { kind: "image", data: "aGk=" }] } }]));
  assert.deepEqual(load(storage).left.turns[0].answer.parts, [{ kind: "image" }, { kind: "image", data: "aGk=" }]);
});

test("a full storage, another version and invalid data begin again", () => {
  const full = memory(true);
  save(full, panes([{ prompt: "Hello" }]));
  assert.deepEqual(load(full), {});
  for (const text of ["{", "null", "7", '{"version":99,"panes":{}}', '{"version":1,"panes":7}']) {
    assert.deepEqual(load({ getItem: () => text }), {}, text);
  }
});
