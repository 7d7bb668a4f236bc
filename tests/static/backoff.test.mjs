/** Waits between retries. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { RETRY, waitBefore } from "../../static/dualstream/backoff.js";

const failed = (more = {}) => ({ retryable: true, retryAfterMs: null, ...more });

test("the maximum wait doubles, up to its limit", () => {
  const waits = [1, 2, 3, 4, 5, 6, 7, 8].map((attempt) => waitBefore(failed(), attempt, RETRY, 1));
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
});

test("the jitter is full", () => {
  assert.equal(waitBefore(failed(), 3, RETRY, 0), 0);
  assert.equal(waitBefore(failed(), 3, RETRY, 0.25), 500);
});

test("an error that is not retryable is not retried", () => {
  assert.equal(waitBefore(failed({ retryable: false }), 1, RETRY, 0.5), null);
});

test("the number of attempts is limited", () => {
  assert.equal(waitBefore(failed(), RETRY.attempts + 1, RETRY, 0.5), null);
});

test("the wait that the gateway asks for is kept in full, and the jitter is added", () => {
  assert.equal(waitBefore(failed({ retryAfterMs: 3000 }), 1, RETRY, 0), 3000);
  assert.equal(waitBefore(failed({ retryAfterMs: 3000 }), 1, RETRY, 0.5), 3250);
});

test("a wait that is too long ends the retries", () => {
  assert.equal(waitBefore(failed({ retryAfterMs: 3_600_000 }), 1, RETRY, 0), null);
});
