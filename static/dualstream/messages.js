/**
 * Messages of a conversation, in the form of a start (docs/protocol.md, "Messages").
 */

/**
 * Return the assistant message that gives an answer back in the next turn, with its thinking signatures. Parts that providers
 * do not take back are left out.
 * @param {{text: string, toolCalls: import("./index.js").ToolCall[], reasoningDetails: import("./index.js").ReasoningDetail[]}} answer
 * @returns {import("./index.js").AssistantMessage}
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
