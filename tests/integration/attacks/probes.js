/* What a foreign page can try against a gateway. Each returns a description of what the page got; `marker` is the prompt. */

const PATIENCE = 6000;

const JSON_START = (marker) => JSON.stringify({ model: "plain", messages: [{ role: "user", content: marker }] });

const query = (marker) => `prompt=${encodeURIComponent(marker)}&model=plain`;

/** Returns the first outcome, or that none came in time. */
function first(begin) {
  return new Promise((resolve) => {
    setTimeout(() => resolve("nothing"), PATIENCE);
    begin(resolve);
  });
}

async function fetched(url, options = {}) {
  try {
    const response = await fetch(url, options);
    const text = await response.text();
    if (response.type === "opaque") return "an opaque response, unreadable";
    const said = text.includes('"code":"forbidden"') ? "refused, readable" : "readable";
    return `${response.status}, ${text.length > 0 ? said : "empty"}`;
  } catch (error) {
    return error.name;
  }
}

/** Loads a URL by an element. Frames fire `load` for errors too, so the driver inspects what they show. */
function loaded(tag, attributes, attribute, url) {
  return first((resolve) => {
    const element = Object.assign(document.createElement(tag), attributes);
    element.onload = () => resolve("loaded");
    element.onerror = () => resolve("an error");
    element[attribute] = url;
    document.body.append(element);
  });
}

function submitted(url, encoding, fields) {
  return first((resolve) => {
    const name = `target${Math.random()}`;
    const frame = Object.assign(document.createElement("iframe"), { name });
    const form = Object.assign(document.createElement("form"), { method: "POST", action: url, enctype: encoding, target: name });
    for (const [field, value] of Object.entries(fields)) form.append(Object.assign(document.createElement("input"), { name: field, value }));
    document.body.append(frame, form);
    frame.onload = () => {
      let seen = "a response in a frame, unreadable";
      try {
        seen = frame.contentDocument.URL === "about:blank" ? null : "readable";
      } catch { /* of another origin */ }
      if (frame.contentDocument === null || seen === "readable") resolve(seen ?? "a response in a frame, unreadable");
    };
    form.submit();
  });
}

/** A form field can encode JSON if its `=` is inside a string. */
function jsonField(marker) {
  const [before, after] = JSON_START(marker).split(marker);
  return { [`${before}${marker} `]: ` ${after}` };
}

