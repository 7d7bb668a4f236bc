/**
 * An error as a person wants to read it: what happened, what to do, and the details for who needs them.
 */

import { element } from "../common/dom.js";
import { adviceMessage, failureMessage, formatDuration } from "./messages.js";

/**
 * Show an error.
 * @param {HTMLElement} root
 * @param {import("../dualstream.js").DualstreamError} error
 * @param {{partial: boolean, requestId: string|null, onRetry: () => void}} options `partial`: some text had been received
 */
export function showProblem(root, error, { partial, requestId, onRetry }) {
  const retryable = error.retryable || error.code === "generation_lost";
  const children = [
    element("p", { className: "problem-title", textContent: failureMessage(error.code) }),
    element("p", { textContent: adviceMessage(error, partial) }),
  ];
  if (retryable) children.push(retryButton(error.retryAfterMs ?? 0, onRetry));
  children.push(detailsOf(error, requestId));
  root.replaceChildren(...children.filter(({ textContent }) => textContent !== ""));
  root.hidden = false;
}

/** A button that can be used once the wait is over. */
function retryButton(waitMs, onRetry) {
  const until = performance.now() + waitMs;
  const button = element("button", { type: "button", data: { role: "retry" } });
  const show = () => {
    const left = until - performance.now();
    button.textContent = left <= 0 ? "Try again" : `Try again in ${formatDuration(Math.ceil(left / 1000) * 1000)}`;
    button.setAttribute("aria-disabled", String(left > 0));
    if (left > 0 && (button.isConnected || left > waitMs - 100)) setTimeout(show, Math.min(left, 250));
  };
  button.addEventListener("click", () => { if (performance.now() >= until) onRetry(); });
  show();
  return button;
}

function detailsOf({ code, message, status, param }, requestId) {
  const rows = [["Message", message], ["Code", code], ["HTTP status", status], ["Field", param], ["Request", requestId]];
  const list = element("dl", {}, ...rows.filter(([, value]) => value).flatMap(([name, value]) => [
    element("dt", { textContent: name }), element("dd", { textContent: String(value) })]));
  return element("details", {}, element("summary", { textContent: "Details" }), list);
}
