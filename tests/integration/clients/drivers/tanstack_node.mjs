/**
 * TanStack AI: `ChatClient`, over server-sent events and over a WebSocket. Both read on after a cut by themselves.
 */

import { ChatClient, fetchServerSentEvents, webSocket } from "@tanstack/ai-client";
import {
  BASE_URL, CITY, FAILOVER_MODEL, KEY, MODEL, OTHER_KEY, QUEUED_MODEL, TEXT, THOUGHTS, TOOL_TEXT, USAGE,
  assert, correcting, cutter, during, finish, hungUp, interrupt, interrupting, limited, prompt, queueing, request, scenario, sleep, streaming, turns,
} from "./kit.mjs";

const API = "/api/tanstack";
const FIRST_WORDS = "The quick brown fox ";
const READING_MS = 300;
const tool = {
  name: "get_weather",
  description: "Weather of a city",
  inputSchema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  execute(input) {
    assert.deepEqual(input, CITY);
    return "21";
  },
  __toolSide: "client",
};

const bearer = (key) => ({ authorization: `Bearer ${key}` });
/** Node's WebSocket can send headers; one in a page has a cookie, or a ticket in its URL. */
const socketOf = (key) => class extends WebSocket {
  constructor(url) {
    super(url, { headers: bearer(key) });
  }
};
const CONNECTIONS = {
  "tanstack-http": ({ base, key }) => fetchServerSentEvents(base + API, { headers: bearer(key) }),
  "tanstack-websocket": ({ base, key }) => webSocket(base.replace("http", "ws") + API, { WebSocketImpl: socketOf(key) }),
};

const partsOf = (chat, type) => chat.getMessages().filter(({ role }) => role === "assistant").at(-1)?.parts.filter((part) => part.type === type) ?? [];
const textOf = (chat) => partsOf(chat, "text").map(({ content }) => content).join("");
const answers = (chat) => chat.getMessages().filter(({ role }) => role === "assistant").length;

