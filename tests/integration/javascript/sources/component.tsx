/** A chat as an application writes it; the lines with a mark have exactly that error. */

import { Dualstream } from "dualstream";
import { useGeneration, type UseGenerationOptions } from "dualstream/react";

const shared = new Dualstream({ baseURL: "https://gateway.example" });

export function Chat(options: UseGenerationOptions) {
  const { messages, text, reasoning, status, error, send, stop, feedback, retry, resume, transport, setTransport, usage, metrics, generationId } =
    useGeneration({ resume: "chat", token: async () => "t", model: "m", onFinish: ({ content }) => console.log(content), ...options });
  useGeneration({ client: shared, transport: "websocket" });
  useGeneration({ tranport: "sse" }); // error: 'tranport' does not exist in type 'UseGenerationOptions'
  if (status === "loading") return null; // error: have no overlap
  return (
    <form onSubmit={(event) => { event.preventDefault(); void send("Hi"); }}>
      {messages.map(({ id, role, content }) => <p key={id} className={role}>{typeof content === "string" ? content : "…"}</p>)}
      <p>{text} {reasoning} {error?.code} {usage?.output_tokens} {metrics?.ttft_ms} {generationId} {transport}</p>
      <button disabled={status !== "ready"}>Send</button>
      <button type="button" onClick={stop}>Stop</button>
      <button type="button" onClick={retry}>Retry</button>
      <button type="button" onClick={resume}>Resume</button>
      <button type="button" onClick={() => feedback({ text: "Shorter" })}>Shorter</button>
      <button type="button" onClick={() => setTransport("websocket")}>WebSocket</button>
    </form>
  );
}
