/**
 * Messages of a conversation, in the form of a start (docs/reference/protocol.md, "Messages").
 */

/**
 * Return the assistant message that gives an answer back in the next turn, with its thinking signatures. Parts that providers
 * do not take back are left out.
 * @param {{text: string, toolCalls: import("./types/index.js").ToolCall[], reasoningDetails: import("./types/index.js").ReasoningDetail[]}} answer
 * @returns {import("./types/index.js").AssistantMessage}
 */
export function messageOf({ text, toolCalls, reasoningDetails }) {
  const calls = toolCalls.map(({ id, name, arguments: json, signature }) => (
    { id, type: "function", function: { name, arguments: json || "{}" }, ...(signature && { signature }) }));
  return {
    role: "assistant",
    content: text || calls.length === 0 ? text : null,
    ...(calls.length > 0 && { tool_calls: calls }),
    ...(reasoningDetails.length > 0 && { reasoning_details: reasoningDetails }),
  };
}

/**
 * Return an answer of a conversation before its first event.
 * @param {string|undefined} id
 * @returns {import("./types/index.js").ChatAnswer}
 */
export function beginAnswer(id) {
  return {
    id,
    role: "assistant",
    content: "",
    reasoning: "",
    reasoningDetails: [],
    toolCalls: [],
    parts: [],
    revision: 1,
    state: "running",
    generationId: null,
    end: null,
  };
}

/**
 * Return the fields of an answer in a conversation; a message of a request, such as `answer.message()`, has other names.
 * @param {import("./types/index.js").AssistantMessage|import("./types/index.js").ChatAnswer} message
 * @returns {Partial<import("./types/index.js").ChatAnswer>}
 */
export function fieldsOf({ tool_calls: calls, reasoning_details: details, ...message }) {
  return {
    ...message,
    content: message.content ?? "",
    ...(calls && { toolCalls: calls.map(({ id, function: called, signature }, index) => ({ index, id, ...called, ...(signature && { signature }) })) }),
    ...(details && { reasoningDetails: details }),
  };
}

/**
 * Return the messages that an input stands for.
 * @param {string|object|readonly object[]} input a text of the user, a message, or several
 * @returns {readonly object[]}
 * @throws {TypeError} it is none of these
 */
export function inputs(input) {
  const messages = typeof input === "string" ? [{ role: "user", content: input }] : Array.isArray(input) ? input : [input];
  // The gateway refuses an empty text, and would do so in each later turn, too.
  if (input !== "" && messages.length > 0 && messages.every((message) => typeof message?.role === "string")) return messages;
  throw new TypeError("send() takes a text that is not empty, a message with a role, or a list of messages.");
}

/**
 * Return the messages of a conversation in the form of a start. An answer that was not completed is given back as its text:
 * its tool calls may be cut off, and the application has not run them. One without text is left out, because providers refuse it.
 * @param {readonly import("./types/index.js").ChatMessage[]} messages
 * @returns {import("./types/index.js").Message[]}
 */
export function requestMessages(messages) {
  return messages.flatMap(({ id, ...message }) => {
    if (message.role !== "assistant") return [message];
    if (message.state === "complete") return [messageOf({ ...message, text: message.content })];
    return message.state !== "running" && message.content ? [{ role: "assistant", content: message.content }] : [];
  });
}
