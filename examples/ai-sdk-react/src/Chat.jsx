import { useChat } from "@ai-sdk/react";
import { DefaultChatTransport } from "ai";
import { useEffect, useRef, useState } from "react";
import { isUnfinished, saveMessages } from "./conversations.js";
import { Message } from "./Message.jsx";

const API = "/api/ai-sdk/chat";
const RESUME_MS = 500;
const transport = new DefaultChatTransport({ api: API });

export function Chat({ id, messages: saved }) {
  const [text, setText] = useState("");
  const [place, setPlace] = useState(null);
  const { messages, sendMessage, regenerate, resumeStream, status, error } = useChat({
    id,
    messages: saved,
    transport,
    // After a refresh: the answer has gone on meanwhile.
    resume: isUnfinished(saved),
    onData: ({ type, data }) => {
      if (type === "data-dualstream-queue") setPlace(data.position);
      if (type === "data-dualstream-start") setPlace(null);
    },
    // The connection was lost, and not the answer. Some proxies hide it: then the end is missing.
    onFinish: ({ isDisconnect, isAbort, isError, finishReason }) => {
      const isCut = isDisconnect || (!isAbort && !isError && finishReason === undefined);
      if (isCut) setTimeout(resumeStream, RESUME_MS);
    },
  });
  const isRunning = status === "submitted" || status === "streaming";

  // Not at each word: what an answer has so far is read again after a refresh.
  useEffect(() => saveMessages(id, messages), [id, status]);

  // `stop()` of the SDK only closes the connection, as a refresh does. This ends the answer, and what it costs.
  const stop = () => fetch(`${API}/${encodeURIComponent(id)}/stop`, { method: "POST" });

  // A part of the answer is here: the rest may be, too.
  const tryAgain = () =>
    error instanceof TypeError && messages.at(-1).role === "assistant" ? resumeStream() : regenerate();

  const revise = (generationId) =>
    fetch(`/api/generations/${generationId}/feedback`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ text: "Shorter, please." }),
    });

  const send = (event) => {
    event.preventDefault();
    if (!text.trim() || isRunning) return;
    sendMessage({ text });
    setText("");
  };

  return (
    <main>
      <ol aria-label="Conversation">
        {messages.map((message, at) => (
          <Message
            key={message.id}
            message={message}
            isRunning={isRunning && at === messages.length - 1}
            onRevise={() => revise(message.metadata.generationId)}
          />
        ))}
      </ol>
      <p role="status">{describe(status, place)}</p>
      {error && (
        <p role="alert">
          {error.message} <button onClick={tryAgain}>Try again</button>
        </p>
      )}
      <form onSubmit={send}>
        <label htmlFor="question">Message</label>
        <input id="question" value={text} onChange={(event) => setText(event.target.value)} autoComplete="off" />
        {isRunning ? (
          <button type="button" onClick={stop}>
            Stop
          </button>
        ) : (
          <button>Send</button>
        )}
      </form>
      <End messages={messages} />
    </main>
  );
}

/** Keeps the end of the conversation in view, unless the reader has scrolled up. */
function End({ messages }) {
  const mark = useRef(null);
  const isFollowing = useRef(true);
  useEffect(() => {
    const onScroll = () => {
      isFollowing.current = document.documentElement.scrollHeight - innerHeight - scrollY < 100;
    };
    addEventListener("scroll", onScroll);
    return () => removeEventListener("scroll", onScroll);
  }, []);
  useEffect(() => {
    if (isFollowing.current) mark.current.scrollIntoView();
  }, [messages]);
  return <div ref={mark} />;
}

function describe(status, place) {
  if (status === "submitted") return place === null ? "Waiting for the first word …" : `Place ${place} in the queue`;
  return status === "streaming" ? "Answering …" : "";
}
