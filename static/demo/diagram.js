/**
 * How each transport works, as a small drawing: the browser on the left, the gateway on the right. Thick lines are
 * connections that stay open; dots are messages.
 */

const NS = "http://www.w3.org/2000/svg";
const [LEFT, RIGHT] = [64, 256];

/** Lines of each transport, from top to bottom: `to` is the side that the messages travel to. */
const LINES = {
  sse: [{ y: 30, to: "right", dots: 1, label: "POST" }, { y: 62, to: "left", dots: 5, open: true, label: "stream" }],
  websocket: [{ y: 38, to: "right", dots: 1, open: true, label: "commands" }, { y: 54, to: "left", dots: 5, open: true, label: "events" }],
  poll: [
    { y: 24, to: "right", dots: 1, label: "request" }, { y: 36, to: "left", dots: 3, label: "" },
    { y: 58, to: "right", dots: 1, label: "" }, { y: 70, to: "left", dots: 3, label: "a batch of events" },
  ],
};

/**
 * Draw a transport.
 * @param {string} transport
 * @returns {SVGElement} without a name: the text beside it says the same
 */
export function drawTransport(transport) {
  const root = draw("svg", { viewBox: "0 0 320 94", class: "diagram", "aria-hidden": "true" });
  for (const line of LINES[transport]) root.append(...drawLine(line));
  root.append(...drawEnd(LEFT - 32, "browser"), ...drawEnd(RIGHT + 32, "gateway"));
  return root;
}

function drawLine({ y, to, dots, open = false, label }) {
  const leftwards = to === "left";
  const [tip, back] = leftwards ? [LEFT, 5] : [RIGHT, -5];
  const head = draw("path", { d: `M${tip + back} ${y - 4}L${tip} ${y}L${tip + back} ${y + 4}`, class: "d-head" });
  const parts = [draw("path", { d: `M${LEFT} ${y}H${RIGHT}`, class: open ? "d-open" : "d-line" }), head];
  for (let index = 0; index < dots; index += 1) {
    const at = LEFT + ((RIGHT - LEFT) * (index + 1)) / (dots + 1);
    parts.push(draw("circle", { cx: at, cy: y, r: 3, class: `d-dot d-to-${to}` }));
  }
  return [...parts, text(above(y) ? y - 8 : y + 15, label)];
}

function drawEnd(x, name) {
  const box = draw("rect", { x: x - 30, y: 14, width: 60, height: 66, rx: 8, class: "d-end" });
  return [box, label(x, 51, name, "d-name")];
}

/** Labels stand outside of the lines. */
const above = (y) => y < 47;
const text = (y, name) => label((LEFT + RIGHT) / 2, y, name, "d-label");

function label(x, y, name, kind) {
  const made = draw("text", { x, y, class: kind });
  made.textContent = name;
  return made;
}

function draw(name, attributes) {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}
