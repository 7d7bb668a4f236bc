import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Chat } from "./Chat";
import { openChat } from "./conversations";
import "./style.css";

const { id, messages } = openChat();

createRoot(document.querySelector("#root")!).render(
  <StrictMode>
    <Chat id={id} saved={messages} />
  </StrictMode>,
);
