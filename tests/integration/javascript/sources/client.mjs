/** Start, resume and interrupt over one transport, in Node; print what came as JSON. */

import { Dualstream } from "dualstream";

const [, , baseURL, transport, token] = process.argv;
const asked = [];
// The first token is not valid: after the refusal another one is asked for.
const tokens = token && (async () => asked.push(asked.length === 0 ? "ds_expired" : token) && asked.at(-1));
const client = new Dualstream({ baseURL, transport, token: tokens });
const results = {};

async function read(name, model, onChunk = () => {}) {
  let chunks = 0;
  const answer = client.start({ prompt: "Xin chào 👋🏽", model });
  for await (const event of answer) if (event.type === "chunk") onChunk(answer, ++chunks);
  results[name] = { id: answer.id, text: answer.text, state: answer.state, position: answer.position };
}

try {
  await read("started", "sim-instant");
  await read("resumed", "sim?ttft=0&speed=2000&length=1000", (answer, count) => { if (count === 5) answer.reconnect(); });
  await read("interrupted", "sim?ttft=0&speed=2000&length=40000", (answer, count) => { if (count === 5) void answer.interrupt("enough"); });
  results.asked = asked.length;
} catch (error) {
  results.error = `${error.name} ${error.code}: ${error.message}`;
}
console.log(JSON.stringify(results));
