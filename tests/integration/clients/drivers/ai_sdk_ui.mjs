/**
 * The scenarios of the AI SDK's chat: `AbstractChat` is what `useChat` drives, here without React.
 */

import {
  BASE_URL, CITY, FAILOVER_MODEL, KEY, MODEL, OTHER_KEY, QUEUED_MODEL, TEXT, THOUGHTS, TOOL_TEXT, USAGE,
  assert, correcting, cutter, during, hungUp, interrupting, limited, prompt, queueing, request, scenario, sleep, streaming, turns,
} from "./kit.mjs";

export const API = "/api/ai-sdk/chat";
const FIRST_WORDS = "The quick brown fox ";
const READING_MS = 300;

/** State of a chat, in the place of React's. */
class State {
  status = "ready";
  error = undefined;
  messages = [];
  /** Texts of the answer that were shown. */
  shown = new Set();

  pushMessage(message) {
    this.messages = [...this.messages, message];
  }

  popMessage() {
    this.messages = this.messages.slice(0, -1);
  }

  replaceMessage(index, message) {
    for (const { type, text } of message.parts) if (type === "text") this.shown.add(text);
    this.messages = this.messages.with(index, structuredClone(message));
  }

  snapshot(value) {
    return structuredClone(value);
  }
}

const partsOf = (chat, type) => (chat.lastMessage?.parts ?? []).filter((part) => part.type === type);
export const textOf = (chat) => partsOf(chat, "text").map((part) => part.text).join("");

/**
 * Run the scenarios of a transport.
 * @param {object} ai a version of the package
 * @param {(options: {base: string, key: string, body: object}) => object} connect returns a transport
 * @param {object} options `heals`: it reads on after a cut by itself; `absent`: its status if there is nothing to resume
 */
