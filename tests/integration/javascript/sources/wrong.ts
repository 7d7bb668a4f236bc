/** Wrong uses: each marked line has exactly the error that its comment names. */

import { Conversation, Dualstream, type GenerationEvent } from "dualstream";

new Dualstream({ tranport: "sse" }); // error: 'tranport' does not exist in type 'ClientOptions'
new Dualstream({ transport: "ws" }); // error: Type '"ws"' is not assignable to type 'Transport
new Dualstream({ token: 1 }); // error: Type 'number' is not assignable to type
new Dualstream({ retry: { delay: 1 } }); // error: 'delay' does not exist in type 'Partial<RetryOptions>'
const client = new Dualstream();
client.start({ promt: "Hi" }); // error: 'promt' does not exist in type 'StartRequest'
client.start({ prompt: "Hi", options: { temprature: 0 } }); // error: 'temprature' does not exist in type 'ProviderOptions'
client.start("Hi", { onevent: () => {} }); // error: 'onevent' does not exist in type 'StartOptions'
client.attach("g_1", { idempotencyKey: "k" }); // error: 'idempotencyKey' does not exist in type 'AttachOptions'
client.start({ messages: [{ role: "robot", content: "Hi" }] }); // error: Type '"robot"' is not assignable to type
const answer = client.start("Hi");
answer.text = "mine"; // error: Cannot assign to 'text' because it is a read-only property
void answer.interrupt({ reason: "enough" }); // error: is not assignable to parameter of type 'string'
void answer.feedback({ mode: "redo" }); // error: Type '"redo"' is not assignable to type 'FeedbackMode
void answer.moveTo("http"); // error: is not assignable to parameter of type 'Transport'
new Conversation(client, { message: [] }); // error: 'message' does not exist in type 'ConversationOptions'

export function read(event: GenerationEvent): string {
  if (event.type === "chunks") return ""; // error: have no overlap
  if (event.type === "chunk") return event.usage; // error: Property 'usage' does not exist on type 'ChunkEvent'
  if (event.type === "complete") return event.usage.input_tokens.toFixed(); // error: 'event.usage.input_tokens' is possibly 'null'
  if (event.type === "error" && event.code === "oops") return ""; // error: have no overlap
  return event.content; // error: Property 'content' does not exist on type
}
