/** Times between tokens. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Gaps } from "../../../../static/demo/instruments/gaps.js";

test("gaps lie between tokens", () => {
  const gaps = new Gaps();
  for (const now of [100, 150, 210]) gaps.add(now);
  assert.deepEqual(gaps.values, [50, 60]);
});

test("neither an absence nor the text caught up after it is a gap", () => {
  const gaps = new Gaps();
  gaps.add(100);
  gaps.resume(2000);
  for (const now of [2000, 2001, 2002, 2300, 2350]) gaps.add(now);
  assert.deepEqual(gaps.values, [50]);
});

test("a gap that says nothing is skipped", () => {
  const gaps = new Gaps();
  gaps.add(100);
  gaps.skip();
  gaps.add(500);
  gaps.add(520);
  assert.deepEqual(gaps.values, [20]);
});
