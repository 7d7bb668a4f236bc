/** The metered `WebSocket`. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { meteredWebSocket } from "../../../../static/demo/instruments/metered-web-socket.js";
import { WireLog } from "../../../../static/demo/instruments/wire-log.js";

class Socket extends EventTarget {
  protocol = "dualstream.v1";
  sent = [];

  constructor(url, protocols) {
    super();
    Object.assign(this, { url, protocols });
  }

  send(data) {
    this.sent.push(data);
  }
}

test("frames are counted in both directions, before the client sees them", () => {
  const log = new WireLog(() => 0);
  const socket = new (meteredWebSocket(log, Socket))("ws://gateway/api/ws", ["dualstream.v1", "dualstream.ticket.secret"]);
  const order = [];
  log.onEntry = ({ kind }) => order.push(kind);
  socket.addEventListener("message", () => order.push("client"));
  socket.dispatchEvent(new Event("open"));
  socket.send('{"type":"hello","token":"secret"}');
  socket.dispatchEvent(Object.assign(new Event("message"), { data: "x".repeat(200) }));
  socket.dispatchEvent(Object.assign(new Event("close"), { code: 1006, reason: "", wasClean: false }));
  assert.deepEqual(order, ["open", "frame", "frame", "client", "lost"]);
  assert.deepEqual(socket.sent, ['{"type":"hello","token":"secret"}']);
  assert.deepEqual(log.entries.map(({ bytes }) => bytes), [0, 0, 33 + 6, 200 + 4, 0]);
  assert.doesNotMatch(JSON.stringify(log.entries), /secret/);
});
