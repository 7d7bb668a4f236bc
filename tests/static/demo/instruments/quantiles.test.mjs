/** Quantiles of measured values. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { median, quantile } from "../../../../static/demo/instruments/quantiles.js";

test("a quantile is a measured value, by the nearest rank", () => {
  const values = [5, 1, 4, 2, 3];
  assert.deepEqual([0, 0.5, 0.95, 1].map((share) => quantile(values, share)), [1, 3, 5, 5]);
  assert.deepEqual([quantile([7], 0.5), quantile([], 0.5)], [7, null]);
  assert.deepEqual(values, [5, 1, 4, 2, 3]);
});

test("the median of an even number of values is the mean of the two in the middle", () => {
  assert.deepEqual([median([3, 1, 2]), median([4, 1, 2, 3]), median([])], [2, 2.5, null]);
});
