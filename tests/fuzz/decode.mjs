/** Decodes event streams for `browser.py`. Each is sent as its length (4 bytes), its pieces' length (4 bytes), its bytes. */

import { EventStreamDecoder } from "../../static/dualstream.js";

let buffer = Buffer.alloc(0);

for await (const read of process.stdin) {
  buffer = Buffer.concat([buffer, read]);
  while (buffer.length >= 8 && buffer.length >= 8 + buffer.readUInt32BE(0)) {
    const end = 8 + buffer.readUInt32BE(0);
    process.stdout.write(`${JSON.stringify(decode(buffer.subarray(8, end), buffer.readUInt32BE(4)))}\n`);
    buffer = buffer.subarray(end);
  }
}

function decode(stream, size) {
  const decoder = new EventStreamDecoder();
  const messages = [];
  for (let at = 0; at < stream.length; at += size) messages.push(...decoder.push(stream.subarray(at, at + size)));
  return messages.map(({ data, event, lastEventId }) => [data, event, lastEventId]);
}
