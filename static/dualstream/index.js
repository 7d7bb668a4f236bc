/**
 * Dualstream client for browsers and Node: reads a generation over SSE or WebSocket, resumes it on either, and interrupts it.
 * No dependencies, no build step.
 *
 *     import { Dualstream } from "dualstream";
 *
 *     const client = new Dualstream({ transport: "websocket" });
 *     const answer = client.start({ prompt: "Why is the sky blue?" });
 *     for await (const event of answer) {
 *       if (event.type === "chunk") console.log(event.content);
 *     }
 *
 * Events are the objects of docs/reference/protocol.md, the same on every transport: `{type, generation_id, seq, …}`. After a lost
 * connection the client resumes from the exact position; each event is delivered once and in order.
 */

export { Answer } from "./answer.js";
export { Dualstream } from "./client.js";
export { Conversation } from "./conversation.js";
export { DualstreamError } from "./errors.js";
export { EventStreamDecoder } from "./event-stream.js";
export { TRANSPORTS } from "./options.js";
