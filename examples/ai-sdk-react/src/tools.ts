/** A tool that the page runs: the model calls it, and its result goes back with the next request. */

export const tools = {
  current_time: {
    description: "Return the date and time of the reader.",
    inputSchema: {
      type: "object",
      properties: { style: { type: "string", enum: ["full", "short"] } },
      required: ["style"],
    },
  },
};

export function runTool(name: string, input: unknown): string {
  if (name !== "current_time") throw new Error(`There is no tool ${name}.`);
  const { style } = input as { style: "full" | "short" };
  return new Date().toLocaleString("en", { dateStyle: style, timeStyle: "short" });
}
