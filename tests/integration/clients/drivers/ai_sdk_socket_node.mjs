/**
 * The chat of the AI SDK over a WebSocket: the key is in each message.
 */

import * as ai from "ai";
import { API, playChat } from "./ai_sdk_ui.mjs";
import { finish } from "./kit.mjs";

await playChat("ui-websocket", ai, ({ base, key, body }) => new ai.WebSocketChatTransport({ url: base.replace("http", "ws") + API, headers: { authorization: `Bearer ${key}` }, body }));
finish();
