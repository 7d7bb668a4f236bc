/** The scenarios of a WebSocket: one socket for each answer, commands on the same socket. */

import { BASE_URL, KEY, TEXT, assert, finish, hungUp, scenario } from "./kit.mjs";
import { Result, play, startOf } from "./readers.mjs";

const RECONNECT_MS = 100;
const UNAUTHENTICATED = 4401;

/** Run all scenarios. `connect` opens a socket to a URL with a key. */
export async function playSocket(connect) {
  let current;
  const send = (command) => current.send(JSON.stringify(command));

  async function read(request, onEvent, leave = undefined) {
    const { base = BASE_URL, key, generation } = request;
    const url = `${base.replace("http", "ws")}/api/ws`;
    const reading = new Result(onEvent);
    await new Promise((resolve) => {
      leave?.addEventListener("abort", () => {
        current.close();
        resolve();
      });
      const open = () => {
        const socket = connect(url, key);
        current = socket;
        socket.addEventListener("open", () => {
          const id = reading.id ?? generation;
          const after = reading.ids.at(-1);
          send(id ? { type: "attach", id: "1", generation_id: id, ...(after && { after }) } : { type: "start", id: "1", ...startOf(request) });
        });
        socket.addEventListener("message", ({ data }) => {
          const event = JSON.parse(data);
          if (event.type === "ack") return;
          if (!reading.take(event, event.seq)) return;
          socket.close();
          resolve();
        });
        socket.addEventListener("error", () => {});
        socket.addEventListener("close", ({ code }) => {
          if (reading.end !== null || leave?.aborted) return;
          if (code !== UNAUTHENTICATED && reading.types.length > 0) return setTimeout(open, RECONNECT_MS);
          assert.equal(code, UNAUTHENTICATED);
          reading.end = { code: "auth_error", retryable: false };
          resolve();
        });
      };
      open();
    });
    return reading;
  }

  await play("socket", read, { stop: (id) => send({ type: "interrupt", generation_id: id }) });
  await scenario("socket/abort", async () => {
    const left = new AbortController();
    const options = { on_disconnect: "cancel" };
    await read({ word: "slow", key: KEY, options }, (_, { pieces }) => pieces === 3 && left.abort(), left.signal);
    return hungUp();
  });
  await scenario("socket/several", async () => {
    // One socket carries both answers.
    const socket = connect(`${BASE_URL.replace("http", "ws")}/api/ws`, KEY);
    const texts = {};
    await new Promise((resolve, reject) => {
      let ended = 0;
      socket.addEventListener("error", reject);
      socket.addEventListener("open", () => {
        for (const id of ["a", "b"]) socket.send(JSON.stringify({ type: "start", id, ...startOf({ word: "text" }) }));
      });
      socket.addEventListener("message", ({ data }) => {
        const { type, generation_id, content } = JSON.parse(data);
        if (type === "chunk") texts[generation_id] = (texts[generation_id] ?? "") + content;
        if (type === "complete" && ++ended === 2) resolve();
      });
    });
    socket.close();
    assert.deepEqual(Object.values(texts), [TEXT, TEXT]);
  });
  finish();
}
