// The real client of TanStack AI in a conversation, as docs/reference/chat-uis.md describes it. Prints what it has in the end.
import { ChatClient, fetchServerSentEvents, webSocket } from "@tanstack/ai-client";

const [, , base, transport, scenario] = process.argv;
const url = `${base}/api/tanstack`;
const warnings = [];
const sleep = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });
console.warn = (...words) => warnings.push(words.join(" "));
console.error = () => {};

const connection = () => (transport === "sse" ? fetchServerSentEvents(url) : webSocket(url.replace(/^http/, "ws")));

function client(options = {}) {
  const made = new ChatClient({
    connection: connection(),
    onError: (raised) => { made.failed = raised.message; },
    onChunk: (chunk) => {
      if (chunk.type === "RUN_STARTED") Object.assign(made, { run: chunk.runId, generation: chunk.metadata.dualstream.generation_id });
      if (chunk.type === "RUN_FINISHED") made.end = chunk;
      if (chunk.type === "TEXT_MESSAGE_CONTENT") made.onText?.((made.count = (made.count ?? 0) + 1));
    },
    ...options,
  });
  return made;
}

async function settled(...clients) {
  for (let tries = 0; tries < 400 && clients.some((each) => each.getIsLoading()); tries += 1) await sleep(10);
}

const partsOf = (made) => made.getMessages().map(({ role, parts }) => [role, parts.map((part) => [part.type, part.content ?? part.output ?? null])]);
const summary = (made) => ({
  messages: partsOf(made),
  loading: made.getIsLoading(),
  failed: made.failed ?? null,
  outcome: made.end?.outcome?.type ?? null,
});

const scenarios = {
  async text() {
    const chat = client();
    await chat.sendMessage("text");
    await settled(chat);
    await chat.sendMessage("text again");
    await settled(chat);
    return { ...summary(chat), usage: chat.end.usage, finishReason: chat.end.finishReason };
  },
  async feedback() {
    const chat = client();
    chat.onText = (count) => {
      if (count !== 3) return;
      const headers = { "Content-Type": "application/json" };
      void fetch(`${base}/api/generations/${chat.generation}/feedback`, { method: "POST", headers, body: '{"text":"think"}' });
    };
    await chat.sendMessage("slow");
    await settled(chat);
    return summary(chat);
  },
  async stop() {
    const chat = client();
    chat.onText = (count) => { if (count === 3) chat.stop(); };
    await chat.sendMessage("slow");
    await settled(chat);
    return summary(chat);
  },
  async "stop-elsewhere"() {
    const chat = client();
    chat.onText = (count) => { if (count === 3) void fetch(`${url}?runId=${encodeURIComponent(chat.run)}`, { method: "DELETE" }); };
    await chat.sendMessage("slow");
    await settled(chat);
    return summary(chat);
  },
  async tool() {
    const ran = [];
    const execute = async (input) => { ran.push(input); return { temperature: 21 }; };
    const look = { __toolSide: "client", name: "look", description: "Looks.", inputSchema: { type: "object", properties: {} }, execute };
    const chat = client({ tools: [look] });
    await chat.sendMessage("tool");
    await sleep(300);
    await settled(chat);
    return { ...summary(chat), ran };
  },
  async signed() {
    const chat = client();
    await chat.sendMessage("signed");
    await settled(chat);
    await chat.sendMessage("text");
    await settled(chat);
    return summary(chat);
  },
  async fail() {
    const chat = client();
    await chat.sendMessage("fail");
    await settled(chat);
    return summary(chat);
  },
  async refresh() {
    const options = { threadId: "t", persistence: true };
    const chat = client(options);
    await chat.sendMessage("text");
    let again = null;
    chat.onText = (count) => {
      if (count === 5) (again = client(options)).attach();
      if (count === 9) void fetch(`${url}?runId=${encodeURIComponent(chat.run)}`, { method: "DELETE" });
    };
    await chat.sendMessage("slow");
    await settled(chat, again);
    const later = client(options);
    later.attach();
    await sleep(300);
    return { ...summary(chat), again: partsOf(again), later: partsOf(later) };
  },
  async unknown() {
    const read = async () => { for await (const chunk of connection().joinRun("nope")) void chunk; };
    const began = Date.now();
    const error = await read().then(() => null, (raised) => String(raised.cause?.message ?? raised.message));
    return { error, milliseconds: Date.now() - began };
  },
};
console.log(JSON.stringify({ ...(await scenarios[scenario]()), warnings }));
process.exit(0);
