/** A tool that the page runs: the model calls it, and its result is the next message. */

import type { Message, ToolCall } from "dualstream";

export const tools = [
  {
    type: "function",
    function: {
      name: "current_time",
      description: "Return the date and time of the reader.",
      parameters: {
        type: "object",
        properties: { style: { type: "string", enum: ["full", "short"] } },
        required: ["style"],
      },
    },
  },
];

export const runTools = (calls: readonly ToolCall[]): Message[] =>
  calls.map((call) => ({ role: "tool", tool_call_id: call.id ?? "", content: runTool(call) }));

/** Return the result, or what was wrong: the model reads that, and may call again. */
function runTool({ name, arguments: json }: ToolCall): string {
  if (name !== "current_time") return `There is no tool ${name}.`;
  try {
    const { style } = JSON.parse(json) as { style: "full" | "short" };
    return new Date().toLocaleString("en", { dateStyle: style, timeStyle: "short" });
  } catch (error) {
    return String(error);
  }
}
