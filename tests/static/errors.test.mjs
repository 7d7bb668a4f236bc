/** Errors built from HTTP responses and close codes. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { errorOfClose, errorOfResponse } from "../../static/dualstream/errors.js";

test("the gateway's own error is read from the body", async () => {
  const body = { error: { code: "queue_full", message: "Full.", retryable: true, retry_after_ms: 2500, param: null } };
  const { code, message, retryable, retryAfterMs, status } = await errorOfResponse(new Response(JSON.stringify(body), { status: 503 }));
  assert.deepEqual({ code, message, retryable, retryAfterMs, status }, { code: "queue_full", message: "Full.", retryable: true, retryAfterMs: 2500, status: 503 });
});

test("the page of a proxy is classified by its status and Retry-After", async () => {
  const answer = (status, header) => errorOfResponse(new Response("<html>", { status, headers: { "Retry-After": header } }), 0);
  assert.deepEqual([(await answer(502, "2")).code, (await answer(502, "2")).retryAfterMs], ["network_error", 2000]);
  assert.equal((await answer(503, "Thu, 01 Jan 1970 00:00:07 GMT")).retryAfterMs, 7000);
  assert.equal((await answer(503, "soon")).retryAfterMs, null);
  assert.equal((await answer(403, "2")).retryable, false);
  const classified = [401, 403, 404, 408, 425, 429, 500, 502, 503, 504, 520].map(async (status) => {
    const { code, retryable } = await answer(status, "2");
    return [status, code, retryable];
  });
  // The same as in tests/gateway/client/test_frames.py.
  assert.deepEqual(await Promise.all(classified), [
    [401, "auth_error", false], [403, "forbidden", false], [404, "invalid_request", false], [408, "timeout", true],
    [425, "network_error", true], [429, "rate_limit", true], [500, "server_error", true], [502, "network_error", true],
    [503, "network_error", true], [504, "network_error", true], [520, "network_error", true],
  ]);
});

test("close codes say whether a retry may help", () => {
  assert.deepEqual([1006, 1012, 4401, 4403, 4429].map((code) => errorOfClose(code).retryable), [true, true, false, false, true]);
  assert.equal(errorOfClose(4429).code, "rate_limit");
});
