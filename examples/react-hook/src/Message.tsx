import type { ChatAnswer, ChatMessage } from "dualstream";

export function Message({ message, result }: { message: ChatMessage; result: (callId: string | null) => string | undefined }) {
  if (message.role === "assistant") return <Answer answer={message} result={result} />;
  if (message.role !== "user") return null; // the result of a tool is shown beside its call
  return (
    <li className="user" aria-label="You">
      <p>{textOf(message)}</p>
    </li>
  );
}

function Answer({ answer, result }: { answer: ChatAnswer; result: (callId: string | null) => string | undefined }) {
  const { content, reasoning, toolCalls, parts, state, end } = answer;
  return (
    <li className={state === "running" ? "assistant running" : "assistant"} aria-label="Assistant">
      {reasoning && (
        <details>
          <summary>{state === "running" && !content ? "Thinking …" : "Reasoning"}</summary>
          {reasoning}
        </details>
      )}
      {content && <p>{content}</p>}
      {toolCalls.map(({ index, id, name, arguments: json }) => (
        <div className="tool" key={index}>
          <code>
            {name}({json})
          </code>
          <span>{result(id) ?? "running …"}</span>
        </div>
      ))}
      {parts.map((part, at) => {
        if (part.kind === "image") return <img key={at} src={part.url ?? `data:${part.media_type};base64,${part.data}`} alt="" />;
        if (part.kind === "citation" && part.url) return <a key={at} href={part.url}>{part.title ?? part.url}</a>;
        return null;
      })}
      {end && <small>{figures(answer)}</small>}
    </li>
  );
}

export function textOf({ content }: ChatMessage): string {
  return typeof content === "string" ? content : content.map((part) => ("text" in part ? part.text : "")).join("");
}

function figures({ end, revision }: ChatAnswer): string {
  return [
    end?.type === "interrupted" && "stopped",
    end?.usage?.output_tokens != null && `${end.usage.output_tokens} tokens`,
    end?.metrics?.ttft_ms != null && `first after ${Math.round(end.metrics.ttft_ms)} ms`,
    end?.cost_usd != null && `$${end.cost_usd.toFixed(6)}`,
    revision > 1 && `revision ${revision}`,
  ]
    .filter(Boolean)
    .join(" · ");
}
