/** Stop an answer after the token of its socket has expired; print how it ended, and how many tokens were asked for. */

import { setTimeout as wait } from "node:timers/promises";

import { Dualstream } from "dualstream";

const [, , baseURL, ...tokens] = process.argv;
let asked = 0;
const client = new Dualstream({ baseURL, transport: "websocket", token: async () => tokens[asked++] });
const answer = client.start("Hi", { onEvent: () => {} });
while (answer.text === "") await wait(20);
const isValid = async () => (await fetch(`${baseURL}/api/models`, { headers: { Authorization: `Bearer ${tokens[0]}` } })).ok;
while (await isValid()) await wait(100);
const before = answer.text.length;
while (answer.text.length === before) await wait(20); // it streams on
await answer.interrupt("enough");
const { type, by } = await answer.finished;
console.log(JSON.stringify([type, by, asked]));
