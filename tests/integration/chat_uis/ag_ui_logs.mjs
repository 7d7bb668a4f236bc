// Reads runs from a file, one in a line, with the real client of AG-UI: its schemas, its verifier, its messages.
// Prints for each its messages, what it warned of, and the error that ended it.
import fs from "node:fs";
import { AbstractAgent } from "@ag-ui/client";
import { from } from "rxjs";

class Replay extends AbstractAgent {
  run() {
    return from(this.events);
  }
}

const results = [];
console.error = () => {};
for (const line of fs.readFileSync(process.argv[2], "utf8").split("\n").filter(Boolean)) {
  const { events, messages } = JSON.parse(line);
  const warnings = [];
  console.warn = (...words) => warnings.push(words.join(" "));
  const agent = new Replay({ threadId: "t", initialMessages: messages });
  agent.events = events;
  let error = null;
  let last = null;
  try {
    await agent.runAgent({ runId: "r" }, { onEvent: ({ event }) => { last = event.type; } });
  } catch (raised) {
    error = String(raised);
  }
  results.push({ messages: agent.messages, warnings, error, last });
}
console.log(JSON.stringify(results));
