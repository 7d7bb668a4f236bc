/**
 * The figures and the chart of one pane's running answer.
 */

import { ArrivalsChart } from "../chart.js";
import { element, setText } from "../../common/dom.js";
import { Figures } from "../figures.js";
import { formatMillis } from "../messages.js";

const FIGURES = [
  ["ttft", "First token"], ["speed", "Speed"], ["gap-p50", "Gap, median"], ["gap-p95", "Gap, 95 %"], ["chunks", "Pieces"], ["bytes", "Bytes of text"],
];

/** Show the figures of the running answer above its text. @param {import("../pane.js").Pane} pane */
export function attachFigures(pane) {
  const shown = new Map(FIGURES.map(([role]) => [role, element("dd", { textContent: "–", data: { role } })]));
  pane.slot("figures").append(element("dl", { className: "figures" }, ...FIGURES.map(([role, name]) => (
    element("div", {}, element("dt", { textContent: name }), shown.get(role))))));
  let figures = new Figures(0);
  let redrawing = false;

  function show() {
    redrawing = false;
    const [p50, p95] = figures.gapQuantiles(0.5, 0.95);
    const count = (number) => (number === 0 ? "–" : number.toLocaleString("en"));
    const texts = {
      ttft: formatMillis(figures.timeToFirstToken), chunks: count(figures.chunks), bytes: count(figures.bytes),
      "gap-p50": formatMillis(p50), "gap-p95": formatMillis(p95), speed: figures.speed === null ? "–" : `${Math.round(figures.speed).toLocaleString("en")} chars/s`,
    };
    for (const [role, text] of Object.entries(texts)) setText(shown.get(role), text);
  }

  pane.observe({
    onTurn: ({ at }) => { figures = new Figures(at); show(); },
    onOnline: () => figures.skipGap(),
    onEvent: (event, { at, waiting }) => {
      if (event.type === "chunk") figures.addChunk(event.content, at, { timed: !waiting });
      else if (["reasoning", "tool_call", "part"].includes(event.type)) figures.addToken(at);
      else if (event.type === "revision") figures.startRevision();
      if (!redrawing) requestAnimationFrame(show);
      redrawing = true;
    },
    onEnd: show,
  });
}

/** Draw when its characters arrive. @param {import("../pane.js").Pane} pane */
export function attachChart(pane) {
  const canvas = element("canvas", { className: "chart" });
  canvas.setAttribute("role", "img");
  pane.slot("chart").append(element("h3", { className: "chart-title", textContent: "Characters received" }), canvas);
  const chart = new ArrivalsChart(canvas);
  let chars = 0;
  pane.observe({
    onTurn: ({ at }) => { chars = 0; chart.begin(at); },
    onEvent: (event, { at }) => {
      if (event.type === "revision") { chars = 0; chart.restarted(at); }
      if (event.type === "chunk") chart.arrived(at, chars += event.content.length);
    },
    onOffline: ({ at }) => chart.offline(at),
    onOnline: ({ at }) => chart.online(at),
    onTransport: ({ at }) => chart.mark(at),
    onChoice: () => chart.draw(),
    onEnd: ({ at, stop }) => { if (stop) chart.mark(at); chart.end(at); },
  });
}
