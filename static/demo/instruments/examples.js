/**
 * Example prompts, each with the settings that make the simulator show one thing. Pure.
 */

/**
 * @typedef {object} Example
 * @property {string} label
 * @property {string} prompt
 * @property {Record<string, string>} settings of the simulator; the others are initial
 * @property {object} [options] of the request, with which a real model shows it
 * @property {string} shows what one sees
 * @property {boolean} simulated true if a real model does not show it
 */

/** A tool in the form of chat completions. The page runs none: the reader writes the result. */
const WEATHER = {
  type: "function",
  function: {
    name: "get_weather",
    description: "Return the current weather of a city.",
    parameters: { type: "object", properties: { city: { type: "string", description: "Name of the city" } }, required: ["city"] },
  },
};

/** @type {readonly Example[]} */
export const EXAMPLES = [
  { label: "Long text", prompt: "Why do people trust an answer more when they can watch it being written?", settings: { length: "3000" }, shows: "A long answer: stop it, break its connection, ask for a shorter one.", simulated: false },
  { label: "Code", prompt: "Write a small HTTP client that resumes a stream.", settings: { language: "code", speed: "300", length: "3000" }, shows: "Code as it is written, with a button to copy it.", simulated: false },
  { label: "Table", prompt: "Compare polling, streaming and WebSocket in a table.", settings: { language: "markdown", speed: "300", length: "3000" }, shows: "Markdown: headings, lists and tables, rendered while they arrive.", simulated: false },
  { label: "Reasoning", prompt: "A bat and a ball cost 1.10 together; the bat costs 1.00 more. What does the ball cost?", settings: { reasoning: "1000", speed: "300" }, shows: "Thinking before the answer, visible while it runs and folded afterwards.", simulated: false },
  { label: "Tool call", prompt: "What is the weather in Hanoi and in Oslo?", settings: { tool_calls: "1", length: "200" }, options: { tools: [WEATHER] }, shows: "A tool call whose arguments arrive in pieces. You write its result.", simulated: false },
  { label: "Slow start", prompt: "Take your time: what should one measure first?", settings: { ttft: "4000" }, shows: "Four seconds without a token: stop works before the first one, too.", simulated: true },
  { label: "Provider fails twice", prompt: "What happens when the model’s server has a bad day?", settings: { fault: "500", times: "2" }, shows: "Two failed calls, each with its wait; the third one answers.", simulated: true },
  { label: "Cut in the middle", prompt: "Tell me a story that has no end.", settings: { fault: "drop", after: "60", length: "3000" }, shows: "The model’s connection is lost: the text stays, and the end says so.", simulated: true },
  { label: "Tiếng Việt", prompt: "Tại sao bầu trời màu xanh? 👋🏽", settings: { language: "vietnamese" }, shows: "Characters of several bytes, never cut in two.", simulated: false },
];