export async function playChat(surface, ai, connect, { heals = false, absent = "ready" } = {}) {
  class Chat extends ai.AbstractChat {
    constructor({ state, ...init }) {
      super({ state, ...init });
      this.view = state;
    }
  }
  const open = ({ base = BASE_URL, key = KEY, model = MODEL, options, id = `chat/${crypto.randomUUID()}`, ...init } = {}) => {
    const transport = connect({ base, key, body: { model, ...(options && { options }) } });
    return new Chat({ id, state: new State(), transport, ...init });
  };
  const say = (chat, word) => chat.sendMessage({ text: prompt(word) });
  const ask = async (word, init) => {
    const chat = open(init);
    await say(chat, word);
    return chat;
  };
  /** A version that does not know how a new text replaces another one loses its connection there, and resumes. */
  const readOn = async (chat) => {
    if (chat.status === "error") await chat.resumeStream();
    return chat;
  };
  const failed = (chat) => {
    assert.equal(chat.status, "error");
    assert.doesNotMatch(chat.error.message, /^[{[]/, "a text for a person");
    return chat.error.message;
  };

  const scenarios = {
    async stream() {
      const chat = await ask("halves");
      assert.deepEqual([chat.status, textOf(chat)], ["ready", TEXT]);
      assert.ok([...chat.view.shown].filter(Boolean).length > 1, "in pieces");
    },
    async usage() {
      const { usage } = (await ask("text")).lastMessage.metadata;
      assert.deepEqual([usage.inputTokens, usage.inputTokenDetails.cacheReadTokens, usage.outputTokens], [USAGE.input, USAGE.cached, USAGE.output]);
    },
    async tools() {
      const chat = open({
        options: { tools: [{ type: "function", function: { name: "get_weather", parameters: { type: "object" } } }] },
        sendAutomaticallyWhen: ai.lastAssistantMessageIsCompleteWithToolCalls,
        onToolCall({ toolCall: { input, toolName, toolCallId } }) {
          assert.deepEqual(input, CITY);
          chat.addToolOutput({ tool: toolName, toolCallId, output: "21" });
        },
      });
      await say(chat, "tool");
      while (textOf(chat) !== TOOL_TEXT || chat.status !== "ready") await sleep(20);
      assert.equal(chat.messages.length, 2, "the answer stands in the message of the call");
    },
    async reasoning() {
      const chat = await ask("think");
      const [{ text, state }] = partsOf(chat, "reasoning");
      assert.deepEqual([textOf(chat), text, state], [TEXT, THOUGHTS, "done"]);
    },
    async "next-turn"() {
      const chat = await ask("text");
      await say(chat, "text");
      assert.deepEqual([chat.messages.length, textOf(chat)], [4, TEXT]);
      assert.deepEqual(await turns(), [["user", prompt("text")], ["assistant", TEXT], ["user", prompt("text")]]);
    },
    async "error-before"() {
      const chat = await ask("error");
      assert.match(failed(chat), /KIT refuses/);
      return chat.error.message;
    },
    async "error-inside"() {
      const chat = await ask("fail");
      assert.deepEqual([failed(chat).length > 0, textOf(chat)], [true, FIRST_WORDS]);
      return chat.error.message;
    },
    cut: async () => failed(await ask("cut")),
    refused: async () => failed(await ask("text", { key: "wrong" })),
    limited: async () => failed(await limited((key) => ask("text", { key }))),
    async retry() {
      const signals = [];
      const chat = await ask("flaky", { onData: (part) => signals.push(part) });
      failed(chat);
      const { data } = signals.find(({ type }) => type === "data-dualstream-error");
      assert.equal(data.retryable, true);
      await sleep(data.retryAfterMs ?? 0);
      await chat.regenerate();
      assert.deepEqual([chat.messages.length, textOf(chat)], [2, TEXT]);
    },
    async stop() {
      const chat = open();
      const answer = say(chat, "slow");
      await streaming();
      await sleep(READING_MS);
      const response = await request("POST", `${API}/${encodeURIComponent(chat.id)}/stop`);
      assert.equal(response.status, 200);
      await answer;
      assert.equal(chat.status, "ready");
      assert.match(textOf(chat), /^word0 /);
      return hungUp();
    },
    async abort() {
      const chat = open({ options: { on_disconnect: "cancel" } });
      const answer = say(chat, "slow");
      await streaming();
      await sleep(READING_MS);
      await chat.stop();
      await answer;
      assert.equal(chat.status, "ready");
      assert.match(textOf(chat), /^word0 /);
      return hungUp();
    },
    async interrupted() {
      const chat = await interrupting(() => ask("slow"));
      assert.equal(chat.status, "ready");
      assert.match(textOf(chat), /^word0 /);
    },
    async feedback() {
      const chat = await readOn(await correcting(() => ask("slow")));
      assert.deepEqual([chat.status, chat.messages.length, textOf(chat)], ["ready", 2, TEXT]);
    },
    async failover() {
      const chat = await readOn(await ask("text", { model: FAILOVER_MODEL }));
      assert.deepEqual([chat.status, chat.messages.length, textOf(chat)], ["ready", 2, TEXT]);
    },
    async queued() {
      const positions = [];
      const chat = await queueing((makeRoom) =>
        ask("text", {
          model: QUEUED_MODEL,
          onData({ type, data }) {
            if (type !== "data-dualstream-queue") return;
            positions.push(data.position);
            makeRoom();
          },
        }),
      );
      assert.equal(positions[0], 1);
      assert.equal(textOf(chat), TEXT);
    },
    async resume() {
      const proxy = await cutter("fox");
      const chat = await ask("text", { base: proxy.url });
      if (!heals) {
        assert.equal(chat.status, "error", "it notices the cut");
        await chat.resumeStream();
      }
      proxy.close();
      assert.deepEqual([chat.status, chat.messages.length, textOf(chat)], ["ready", 2, TEXT]);
      return `${proxy.connections} connections`;
    },
    async refresh() {
      // Another page with the same chat, which knows only what was asked.
      const chat = await ask("text");
      const reloaded = open({ id: chat.id });
      reloaded.messages = chat.messages.slice(0, 1);
      await reloaded.resumeStream();
      assert.deepEqual([reloaded.status, reloaded.messages.length, textOf(reloaded)], ["ready", 2, TEXT]);
    },
    async viewers() {
      const first = open();
      const second = open({ id: first.id });
      await during(
        () => say(first, "slow"),
        async (id) => {
          const reading = second.resumeStream();
          await sleep(READING_MS);
          await request("POST", `/api/generations/${id}/interrupt`);
          await reading;
        },
      );
      assert.match(textOf(first), /^word0 word1 /);
      assert.equal(textOf(second), textOf(first));
    },
    async foreign() {
      const chat = await ask("text");
      const other = open({ id: chat.id, key: OTHER_KEY });
      await other.resumeStream();
      assert.deepEqual([other.status, other.messages.length], [absent, 0]);
    },
    async nothing() {
      const chat = open();
      await chat.resumeStream();
      assert.deepEqual([chat.status, chat.messages.length], [absent, 0]);
    },
  };
  for (const [name, run] of Object.entries(scenarios)) await scenario(`${surface}/${name}`, run);
}
