/**
 * What two major versions of the AI SDK make of UI message streams: `node read_streams.mjs CASES.json` prints one JSON list.
 *
 * A case has a `version` (6 or 7) and the bodies of `responses`: the first is that of a message, the others of resumes.
 */
import { readFileSync } from "node:fs";
import * as v6 from "ai6";
import * as v7 from "ai";

const SDK = { 6: v6, 7: v7 };

/** `useChat` without React: its state in plain fields. */
function newChat(sdk, transport, signals) {
  const state = {
    status: "ready",
    error: undefined,
    messages: [],
    pushMessage(message) {
      this.messages = [...this.messages, message];
    },
    popMessage() {
      this.messages = this.messages.slice(0, -1);
    },
    replaceMessage(at, message) {
      this.messages = this.messages.map((old, index) => (index === at ? structuredClone(message) : old));
    },
    snapshot: (value) => structuredClone(value),
  };
  const Chat = class extends sdk.AbstractChat {};
  return new Chat({ id: "chat", state, transport, onData: (part) => signals.push(part) });
}

async function read({ version, responses }) {
  const bodies = responses.values();
  const fetch = async () => {
    const { text, cut } = bodies.next().value;
    const parts = [new TextEncoder().encode(text)];
    const body = new ReadableStream({
      pull(controller) {
        if (parts.length > 0) controller.enqueue(parts.shift());
        else if (cut) controller.error(new TypeError("network error"));
        else controller.close();
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  };
  const signals = [];
  const sdk = SDK[version];
  const chat = newChat(sdk, new sdk.DefaultChatTransport({ api: "http://gateway.invalid/", fetch }), signals);
  await chat.sendMessage({ text: "Hello" });
  for (let index = 1; index < responses.length; index += 1) await chat.resumeStream();
  const [, message, ...more] = chat.messages;
  return { status: chat.status, error: chat.error?.message ?? null, message: message ?? null, more: more.length, signals: signals.length };
}

const results = [];
for (const given of JSON.parse(readFileSync(process.argv[2], "utf8"))) results.push(await read(given));
console.log(JSON.stringify(results));
