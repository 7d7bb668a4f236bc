import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Chat } from "./Chat";
import { openChat } from "./conversations";
import "./style.css";

const { id, saved } = openChat();

createRoot(document.querySelector("#root")!).render(
  <StrictMode>
    <Chat id={id} saved={saved} />
  </StrictMode>,
);
