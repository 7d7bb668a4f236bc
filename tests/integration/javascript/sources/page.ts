/** A page of another origin than its gateway's. */

import { Dualstream, type Answer, type Transport } from "dualstream";

declare global {
  interface Window { read: (baseURL: string, transport: Transport) => Promise<[string | null, string, string]> }
}

window.read = async (baseURL, transport) => {
  const client = new Dualstream({ baseURL, transport });
  const answer: Answer = client.start({ prompt: "Why is the sky blue?", model: "sim-instant" });
  for await (const event of answer) if (event.type === "chunk") document.querySelector("main")!.textContent = answer.text;
  return [answer.id, answer.text, answer.state];
};
