import assert from "node:assert/strict";
import { test } from "node:test";

import { RETRY, waitBefore } from "../../static/dualstream/backoff.js";
import { errorOfClose, errorOfResponse } from "../../static/dualstream/errors.js";

const failed = (more = {}) => ({ retryable: true, retryAfterMs: null, ...more });

test("the longest wait doubles, up to its limit", () => {
  const longest = [1, 2, 3, 4, 5, 6, 7, 8].map((attempt) => waitBefore(failed(), attempt, RETRY, 1));
  assert.deepEqual(longest, [500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
});

test("the jitter is full", () => {
  assert.equal(waitBefore(failed(), 3, RETRY, 0), 0);
  assert.equal(waitBefore(failed(), 3, RETRY, 0.25), 500);
});

test("what is not retryable is not tried again", () => {
  assert.equal(waitBefore(failed({ retryable: false }), 1, RETRY, 0.5), null);
});

test("attempts come to an end", () => {
  assert.equal(waitBefore(failed(), RETRY.attempts + 1, RETRY, 0.5), null);
});

test("the wait the gateway asks for is kept in full, and the jitter comes on top", () => {
  assert.equal(waitBefore(failed({ retryAfterMs: 3000 }), 1, RETRY, 0), 3000);
  assert.equal(waitBefore(failed({ retryAfterMs: 3000 }), 1, RETRY, 0.5), 3250);
});

test("a wait that is too long is not waited for", () => {
  assert.equal(waitBefore(failed({ retryAfterMs: 3_600_000 }), 1, RETRY, 0), null);
});

test("the gateway's own error is read from the body", async () => {
  const body = { error: { code: "queue_full", message: "Full.", retryable: true, retry_after_ms: 2500, param: null } };
  const { code, message, retryable, retryAfterMs, status } = await errorOfResponse(new Response(JSON.stringify(body), { status: 503 }));
  assert.deepEqual({ code, message, retryable, retryAfterMs, status }, { code: "queue_full", message: "Full.", retryable: true, retryAfterMs: 2500, status: 503 });
});

test("a proxy's page is understood by its status and Retry-After", async () => {
  const answer = (status, header) => errorOfResponse(new Response("<html>", { status, headers: { "Retry-After": header } }), 0);
  assert.deepEqual([(await answer(502, "2")).code, (await answer(502, "2")).retryAfterMs], ["server_error", 2000]);
  assert.equal((await answer(503, "Thu, 01 Jan 1970 00:00:07 GMT")).retryAfterMs, 7000);
  assert.equal((await answer(503, "soon")).retryAfterMs, null);
  assert.equal((await answer(403, "2")).retryable, false);
});

test("close codes say whether to come back", () => {
  assert.deepEqual([1006, 1012, 4401, 4403, 4429].map((code) => errorOfClose(code).retryable), [true, true, false, false, true]);
  assert.equal(errorOfClose(4429).code, "rate_limit");
});
