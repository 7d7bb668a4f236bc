import type { Transport } from "dualstream";
import { type UseGenerationResult, useGeneration } from "dualstream/react";
import { type FormEvent, useState } from "react";
import { Message, textOf } from "./Message";
import { runTools, tools } from "./tools";
import { useFollowedEnd } from "./useFollowedEnd";

const NAMES: Partial<Record<Transport, string>> = { sse: "SSE", websocket: "WebSocket" };
const model = new URLSearchParams(location.search).get("model");

export function Chat() {
  const [text, setText] = useState("");
  const chat = useGeneration({
    resume: "chat", // the name in the tab's sessionStorage, from which a refresh continues
    transport: (sessionStorage.getItem("transport") ?? "sse") as Transport,
    options: { tools },
    ...(model && { model }), // none: the gateway's default
    onFinish: ({ state, toolCalls }) => {
      if (state === "complete" && toolCalls.length > 0) void chat.send(runTools(toolCalls));
    },
  });
  const { messages, status, error } = chat;
  const isRunning = status === "submitted" || status === "streaming";
  useFollowedEnd(messages);

  // The running answer continues on the other transport, without losing a character.
  const use = (transport: Transport) => {
    sessionStorage.setItem("transport", transport);
    chat.setTransport(transport);
  };

  const send = (event: FormEvent) => {
    event.preventDefault();
    if (!text.trim() || isRunning) return;
    void chat.send(text);
    setText("");
  };

  const resultOf = (callId: string | null) => {
    const message = messages.find((each) => each.role === "tool" && each.tool_call_id === callId);
    return message && textOf(message);
  };

  return (
    <main>
      <header>
        <h1>useGeneration</h1>
        <fieldset>
          <legend>Transport</legend>
          {Object.entries(NAMES).map(([transport, name]) => (
            <label key={transport}>
              <input
                type="radio"
                name="transport"
                checked={chat.transport === transport}
                onChange={() => use(transport as Transport)}
              />
              {name}
            </label>
          ))}
        </fieldset>
        <button type="button" aria-label="New chat" onClick={() => void chat.setMessages([])}>
          New
        </button>
      </header>
      <ol aria-label="Conversation">
        {messages.map((message) => (
          <Message key={message.id} message={message} result={resultOf} />
        ))}
      </ol>
      {error && (
        <p role="alert">
          {error.message}
          <button type="button" onClick={() => void chat.retry()}>
            Try again
          </button>
        </p>
      )}
      <form onSubmit={send}>
        <div className="state">
          <span role="status">{describe(chat)}</span>
          {status === "streaming" && (
            <button type="button" onClick={() => void chat.feedback("Shorter, please.")}>
              Shorter
            </button>
          )}
          {status === "ready" && messages.length > 0 && (
            <button type="button" onClick={() => void chat.retry()}>
              Regenerate
            </button>
          )}
        </div>
        <input
          id="question"
          aria-label="Message"
          placeholder="Ask something"
          autoComplete="off"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        {isRunning ? (
          <button type="button" className="stop" onClick={chat.stop}>
            Stop
          </button>
        ) : (
          <button className="send">Send</button>
        )}
      </form>
    </main>
  );
}

function describe({ status, connection, queue }: UseGenerationResult): string {
  if (connection === "offline") return "Reconnecting …";
  if (queue) return `Place ${queue.position} in the queue`;
  return status === "submitted" ? "Thinking …" : "";
}
