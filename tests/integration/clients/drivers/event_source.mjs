/**
 * The scenarios of an EventSource, as a page uses it: `GET /api/chat/stream?prompt=…`, with a ticket in place of a key.
 */

import { BASE_URL, KEY, MODEL, TEXT, assert, finish, prompt, scenario, ticket } from "./kit.mjs";
import { ENDS, Result, play } from "./readers.mjs";

const NAMED = ["accepted", "queued", "start", "retry", "reasoning", "tool_call", "feedback", "revision", "rejected"];
const CLOSED = 2;

/** @returns {Promise<string>} the URL that starts an answer, or attaches to one */
async function address({ word, base = BASE_URL, model = MODEL, key = KEY, generation }) {
  const one = key === "wrong" ? key : await ticket(generation ? { generation_id: generation } : { scope: "start" }, key);
  if (generation) return `${base}/api/generations/${generation}/events?ticket=${one}`;
  return `${base}/api/chat/stream?${new URLSearchParams({ prompt: prompt(word), model, ticket: one })}`;
}

/** Read an answer. */
async function read(EventSource, request, onEvent) {
  const source = new EventSource(await address(request));
  const reading = new Result(onEvent);
  // undici's timer of a reconnect does not keep a program alive.
  const alive = setInterval(() => {}, 1000);
  await new Promise((resolve, reject) => {
    const take = ({ data, lastEventId }) => {
      if (reading.take(JSON.parse(data), lastEventId)) resolve();
    };
    source.onmessage = take;
    for (const type of [...NAMED, ...ENDS]) {
      source.addEventListener(type, (event) => {
        if (event.data) take(event);
        else if (source.readyState === CLOSED) reject(new Error("closed before the end"));
      });
    }
  });
  clearInterval(alive);
  source.close();
  return reading;
}

/** Run all scenarios. */
export async function playEventSource(EventSource) {
  const surface = "event-source";
  // A GET has one prompt and no options. Nobody gets a ticket for another's answer.
  await play(surface, (request, onEvent) => read(EventSource, request, onEvent), { without: ["tools", "next-turn", "foreign"] });
  await scenario(`${surface}/end`, async () => {
    // A page that does not close it: it comes back once, is sent 204, and stops.
    const source = new EventSource(await address({ word: "text" }));
    const alive = setInterval(() => {}, 1000);
    let text = "";
    source.onmessage = ({ data }) => { text += JSON.parse(data).content; };
    await new Promise((resolve) => { source.onerror = () => source.readyState === CLOSED && resolve(); });
    clearInterval(alive);
    assert.equal(text, TEXT);
  });
  finish();
}
