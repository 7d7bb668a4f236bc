// Reads runs from a file, one in a line, with the real client of TanStack AI; prints for each what it shows.
import fs from "node:fs";
import { ChatClient, stream } from "@tanstack/ai-client";

const results = [];
console.error = () => {};
for (const line of fs.readFileSync(process.argv[2], "utf8").split("\n").filter(Boolean)) {
  const { events } = JSON.parse(line);
  const warnings = [];
  console.warn = (...words) => warnings.push(words.join(" "));
  let error = null;
  const client = new ChatClient({
    connection: stream(async function* () {
      yield* events;
    }),
    onError: (raised) => { error = raised.message; },
  });
  await client.sendMessage("Hello");
  const answers = client.getMessages().filter((message) => message.role === "assistant");
  const parts = answers.flatMap((message) => message.parts);
  results.push({
    text: parts.filter((part) => part.type === "text").map((part) => part.content).join(""),
    thinking: parts.filter((part) => part.type === "thinking").map((part) => part.content),
    calls: parts.filter((part) => part.type === "tool-call").map((part) => [part.id, part.arguments]),
    loading: client.getIsLoading(),
    interrupts: client.getPendingInterrupts?.().length ?? null,
    warnings,
    error,
  });
}
console.log(JSON.stringify(results));
process.exit(0);
