/**
 * Gemini generateContent.
 */

import { EventStream, newId, sendJson } from "./answers.mjs";
import { USAGE, hasReasoning, promptOf, refusal, sleep, steps } from "./script.mjs";

const geminiError = (code, message, status) => ({ error: { code, message, status } });
const STATUS = { 400: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED" };

function askOf({ contents = [], tools = [] }) {
  const asked = contents.findLast(({ role, parts }) => role !== "model" && parts.some((part) => part.text?.includes("KIT:")));
  const parts = asked?.parts ?? [];
  const after = contents.slice(contents.indexOf(asked)).flatMap((content) => content.parts);
  return {
    prompt: promptOf(parts.map((part) => part.text ?? "")),
    tools: tools.flatMap((tool) => tool.functionDeclarations ?? []).map((declaration) => declaration.name),
    results: after.filter((part) => part.functionResponse).map((part) => resultText(part.functionResponse.response)),
    images: parts.filter((part) => part.inlineData).map((part) => standardBase64(part.inlineData.data)),
  };
}

/** Google's libraries write the alphabet that is safe in URLs; its servers read both (RFC 4648). */
function standardBase64(data) {
  return data.replaceAll("-", "+").replaceAll("_", "/");
}

function resultText(response) {
  const value = response.result ?? response.output ?? response;
  return typeof value === "string" ? value : JSON.stringify(value);
}

function usageOf(ask) {
  const thoughts = hasReasoning(ask) ? USAGE.reasoning : 0;
  return {
    promptTokenCount: USAGE.input,
    cachedContentTokenCount: USAGE.cached,
    candidatesTokenCount: USAGE.output,
    thoughtsTokenCount: thoughts,
    totalTokenCount: USAGE.input + USAGE.output + thoughts,
  };
}

function partOf(step) {
  if (step.text) return { text: step.text };
  if (step.thought) return { text: step.thought, thought: true };
  if (step.tool) return { functionCall: { name: step.tool.name, args: JSON.parse(step.tool.args) }, thoughtSignature: "c2lnbmF0dXJl" };
  return null;
}

/** Answer `POST /v1beta/models/MODEL:generateContent` or `:streamGenerateContent`. */
export async function generateContent({ body, response, entry, model, isStreaming }) {
  const ask = askOf(body);
  entry.ask = ask;
  const refused = refusal(ask, "gemini");
  if (refused) return sendJson(response, entry, refused.status, geminiError(refused.status, refused.message, STATUS[refused.status]));
  const out = isStreaming ? new EventStream(response, entry, "\r\n") : null;
  const responseId = newId("");
  const chunk = (parts, end) => ({ candidates: [{ content: { role: "model", parts }, index: 0, ...end }], modelVersion: model, responseId });
  const all = [];
  for await (const step of steps(ask)) {
    if (out && !out.isOpen) return;
    if (step.wait) await sleep(step.wait);
    const part = partOf(step);
    if (part) all.push(part);
    if (part) out?.send(chunk([part]));
    if (step.fail) return fail(response, entry, out);
    if (step.cut) return response.destroy();
  }
  const end = { finishReason: "STOP" };
  if (!out) return sendJson(response, entry, 200, { ...chunk(all, end), usageMetadata: usageOf(ask) });
  out.send({ ...chunk([{ text: "" }], end), usageMetadata: usageOf(ask) });
  out.end();
}

function fail(response, entry, out) {
  const error = geminiError(503, "KIT failed in the stream", "UNAVAILABLE");
  if (!out) return sendJson(response, entry, 503, error);
  out.send(error);
  out.end();
}
