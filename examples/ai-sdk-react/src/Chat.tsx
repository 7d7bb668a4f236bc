import { useChat } from "@ai-sdk/react";
import { DefaultChatTransport, lastAssistantMessageIsCompleteWithToolCalls } from "ai";
import { type FormEvent, useEffect, useState } from "react";
import { isUnfinished, newChat, saveMessages } from "./conversations";
import { Message } from "./Message";
import { runTool, tools } from "./tools";
import type { ChatMessage } from "./types";
import { useFollowedEnd } from "./useFollowedEnd";

const API = "/api/ai-sdk/chat";
const RESUME_MS = 500;
const model = new URLSearchParams(location.search).get("model") ?? undefined; // none: the gateway's default
const transport = new DefaultChatTransport<ChatMessage>({ api: API, body: { model, tools } });

export function Chat({ id, saved }: { id: string; saved: ChatMessage[] }) {
  const [text, setText] = useState("");
  const [wait, setWait] = useState("");
  const chat = useChat<ChatMessage>({
    id,
    messages: saved,
    transport,
    // After a refresh: the answer has gone on meanwhile.
    resume: isUnfinished(saved),
    onData: ({ type, data }) => {
      if (type === "data-dualstream-queue") setWait(`Place ${data.position} in the queue`);
      if (type === "data-dualstream-start") setWait("");
      if (type === "data-dualstream-retry") setWait("The model did not answer. Trying again …");
    },
    onToolCall: ({ toolCall: { toolName: tool, toolCallId, input } }) => {
      // Not awaited: the SDK would wait for itself.
      try {
        void chat.addToolOutput({ tool, toolCallId, output: runTool(tool, input) });
      } catch (error) {
        void chat.addToolOutput({ tool, toolCallId, state: "output-error", errorText: String(error) });
      }
    },
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithToolCalls,
    // The connection was lost, and not the answer. Some proxies hide that: then the end is missing.
    onFinish: ({ isDisconnect, isAbort, isError, finishReason }) => {
      setWait("");
      const isCut = isDisconnect || (!isAbort && !isError && finishReason === undefined);
      if (isCut) setTimeout(() => chat.resumeStream(), RESUME_MS);
    },
  });
  const { messages, status, error } = chat;
  const isRunning = status === "submitted" || status === "streaming";
  const last = messages.at(-1);
  useFollowedEnd(messages);

  // Not at each word: what an answer has so far is read again after a refresh.
  useEffect(() => saveMessages(id, messages), [id, status]);

  // `chat.stop()` alone only closes the connection, as a refresh does. This ends the answer, and what it costs.
  const stop = () => void post(`${API}/${encodeURIComponent(id)}/stop`, {});

  const revise = (generationId: string) =>
    void post(`/api/generations/${generationId}/feedback`, { text: "Shorter, please." });

  // If a part of the answer is here after a lost connection, the rest may be, too.
  const tryAgain = () => void (error instanceof TypeError && last?.role === "assistant" ? chat.resumeStream() : chat.regenerate());

  const send = (event: FormEvent) => {
    event.preventDefault();
    if (!text.trim() || isRunning) return;
    void chat.sendMessage({ text });
    setText("");
  };

  return (
    <main>
      <header>
        <h1>Chat</h1>
        <button type="button" onClick={newChat}>
          New chat
        </button>
      </header>
      <ol aria-label="Conversation">
        {messages.map((message) => (
          <Message key={message.id} message={message} isRunning={isRunning && message === last} />
        ))}
      </ol>
      {error && (
        <p role="alert">
          {error.message}
          <button type="button" onClick={tryAgain}>
            Try again
          </button>
        </p>
      )}
      <form onSubmit={send}>
        <div className="state">
          <span role="status">{status === "submitted" ? wait || "Thinking …" : ""}</span>
          {status === "streaming" && last?.metadata && (
            <button type="button" onClick={() => revise(last.metadata!.generationId)}>
              Shorter
            </button>
          )}
          {status === "ready" && last?.role === "assistant" && (
            <button type="button" onClick={() => void chat.regenerate()}>
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
          <button type="button" className="stop" onClick={stop}>
            Stop
          </button>
        ) : (
          <button className="send">Send</button>
        )}
      </form>
    </main>
  );
}

function post(url: string, body: object): Promise<Response> {
  return fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}