const probes = {
  websocket: (gateway, marker) => first((resolve) => {
    const socket = new WebSocket(`${gateway.replace("http", "ws")}/api/ws`, ["dualstream.v1"]);
    const read = [];
    socket.onopen = () => socket.send(JSON.stringify({ type: "start", ...JSON.parse(JSON_START(marker)) }));
    socket.onmessage = ({ data }) => {
      read.push(JSON.parse(data).type);
      if (["complete", "rejected"].includes(read.at(-1))) socket.close();
    };
    socket.onclose = ({ code, reason }) => resolve(`close code ${code}${reason && ` “${reason}”`}${read.length ? `, read ${read.join(" ")}` : ""}`);
  }),
  eventSource: (gateway, marker) => first((resolve) => {
    const source = new EventSource(`${gateway}/api/chat/stream?${query(marker)}`);
    source.onmessage = () => resolve("read a chunk");
    source.onerror = () => { source.close(); resolve("an error"); };
  }),
  eventSourceWithCredentials: (gateway, marker) => first((resolve) => {
    const source = new EventSource(`${gateway}/api/chat/stream?${query(marker)}`, { withCredentials: true });
    source.onmessage = () => resolve("read a chunk");
    source.onerror = () => { source.close(); resolve("an error"); };
  }),
  get: (gateway, marker) => fetched(`${gateway}/api/chat/stream?${query(marker)}`, { headers: { Accept: "text/event-stream" } }),
  getNoCors: (gateway, marker) => fetched(`${gateway}/api/chat/stream?${query(marker)}`, { mode: "no-cors", headers: { Accept: "text/event-stream" }, credentials: "include" }),
  post: (gateway, marker) => fetched(`${gateway}/api/generations`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON_START(marker) }),
  postNoCors: (gateway, marker) => fetched(`${gateway}/api/generations`, { method: "POST", mode: "no-cors", headers: { "Content-Type": "text/plain" }, body: JSON_START(marker), credentials: "include" }),
  postNoType: (gateway, marker) => fetched(`${gateway}/api/chat/stream`, { method: "POST", mode: "no-cors", body: new Blob([JSON_START(marker)]) }),
  formText: (gateway, marker) => submitted(`${gateway}/api/generations`, "text/plain", jsonField(marker)),
  formUrlencoded: (gateway, marker) => submitted(`${gateway}/api/chat/stream`, "application/x-www-form-urlencoded", jsonField(marker)),
  formMultipart: (gateway, marker) => submitted(`${gateway}/api/chat/stream`, "multipart/form-data", jsonField(marker)),
  beacon: (gateway, marker) => first((resolve) => {
    const url = `${gateway}/api/generations?beacon=${encodeURIComponent(marker)}`;
    new PerformanceObserver((seen) => { if (seen.getEntriesByName(url).length) resolve("sent, unreadable"); }).observe({ type: "resource", buffered: true });
    if (!navigator.sendBeacon(url, new Blob([JSON_START(marker)], { type: "text/plain" }))) resolve("not sent");
  }),
  image: (gateway, marker) => loaded("img", {}, "src", `${gateway}/api/chat/stream?${query(marker)}`),
  script: (gateway, marker) => loaded("script", {}, "src", `${gateway}/api/chat/stream?${query(marker)}`),
  style: (gateway, marker) => loaded("link", { rel: "stylesheet" }, "href", `${gateway}/api/chat/stream?${query(marker)}`),
  frame: (gateway, marker) => loaded("iframe", {}, "src", `${gateway}/api/chat/stream?${query(marker)}`).then(() => "a response in a frame, unreadable"),
  frameOfPage: (gateway) => loaded("iframe", {}, "src", `${gateway}/`),
  interruptByForm: (gateway, _marker, id) => submitted(`${gateway}/api/generations/${id}/interrupt`, "text/plain", {}),
  interruptNoCors: (gateway, _marker, id) => fetched(`${gateway}/api/generations/${id}/interrupt`, { method: "POST", mode: "no-cors", credentials: "include" }),
  readStats: (gateway) => fetched(`${gateway}/api/stats`),
  readModels: (gateway) => fetched(`${gateway}/api/models`),
  readAnswer: (gateway, _marker, id) => fetched(`${gateway}/api/generations/${id}`),
  readEvents: (gateway, _marker, id) => first((resolve) => {
    const source = new EventSource(`${gateway}/api/generations/${id}/events`);
    source.onmessage = () => { source.close(); resolve("read a chunk"); };
    source.onerror = () => { source.close(); resolve("an error"); };
  }),
  ticket: (gateway) => fetched(`${gateway}/api/tickets`, { method: "POST", mode: "no-cors", headers: { "Content-Type": "text/plain" }, body: '{"scope":"start"}' }),
};

/** What an allowed page with a key can do: all of it must work. */
async function friendly(gateway, marker, key) {
  const post = (path, body) =>
    fetch(`${gateway}${path}`, {
      method: "POST", credentials: "include", body: JSON.stringify(body),
      headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json", "X-Request-ID": "friend-1" },
    });
  const ticket = async (scope) => (await (await post("/api/tickets", { scope })).json()).ticket;
  const started = await post("/api/generations", JSON.parse(JSON_START(marker)));
  const headers = ["X-Request-ID", "X-RateLimit-Remaining", "X-Generation-ID"].filter((name) => started.headers.get(name));
  const forStart = await ticket("start");
  const events = await first((resolve) => {
    const source = new EventSource(`${gateway}/api/chat/stream?${query(marker)}&ticket=${forStart}`, { withCredentials: true });
    source.addEventListener("complete", () => { source.close(); resolve("complete"); });
    source.onerror = () => { source.close(); resolve("an error"); };
  });
  const forSocket = await ticket("socket");
  const socket = await first((resolve) => {
    const it = new WebSocket(`${gateway.replace("http", "ws")}/api/ws`, ["dualstream.v1", `dualstream.ticket.${forSocket}`]);
    it.onopen = () => it.send(JSON.stringify({ type: "start", ...JSON.parse(JSON_START(marker)) }));
    it.onmessage = ({ data }) => { if (JSON.parse(data).type === "complete") { it.close(); resolve("complete"); } };
    it.onclose = ({ code }) => resolve(`close code ${code}`);
  });
  return `POST with a key: ${started.status}, readable: ${headers.join(", ")}; EventSource with credentials: ${events}; WebSocket: ${socket}`;
}
