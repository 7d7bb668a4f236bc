/** Errors as data. */

import type { ErrorCode } from "./events.js";

/**
 * Why something failed. `code` is a code of the protocol, or one of the client's own: `aborted` (stopped before the gateway had
 * accepted the answer) or `unsupported` (the environment lacks what the transport needs).
 */
export declare class DualstreamError extends Error {
  constructor(
    code: ErrorCode | "aborted" | "unsupported",
    message: string,
    fields?: { retryable?: boolean; retryAfterMs?: number | null; status?: number | null; param?: string | null; cause?: unknown },
  );
  readonly name: "DualstreamError";
  readonly code: ErrorCode | "aborted" | "unsupported";
  /** true if the same request may succeed later */
  readonly retryable: boolean;
  /** milliseconds that the gateway asks to wait; null: not specified */
  readonly retryAfterMs: number | null;
  /** the HTTP status, if the error was an HTTP response */
  readonly status: number | null;
  /** the request field to change, if the gateway named one */
  readonly param: string | null;
}
