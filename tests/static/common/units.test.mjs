/** Measured values as texts. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { bytes, counted, milliseconds } from "../../../static/common/units.js";

test("times, sizes and counts", () => {
  assert.deepEqual([null, undefined, NaN, 0.84, 9.96, 312.4, 999.6, 1520].map(milliseconds), ["–", "–", "–", "0.8 ms", "10 ms", "312 ms", "1.00 s", "1.52 s"]);
  assert.deepEqual([null, 84.2, 999.6, 3649, 36_490, 2.5e6].map(bytes), ["–", "84 B", "1.00 kB", "3.65 kB", "36.5 kB", "2.50 MB"]);
  assert.deepEqual([counted(1, "run"), counted(1200, "run")], ["1 run", "1,200 runs"]);
});
