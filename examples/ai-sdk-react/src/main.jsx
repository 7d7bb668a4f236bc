import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Chat } from "./Chat.jsx";
import { newChat, openChat } from "./conversations.js";

const { id, messages } = openChat();

function Page() {
  return (
    <>
      <header>
        <h1>Chat</h1>
        <button type="button" onClick={newChat}>
          New chat
        </button>
      </header>
      <Chat id={id} messages={messages} />
    </>
  );
}

createRoot(document.getElementById("root")).render(
  <StrictMode>
    <Page />
  </StrictMode>,
);
