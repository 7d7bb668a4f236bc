/** Decodes event streams for `browser.py`: each is its length (4 bytes), the length of its pieces (4 bytes), and itself. */

import { EventStreamDecoder } from "../../static/dualstream.js";

let held = Buffer.alloc(0);

for await (const read of process.stdin) {
  held = Buffer.concat([held, read]);
  while (held.length >= 8 && held.length >= 8 + held.readUInt32BE(0)) {
    const end = 8 + held.readUInt32BE(0);
    process.stdout.write(`${JSON.stringify(decoded(held.subarray(8, end), held.readUInt32BE(4)))}\n`);
    held = held.subarray(end);
  }
}

function decoded(stream, size) {
  const decoder = new EventStreamDecoder();
  const messages = [];
  for (let at = 0; at < stream.length; at += size) messages.push(...decoder.push(stream.subarray(at, at + size)));
  return messages.map(({ data, event, lastEventId }) => [data, event, lastEventId]);
}
