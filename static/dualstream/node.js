/**
 * The client in Node. Node 22 has a WebSocket; Node 20 has none, and there the class of the package `ws` is used.
 */

import { Dualstream as Client } from "./client.js";
import { DualstreamError } from "./errors.js";

export * from "./index.js";

export class Dualstream extends Client {
  /** @param {import("./types/index.js").ClientOptions} [options] */
  constructor(options = {}) {
    super({ ...options, environment: { loadWebSocket, ...options.environment } });
  }
}

async function loadWebSocket() {
  // Bundlers must leave this import to Node, at run time: `ws` may be missing, and most applications do not need it.
  const { WebSocket } = await import("ws" /* webpackIgnore: true */).catch((error) => {
    const message = "This version of Node has no WebSocket: run `npm install ws`, use Node 22, or pass a class as environment.WebSocket.";
    throw new DualstreamError("unsupported", message, { cause: error });
  });
  return WebSocket;
}
