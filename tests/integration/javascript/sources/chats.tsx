/** Chats of one page, in StrictMode; `show` says which. A test reads the document, and calls `chats.NAME.send(…)`. */

import { StrictMode, useEffect, useState, version as react } from "react";
import { createRoot, hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";

import { Conversation, Dualstream } from "dualstream";
import { useGeneration, type UseGenerationOptions, type UseGenerationResult } from "dualstream/react";

type Chats = Record<string, UseGenerationOptions>;

const chats: Record<string, UseGenerationResult> = {};
const counts: Record<string, { commits: number; events: number; finished: string[]; failed: string[] }> = {};
const open = { sockets: [] as WebSocket[], sources: [] as EventSource[], timers: new Set<number>(), frames: 0 };
const page = { react, chats, counts, open, show: (_chats: Chats) => {}, hydrate, converse };
Object.assign(window, { page });
watch();

function Chat({ name, ...options }: UseGenerationOptions & { name: string }) {
  const count = (counts[name] ??= { commits: 0, events: 0, finished: [], failed: [] });
  const chat = useGeneration({
    onEvent: () => { count.events += 1; },
    onFinish: ({ state }) => count.finished.push(state),
    onError: ({ code }) => count.failed.push(code),
    ...options,
  });
  useEffect(() => { chats[name] = chat; count.commits += 1; });
  return (
    <section id={name} data-status={chat.status} data-generation={chat.generationId} data-transport={chat.transport}>
      <ol>{chat.messages.map(({ id, role, content }) => <li key={id} className={role}>{String(content)}</li>)}</ol>
      <p className="reasoning">{chat.reasoning}</p>
      <p className="error">{chat.error?.code}</p>
      <p className="usage">{chat.usage?.output_tokens}</p>
      <button className="stop" onClick={chat.stop}>Stop</button>
      <button className="retry" onClick={chat.retry}>Retry</button>
    </section>
  );
}

function Page({ initial }: { initial: Chats }) {
  const [shown, show] = useState(initial);
  useEffect(() => { page.show = show; }, []);
  return <StrictMode>{Object.entries(shown).map(([name, options]) => <Chat key={name} name={name} {...options} />)}</StrictMode>;
}

const main = document.querySelector("main")!;
const given = new URLSearchParams(location.search).get("chats");
if (given !== null) createRoot(main).render(<Page initial={JSON.parse(given) as Chats} />);

/** Render as a server does, then take over in the page. */
function hydrate(initial: Chats): void {
  main.innerHTML = renderToString(<Page initial={initial} />);
  hydrateRoot(main, <Page initial={initial} />, { onRecoverableError: (error) => console.error(error) });
}

/** A conversation that outlives the components that show it. */
function converse(baseURL: string, model: string): Chats {
  return { given: { conversation: new Conversation(new Dualstream({ baseURL, transport: "websocket" }), { model }) } };
}

/** Record what is open: sockets, sources and timers, and count the frames. */
function watch(): void {
  const { setTimeout, clearTimeout, WebSocket, EventSource } = window;
  const timeout = (callback: () => void, ms?: number) => {
    const timer = setTimeout(() => { open.timers.delete(timer); callback(); }, ms);
    open.timers.add(timer);
    return timer;
  };
  Object.assign(window, {
    setTimeout: timeout,
    clearTimeout: (timer: number) => { open.timers.delete(timer); clearTimeout(timer); },
    WebSocket: class extends WebSocket { constructor(url: string, protocols: string[]) { super(url, protocols); open.sockets.push(this); } },
    EventSource: class extends EventSource { constructor(url: string, init: EventSourceInit) { super(url, init); open.sources.push(this); } },
  });
  const count = () => { open.frames += 1; requestAnimationFrame(count); };
  requestAnimationFrame(count);
}
