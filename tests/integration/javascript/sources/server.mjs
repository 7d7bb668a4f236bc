/** Render a component on a server: it must open nothing, so that the process ends. */

import { createElement } from "react";
import { renderToString } from "react-dom/server";

import { useGeneration } from "dualstream/react";

function Chat() {
  const { messages, status } = useGeneration({ resume: "chat", messages: [{ role: "assistant", content: "Hello" }] });
  return createElement("p", { className: status }, messages.map(({ id, content }) => createElement("b", { key: id }, content)));
}

console.log(renderToString(createElement(Chat)));
