/** The WebSocket of pages, here Node's own: it has no headers, so that the key comes in the first message. */

import { playSocket } from "./socket.mjs";

await playSocket((url, key) => {
  const socket = new WebSocket(url, "dualstream.v1");
  socket.addEventListener("open", () => socket.send(JSON.stringify({ type: "hello", token: key })), { once: true });
  return socket;
});
