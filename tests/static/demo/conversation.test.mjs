/** The turns of a pane as the messages of the next request. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Conversation } from "../../../static/demo/conversation.js";

const call = (id) => ({ id, type: "function", function: { name: "get_weather", arguments: "{}" } });
const calls = (...ids) => ({ role: "assistant", content: null, tool_calls: ids.map(call) });

test("prompts and answers alternate", () => {
  const conversation = new Conversation();
  conversation.ask("One?");
  conversation.answer({ role: "assistant", content: "1" });
  conversation.ask("Two?");
  assert.deepEqual(conversation.messages, [{ role: "user", content: "One?" }, { role: "assistant", content: "1" }, { role: "user", content: "Two?" }]);
});

test("an answer without content is left out with its prompt", () => {
  const conversation = new Conversation();
  conversation.ask("One?");
  conversation.answer({ role: "assistant", content: "" });
  conversation.ask("Again?");
  assert.deepEqual(conversation.messages, [{ role: "user", content: "Again?" }]);
});

test("each call has a result", () => {
  const conversation = new Conversation();
  conversation.ask("Weather?");
  conversation.answer(calls("a", "b"));
  assert.deepEqual(conversation.openCalls, ["a", "b"]);
  conversation.addResults([{ id: "a", content: "sunny" }]);
  conversation.ask("Never mind.");
  assert.deepEqual(conversation.messages.slice(2), [
    { role: "tool", tool_call_id: "a", content: "sunny" },
    { role: "tool", tool_call_id: "b", content: "The user did not run this tool." },
    { role: "user", content: "Never mind." },
  ]);
  assert.deepEqual(conversation.openCalls, []);
});

test("results of an answer that says nothing more stay", () => {
  const conversation = new Conversation([{ role: "user", content: "Weather?" }, calls("a"), { role: "tool", tool_call_id: "a", content: "sunny" }]);
  conversation.answer({ role: "assistant", content: "" });
  assert.equal(conversation.messages.length, 3);
});
