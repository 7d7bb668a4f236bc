/**
 * A provider with four APIs that answers from a script and records its requests: `node main.mjs`.
 *
 * It prints its address. The drivers select what it says by a word in the prompt (script.mjs).
 */

import http from "node:http";
import { Journal, sendJson } from "./answers.mjs";
import { messages } from "./anthropic.mjs";
import { generateContent } from "./gemini.mjs";
import { chatCompletions, openaiError } from "./openai_chat.mjs";
import { responses } from "./openai_responses.mjs";
import { USAGE } from "./script.mjs";

const journal = new Journal();
const GEMINI = /^\/v1(?:beta)?\/models\/([\w.-]+):(streamGenerateContent|generateContent|countTokens)$/;

const MODERATION = {
  id: "modr-1",
  model: "omni-moderation-latest",
  results: [{ flagged: false, categories: {}, category_scores: {}, category_applied_input_types: {} }],
};

/** Answer `POST /v1/embeddings`: the same embedding for each text. */
function embeddings({ body, response, entry }) {
  const numbers = new Float32Array([0.25, -0.5]);
  const embedding = body.encoding_format === "base64" ? Buffer.from(numbers.buffer).toString("base64") : [...numbers];
  const data = [body.input].flat().map((_, index) => ({ object: "embedding", index, embedding }));
  const usage = { prompt_tokens: USAGE.input, total_tokens: USAGE.input };
  sendJson(response, entry, 200, { object: "list", data, model: body.model, usage });
}

const ROUTES = {
  "/v1/chat/completions": chatCompletions,
  "/breaking/v1/chat/completions": (call) => chatCompletions({ ...call, breaking: true }),
  "/v1/responses": responses,
  "/v1/messages": messages,
  "/v1/embeddings": embeddings,
  "/v1/moderations": ({ response, entry }) => sendJson(response, entry, 200, MODERATION),
  "/v1/messages/count_tokens": ({ response, entry }) => sendJson(response, entry, 200, { input_tokens: USAGE.input }),
};

async function handle(request, response) {
  const path = new URL(request.url, "http://provider").pathname;
  if (path === "/__journal") return sendJson(response, {}, 200, journal.list());
  const entry = journal.record(request.method, request.url);
  const pieces = await Array.fromAsync(request);
  const body = pieces.length > 0 ? JSON.parse(Buffer.concat(pieces).toString()) : {};
  const call = { body, response, entry };
  const [, model, verb] = path.match(GEMINI) ?? [];
  if (verb === "countTokens") return sendJson(response, entry, 200, { totalTokens: USAGE.input });
  if (verb) return generateContent({ ...call, model, isStreaming: verb === "streamGenerateContent" });
  if (request.method === "POST" && path in ROUTES) return ROUTES[path](call);
  sendJson(response, entry, 404, openaiError(`no route ${request.method} ${path}`, "invalid_request_error"));
}

const server = http.createServer((request, response) => {
  handle(request, response).catch((error) => {
    console.error(error);
    if (!response.headersSent) response.writeHead(500);
    response.end(String(error));
  });
});
server.listen(0, "127.0.0.1", () => console.log(`The provider listens on http://127.0.0.1:${server.address().port}`));
