/**
 * The chat of the AI SDK: over HTTP.
 */

import * as ai from "ai";
import { WorkflowChatTransport } from "@ai-sdk/workflow";
import { API, playChat } from "./ai_sdk_ui.mjs";
import { finish } from "./kit.mjs";

console.error = () => {}; // `WorkflowChatTransport` prints each lost connection
const bearer = (key) => ({ authorization: `Bearer ${key}` });

await playChat("ui-http", ai, ({ base, key, body }) => new ai.DefaultChatTransport({ api: base + API, headers: bearer(key), body }));

await playChat(
  "ui-workflow",
  ai,
  ({ base, key, body }) =>
    new WorkflowChatTransport({
      api: base + API,
      // It sends neither headers nor the chat's id by itself.
      prepareSendMessagesRequest: ({ id, messages }) => ({ headers: bearer(key), body: { id, messages, ...body } }),
      prepareReconnectToStreamRequest: ({ api }) => ({ api, headers: bearer(key) }),
    }),
  // It takes a response without a body, 204, for an error.
  { heals: true, absent: "error" },
);
finish();
