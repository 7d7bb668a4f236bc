/**
 * The chat of the AI SDK before version 7, which names its version.
 */

import * as ai from "ai6";
import { API, playChat } from "./ai_sdk_ui.mjs";
import { finish } from "./kit.mjs";

await playChat("ui-http", ai, ({ base, key, body }) => new ai.DefaultChatTransport({ api: base + API, headers: { authorization: `Bearer ${key}`, "x-ai-sdk-version": "6" }, body }));
finish();
