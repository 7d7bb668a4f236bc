/** npm's `ws`: the key is in a header of the handshake. */

import WebSocket from "ws";
import { playSocket } from "./socket.mjs";

await playSocket((url, key) => new WebSocket(url, "dualstream.v1", { headers: { authorization: `Bearer ${key}` } }));