for (const [surface, connect] of Object.entries(CONNECTIONS)) {
  const open = ({ base = BASE_URL, key = KEY, model = MODEL, ...more } = {}) => {
    const { options, ...init } = more;
    const seen = { chunks: [], failure: undefined };
    const chat = new ChatClient({
      connection: connect({ base, key }),
      forwardedProps: { model, ...options },
      onError: (error) => { seen.failure = error; },
      onChunk: (chunk) => seen.chunks.push(chunk),
      ...init,
    });
    return Object.assign(chat, { seen });
  };
  const done = async (chat) => {
    while (chat.getIsLoading()) await sleep(20);
    return chat;
  };
  const say = async (chat, word) => {
    await chat.sendMessage(prompt(word));
    return done(chat);
  };
  const ask = (word, init) => say(open(init), word);
  const endOf = (chat) => chat.seen.chunks.findLast(({ type }) => type === "RUN_FINISHED" || type === "RUN_ERROR");
  const stopped = (chat) => {
    assert.equal(chat.seen.failure, undefined);
    assert.match(textOf(chat), /^word0 /);
  };

  const scenarios = {
    async stream() {
      const chat = await ask("halves");
      assert.deepEqual([textOf(chat), chat.getStatus()], [TEXT, "ready"]);
      assert.ok(chat.seen.chunks.filter(({ type }) => type === "TEXT_MESSAGE_CONTENT").length > 1, "in pieces");
    },
    async usage() {
      const { usage } = endOf(await ask("text"));
      assert.deepEqual([usage.promptTokens, usage.completionTokens], [USAGE.input, USAGE.output]);
    },
    async tools() {
      const chat = open({ tools: [tool] });
      await say(chat, "tool");
      while (textOf(chat) !== TOOL_TEXT || chat.getIsLoading()) await sleep(20);
    },
    async reasoning() {
      const chat = await ask("think");
      const thoughts = partsOf(chat, "thinking").map(({ content }) => content);
      assert.deepEqual([textOf(chat), thoughts.join("")], [TEXT, THOUGHTS]);
    },
    async "next-turn"() {
      const chat = await ask("text");
      await say(chat, "text");
      assert.deepEqual([chat.getMessages().length, textOf(chat)], [4, TEXT]);
      assert.deepEqual(await turns(), [["user", prompt("text")], ["assistant", TEXT], ["user", prompt("text")]]);
    },
    async "error-before"() {
      const { failure } = (await ask("error")).seen;
      return failure.message;
    },
    async "error-inside"() {
      const chat = await ask("fail");
      assert.deepEqual([endOf(chat).type, textOf(chat)], ["RUN_ERROR", FIRST_WORDS]);
      return chat.seen.failure.message;
    },
    async cut() {
      const { failure } = (await ask("cut")).seen;
      return failure.message;
    },
    async refused() {
      const { failure } = (await ask("text", { key: "wrong" })).seen;
      return failure.message;
    },
    async limited() {
      const { failure } = (await limited((key) => ask("text", { key }))).seen;
      return failure.message;
    },
    async retry() {
      const chat = await ask("flaky");
      const { retryable, retry_after_ms: wait } = endOf(chat).metadata.dualstream;
      assert.equal(retryable, true);
      await sleep(wait ?? 0);
      await chat.reload();
      await done(chat);
      assert.deepEqual([answers(chat), textOf(chat)], [1, TEXT]);
    },
    async stop() {
      const chat = open();
      await during(() => say(chat, "slow"), () => request("DELETE", `${API}?runId=${chat.getCurrentRunId()}`));
      stopped(chat);
      return hungUp();
    },
    async abort() {
      const chat = open({ options: { on_disconnect: "cancel" } });
      const answer = say(chat, "slow");
      await streaming();
      await sleep(READING_MS);
      chat.stop();
      await answer;
      stopped(chat);
      return hungUp();
    },
    interrupted: async () => stopped(await interrupting(() => ask("slow"))),
    async feedback() {
      const chat = await correcting(() => ask("slow"));
      assert.deepEqual([answers(chat), textOf(chat)], [1, TEXT]);
    },
    async failover() {
      const chat = await ask("text", { model: FAILOVER_MODEL });
      assert.deepEqual([answers(chat), textOf(chat)], [1, TEXT]);
    },
    async queued() {
      const positions = [];
      const chat = await queueing((makeRoom) =>
        ask("text", {
          model: QUEUED_MODEL,
          onCustomEvent(name, value) {
            if (name !== "dualstream.queued") return;
            positions.push(value.position);
            makeRoom();
          },
        }),
      );
      assert.deepEqual([positions[0], textOf(chat)], [1, TEXT]);
    },
    async resume() {
      const proxy = await cutter("fox");
      const chat = await ask("text", { base: proxy.url });
      proxy.close();
      assert.deepEqual([proxy.cuts, answers(chat), textOf(chat)], [1, 1, TEXT]);
      return `${proxy.connections} connections`;
    },
    async viewers() {
      const chat = open();
      let text = "";
      await during(
        () => say(chat, "slow"),
        async (id) => {
          const reading = (async () => {
            for await (const chunk of connect({ base: BASE_URL, key: KEY }).joinRun(chat.getCurrentRunId())) {
              if (chunk.type === "TEXT_MESSAGE_CONTENT") text += chunk.delta;
            }
          })();
          await sleep(READING_MS);
          await interrupt(id);
          await reading;
        },
      );
      assert.match(text, /^word0 word1 /);
      assert.equal(text, textOf(chat));
    },
    async foreign() {
      let runId;
      const chat = open();
      const answer = say(chat, "text");
      runId = chat.getCurrentRunId();
      await answer;
      runId ??= endOf(chat).runId;
      let text = "";
      await assert.rejects(async () => {
        for await (const chunk of connect({ base: BASE_URL, key: OTHER_KEY }).joinRun(runId)) text += chunk.delta ?? "";
      });
      assert.equal(text, "");
    },
  };
  for (const [name, play] of Object.entries(scenarios)) await scenario(`${surface}/${name}`, play);
}
finish();
