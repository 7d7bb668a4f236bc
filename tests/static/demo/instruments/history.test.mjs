/** Runs that can be compared. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { History, modelKey } from "../../../../static/demo/instruments/history.js";
import { Measurement } from "../../../../static/demo/instruments/measurement.js";

const run = (transport, value, model = "sim?speed=85") => ({ transport, model, value });
const read = ({ value }) => value;

test("medians are of one transport, and unknown values do not count", () => {
  const history = new History();
  for (const value of [3, null, 1, 2]) history.add(run("sse", value));
  history.add(run("websocket", 9));
  assert.deepEqual([history.median("sse", read), history.median("websocket", read), history.values("sse", read)], [2, 9, [3, 1, 2]]);
  assert.deepEqual(history.transports, ["sse", "websocket"]);
});

test("runs with other settings are not compared, but come back with them", () => {
  const history = new History();
  history.add(run("sse", 1));
  history.add(run("sse", 5, "sim?speed=20"));
  assert.deepEqual(history.values("sse", read), [5]);
  history.add(run("sse", 3, "sim?speed=85&seed=7"));
  assert.deepEqual(history.values("sse", read), [1, 3]);
});

test("only the newest runs are kept", () => {
  const history = new History();
  for (let value = 0; value < 70; value += 1) history.add(run("sse", value));
  assert.deepEqual([history.values("sse", read).length, history.values("sse", read)[0]], [60, 10]);
});

test("an empty history has no medians", () => {
  const history = new History();
  assert.deepEqual([history.median("sse", read), history.transports, history.model], [null, [], null]);
});

test("the order of settings and the seed make no other model", () => {
  assert.equal(modelKey("sim?speed=1&length=2&seed=3"), modelKey("sim?length=2&speed=1"));
  assert.deepEqual([modelKey("gpt"), modelKey("sim?seed=1"), modelKey("")], ["gpt", "sim", ""]);
});

test("runs survive a reload; what an older page kept does not", () => {
  const history = new History();
  history.add(new Measurement({ transport: "sse", model: "sim", startedAt: 0 }).figures);
  const later = new History();
  for (const kept of [history.toJSON(), [{ transport: "sse" }, null, 7], null, { a: 1 }]) later.restore(JSON.parse(JSON.stringify(kept)));
  assert.deepEqual([later.runs("sse").length, later.model], [1, "sim"]);
});
