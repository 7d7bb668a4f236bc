// The real client of AG-UI in a conversation, as docs/reference/chat-uis.md describes it. Prints what it has in the end.
import { HttpAgent, runHttpRequest, transformHttpEventStream } from "@ag-ui/client";

const [, , base, scenario] = process.argv;
const url = `${base}/api/ag-ui`;
const asked = (text) => ({ threadId: "t", initialMessages: [{ id: "1", role: "user", content: text }] });
const warnings = [];
console.warn = (...words) => warnings.push(words.join(" "));
console.error = () => {};

class Agent extends HttpAgent {
  connect(input) {
    const path = `${this.url}?threadId=${encodeURIComponent(input.threadId)}`;
    const signal = this.abortController.signal;
    return transformHttpEventStream(runHttpRequest(() => this.fetch(path, { headers: this.headers, signal })));
  }

  async stop() {
    await this.fetch(`${this.url}?threadId=${encodeURIComponent(this.threadId)}`, { method: "DELETE", headers: this.headers });
  }

  async getCapabilities() {
    return (await this.fetch(`${this.url}/capabilities`, { headers: this.headers })).json();
  }

  async feedback(text) {
    const headers = { ...this.headers, "Content-Type": "application/json" };
    await this.fetch(`${base}/api/generations/${this.generation}/feedback`, { method: "POST", headers, body: JSON.stringify({ text }) });
  }
}

/** Runs an agent; `onText` is called with the number of deltas so far. */
async function run(agent, onText = () => {}, parameters = {}) {
  let count = 0;
  let outcome = null;
  let error = null;
  await agent.runAgent(parameters, {
    onRunStartedEvent: ({ event }) => { agent.generation = event.metadata.dualstream.generation_id; },
    onTextMessageContentEvent: () => { onText(++count); },
    onRunFinishedEvent: (finished) => { outcome = finished.outcome; },
    onRunErrorEvent: ({ event }) => { error = event.code; },
  }).catch((raised) => { error = String(raised.message); });
  return { outcome, error };
}

const scenarios = {
  async text() {
    const agent = new Agent({ url, ...asked("text") });
    const end = await run(agent);
    agent.addMessage({ id: "2", role: "user", content: "text again" });
    return { ...end, second: await run(agent), messages: agent.messages };
  },
  async feedback() {
    const agent = new Agent({ url, ...asked("slow") });
    const end = await run(agent, (count) => { if (count === 3) void agent.feedback("think"); });
    return { ...end, messages: agent.messages };
  },
  async stop() {
    const agent = new Agent({ url, ...asked("slow") });
    return { ...(await run(agent, (count) => { if (count === 3) void agent.stop(); })), messages: agent.messages };
  },
  async abort() {
    const agent = new Agent({ url, ...asked("slow") });
    return { ...(await run(agent, (count) => { if (count === 3) agent.abortRun(); })), messages: agent.messages };
  },
  async join() {
    const agent = new Agent({ url, ...asked("slow") });
    const other = new Agent({ url, threadId: "t" });
    let joined = null;
    const end = await run(agent, (count) => {
      if (count === 3) joined = other.connectAgent();
      if (count === 6) void agent.stop();
    });
    await joined;
    return { ...end, messages: agent.messages, joined: other.messages };
  },
  async tool() {
    const tools = [{ name: "look", description: "Looks.", parameters: { type: "object", properties: {} } }];
    const agent = new Agent({ url, ...asked("tool") });
    const end = await run(agent, undefined, { tools });
    const call = agent.messages.at(-1).toolCalls[0];
    agent.addMessage({ id: "r", role: "tool", toolCallId: call.id, content: "21" });
    return { ...end, second: await run(agent, undefined, { tools }), messages: agent.messages };
  },
  async signed() {
    const agent = new Agent({ url, ...asked("signed") });
    const end = await run(agent);
    agent.addMessage({ id: "2", role: "user", content: "text" });
    return { ...end, second: await run(agent), messages: agent.messages };
  },
  async fail() {
    const agent = new Agent({ url, ...asked("fail") });
    return { ...(await run(agent)), messages: agent.messages };
  },
  async capabilities() {
    return { capabilities: await new Agent({ url }).getCapabilities() };
  },
};
console.log(JSON.stringify({ ...(await scenarios[scenario]()), warnings }));
process.exit(0);
