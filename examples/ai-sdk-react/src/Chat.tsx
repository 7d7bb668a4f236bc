import { useChat } from "@ai-sdk/react";
import { DefaultChatTransport, lastAssistantMessageIsCompleteWithToolCalls } from "ai";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { newChat, type SavedChat, saveChat, withEarlierSteps } from "./conversations";
import { Message } from "./Message";
import { runTool, tools } from "./tools";
import type { ChatMessage } from "./types";
import { useFollowedEnd } from "./useFollowedEnd";

const API = "/api/ai-sdk/chat";
const RESUME_MS = 500;
const model = new URLSearchParams(location.search).get("model") ?? undefined; // none: the gateway's default
const transport = new DefaultChatTransport<ChatMessage>({ api: API, body: { model, tools } });

export function Chat({ id, saved }: { id: string; saved: SavedChat }) {
  const [text, setText] = useState("");
  const [wait, setWait] = useState("");
  const before = useRef(saved.isUnfinished ? saved.messages.at(-1) : undefined); // the message that is read again
  const chat = useChat<ChatMessage>({
    id,
    messages: saved.messages,
    transport,
    // After a refresh: the answer has gone on meanwhile.
    resume: saved.isUnfinished,
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
    onFinish: ({ message, isDisconnect, isAbort, isError, finishReason }) => {
      setWait("");
      chat.setMessages((all) => all.map(complete));
      if (!isDisconnect && (isAbort || isError || finishReason)) return;
      before.current = complete(message);
      setTimeout(() => chat.resumeStream(), RESUME_MS);
    },
  });
  const { status, error } = chat;
  const complete = (message: ChatMessage) => (before.current ? withEarlierSteps(message, before.current) : message);
  const messages = chat.messages.map(complete);
  const isRunning = status === "submitted" || status === "streaming";
  const last = messages.at(-1);
  useFollowedEnd(chat.messages);

  // Not at each word: what an answer has so far is read again after a refresh.
  const hasChanged = useRef(false);
  useEffect(() => {
    hasChanged.current ||= status !== "ready";
    if (hasChanged.current) saveChat(id, messages, status);
  }, [id, status]);

  // `chat.stop()` alone only closes the connection, as a refresh does. This ends the answer, and what it costs.
  const stop = () => void post(`${API}/${encodeURIComponent(id)}/stop`, {});

  const revise = (generationId: string) =>
    void post(`/api/generations/${generationId}/feedback`, { text: "Shorter, please." });

  // If a part of the answer is here after a lost connection, the rest may be, too.
  const tryAgain = () =>
    void (error instanceof TypeError && last?.role === "assistant" ? chat.resumeStream() : chat.regenerate());

  const send = (event: FormEvent) => {
    event.preventDefault();
    if (!text.trim() || isRunning) return;
    void chat.sendMessage({ text });
    setText("");
  };

  return (
    <main>
      <header>
        <h1>useChat</h1>
        <button type="button" aria-label="New chat" onClick={newChat}>
          New
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
          {status === "ready" && last && (
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
