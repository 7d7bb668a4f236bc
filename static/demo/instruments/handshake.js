/**
 * The steps from the start of an answer to its first event. Pure.
 */

const MIN_PAGE_MS = 0.05; // what the page itself takes between the steps; less is not shown

/**
 * @typedef {object} Handshake
 * @property {{label: string, ms: number}[]} steps they add up to the whole
 * @property {number} requests HTTP requests, an upgrade included
 * @property {number} roundTrips times that the page had to wait for the gateway; new TCP and TLS connections not counted
 * @property {number} sent bytes of bodies and messages that the page sent
 * @property {number|null} heads bytes of the responses' heads; null if a script can't see one of them
 */

/**
 * Compute the handshake from what went over the wire before the first event.
 * @param {readonly import("./wire-log.js").WireEntry[]} entries
 * @param {{startedAt: number, firstEventAt: number}} times
 * @returns {Handshake}
 */
export function handshakeOf(entries, { startedAt, firstEventAt }) {
  const before = entries.filter(({ at }) => at >= startedAt && at <= firstEventAt);
  const requests = before.filter(({ kind }) => kind === "request");
  const opened = before.filter(({ kind }) => kind === "open");
  const messages = before.filter(({ carrier, kind, direction }) => carrier === "websocket" && kind === "frame" && direction === "out");
  const steps = requests.flatMap((request) => {
    const open = opened.find(({ connection }) => connection === request.connection);
    return open ? [{ label: stepLabel(request), ms: open.at - request.at }] : [];
  });
  const lastOpenAt = opened.at(-1)?.at ?? startedAt;
  steps.push({ label: messages.length > 0 ? "start" : "event", ms: firstEventAt - lastOpenAt });
  const page = firstEventAt - startedAt - steps.reduce((sum, { ms }) => sum + ms, 0);
  if (page >= MIN_PAGE_MS) steps.push({ label: "page", ms: page });
  return {
    steps,
    requests: requests.length,
    roundTrips: requests.length + (messages.length > 0 ? 1 : 0),
    sent: [...requests, ...messages].reduce((sum, { bytes }) => sum + bytes, 0),
    heads: opened.length === 0 || opened.some(({ head }) => head === null) ? null : opened.reduce((sum, { head }) => sum + head, 0),
  };
}

function stepLabel({ carrier, text }) {
  if (carrier === "websocket") return "upgrade";
  return carrier === "eventsource" ? "stream" : text.split(" ", 1)[0];
}
