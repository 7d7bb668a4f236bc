const NAMES = { user: "You", assistant: "Assistant" };

export function Message({ message, isRunning, onRevise }) {
  const { role, parts, metadata } = message;
  return (
    <li className={role}>
      <strong>{NAMES[role]}</strong>
      {parts.map((part, at) => (
        <Part key={at} part={part} />
      ))}
      {isRunning && metadata?.generationId && (
        <button type="button" onClick={onRevise}>
          Shorter
        </button>
      )}
      {metadata?.usage && <small>{figures(metadata)}</small>}
    </li>
  );
}

function Part({ part }) {
  switch (part.type) {
    case "text":
      return <p>{part.text}</p>;
    case "reasoning":
      return (
        part.text && (
          <details open={part.state === "streaming"}>
            <summary>Reasoning</summary>
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

function figures({ usage, costUsd, metrics, revision }) {
  return [
    `${usage.outputTokens} tokens`,
    metrics?.ttftMs != null && `first after ${Math.round(metrics.ttftMs)} ms`,
    costUsd != null && `$${costUsd.toFixed(6)}`,
    revision && `revision ${revision}`,
  ]
    .filter(Boolean)
    .join(" · ");
}
