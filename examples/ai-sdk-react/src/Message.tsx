import { isToolUIPart, getToolName } from "ai";
import type { ChatMessage, Metadata } from "./types";

const NAMES = { user: "You", assistant: "Assistant", system: "System" };

export function Message({ message, isRunning }: { message: ChatMessage; isRunning: boolean }) {
  const { role, parts, metadata } = message;
  return (
    <li className={isRunning ? `${role} running` : role} aria-label={NAMES[role]}>
      {parts.map((part, at) => (
        <Part key={at} part={part} />
      ))}
      {!isRunning && metadata?.usage && <small>{figures(metadata)}</small>}
    </li>
  );
}

function Part({ part }: { part: ChatMessage["parts"][number] }) {
  if (isToolUIPart(part)) {
    return (
      <div className="tool">
        <code>
          {getToolName(part)}({part.input === undefined ? "…" : JSON.stringify(part.input)})
        </code>
        <span>{part.state === "output-available" ? String(part.output) : (part.errorText ?? "running …")}</span>
      </div>
    );
  }
  switch (part.type) {
    case "text":
      return part.text && <p>{part.text}</p>;
    case "reasoning":
      return (
        part.text && (
          <details>
            <summary>{part.state === "streaming" ? "Thinking …" : "Reasoning"}</summary>
            {part.text}
          </details>
        )
      );
    case "file":
      return part.mediaType.startsWith("image/") ? <img src={part.url} alt="" /> : <a href={part.url}>File</a>;
    case "source-url":
      return <a href={part.url}>{part.title ?? part.url}</a>;
    default:
      return null;
  }
}

function figures({ usage, costUsd, metrics, revision }: Metadata): string {
  return [
    usage?.outputTokens != null && `${usage.outputTokens} tokens`,
    metrics?.ttftMs != null && `first after ${Math.round(metrics.ttftMs)} ms`,
    costUsd != null && `$${costUsd.toFixed(6)}`,
    revision && `revision ${revision}`,
  ]
    .filter(Boolean)
    .join(" · ");
}
