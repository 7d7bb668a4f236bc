/**
 * Readers for a page: `start(name, request)` reads an answer, and puts what it has read in `reading`.
 *
 * `event-source`: the browser's own. `polyfill`: event-source-polyfill, which sends a key in a header, and the position
 * in the URL. `post`: @microsoft/fetch-event-source. `websocket`: the browser's own.
 */

const ENDS = ["complete", "interrupted", "error", "rejected"];
const NAMED = ["accepted", "queued", "start", "retry", "reasoning", "tool_call", "feedback", "revision", ...ENDS];
const RECONNECT_MS = 100;

window.start = (name, request) => {
  window.reading = { id: "", text: "", reasoning: "", pieces: 0, types: [], positions: [], calls: [], end: null, connections: 0 };
  const { base = "", generation } = request;
  const bearer = { Authorization: `Bearer ${request.key}` };
  const path = generation ? `/api/generations/${generation}/events` : "/api/chat/stream";

  /** Take an event; true if the answer has ended. */
  const take = (event, position) => {
    reading.types.push(event.type);
    reading.positions.push(position);
    if (event.type === "accepted") reading.id = event.generation_id;
    if (event.type === "revision") reading.text = "";
    if (event.type === "reasoning") reading.reasoning += event.content;
    if (event.type === "chunk") {
      reading.pieces++;
      reading.text += event.content;
    }
    if (event.type === "tool_call") {
      reading.calls[event.index] ??= { id: event.id, type: "function", function: { name: event.name, arguments: "" } };
      reading.calls[event.index].function.arguments += event.arguments;
    }
    if (ENDS.includes(event.type)) reading.end = event;
    return reading.end !== null;
  };

  const listen = (source) => {
    source.onopen = () => { reading.connections++; };
    const onEvent = ({ data, lastEventId }) => {
      if (data && take(JSON.parse(data), lastEventId)) source.close();
    };
    source.onmessage = onEvent;
    for (const type of NAMED) source.addEventListener(type, onEvent);
  };

  const query = () => (generation ? {} : { prompt: request.messages.at(-1).content, model: request.model });

  const readers = {
    async "event-source"() {
      const body = JSON.stringify(generation ? { generation_id: generation } : { scope: "start" });
      const headers = { ...bearer, "Content-Type": "application/json" };
      const response = await fetch("/api/tickets", { method: "POST", headers, body });
      if (!response.ok) reading.end = (await response.json()).error;
      else listen(new EventSource(`${path}?${new URLSearchParams({ ...query(), ticket: (await response.json()).ticket })}`));
    },
    polyfill() {
      listen(new EventSourcePolyfill(`${path}?${new URLSearchParams(query())}`, { headers: bearer }));
    },
    post() {
      const done = new AbortController();
      const body = JSON.stringify({ messages: request.messages, model: request.model, options: request.options });
      const start = { method: "POST", body, headers: { ...bearer, "Content-Type": "application/json" } };
      fetchEventSourcePackage.fetchEventSource(path, {
        ...(generation ? { headers: bearer } : start),
        signal: done.signal,
        async onopen(response) {
          reading.connections++;
          if (response.ok) return;
          reading.end = (await response.json()).error;
          done.abort();
        },
        onmessage({ id, data }) {
          if (data && take(JSON.parse(data), id)) done.abort();
        },
      });
    },
    websocket() {
      const socket = new WebSocket(`${location.origin.replace("http", "ws")}/api/ws`, "dualstream.v1");
      const send = (command) => socket.send(JSON.stringify(command));
      window.stop = () => send({ type: "interrupt", generation_id: reading.id });
      socket.onopen = () => {
        reading.connections++;
        send({ type: "hello", token: request.key });
        const id = reading.id || generation;
        const after = reading.positions.at(-1);
        if (id) send({ type: "attach", id: 1, generation_id: id, ...(after && { after }) });
        else send({ type: "start", id: 1, messages: request.messages, model: request.model, options: request.options });
      };
      socket.onmessage = ({ data }) => {
        const event = JSON.parse(data);
        if (event.type !== "ack" && take(event, event.seq)) socket.close();
      };
      socket.onclose = ({ code }) => {
        if (reading.end) return;
        if (code === 4401) reading.end = { code: "auth_error", retryable: false };
        else setTimeout(readers.websocket, RECONNECT_MS);
      };
    },
  };
  readers[name]();
};
