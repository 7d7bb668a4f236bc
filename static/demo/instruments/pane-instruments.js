/**
 * Everything that measures one pane: it observes the pane and its wire, and fills the pane's slots.
 */

import { shownTransport } from "../transports.js";
import { BigFigure } from "./big-figure.js";
import { FramesView } from "./frames-view.js";
import { Measurement, compareTexts } from "./measurement.js";
import { TimelineView } from "./timeline-view.js";
import { milliseconds } from "../../common/units.js";

const LATE_MS = 400; // Resource Timing comes this much later than the end of a stream

export class PaneInstruments {
  #log;
  #pane;
  #onFigures;
  #measurement = /** @type {Measurement|null} */ (null);
  #finishing = /** @type {Set<Measurement>} */ (new Set());
  #figure = new BigFigure();
  #timeline;
  #frames;

  /**
   * @param {import("../pane.js").Pane} pane
   * @param {import("./wire-log.js").WireLog} log of the pane's client
   * @param {(figures: import("./measurement.js").Figures) => void} onFigures called once for each run that was measured to its end
   */
  constructor(pane, log, onFigures) {
    this.#pane = pane;
    this.#log = log;
    this.#onFigures = onFigures;
    const title = pane.name === "left" ? "Left answer" : "Right answer";
    this.#timeline = new TimelineView(title);
    this.#frames = new FramesView(title, log);
    pane.slot("stop")?.append(this.#figure.element);
    pane.slot("timeline")?.append(this.#timeline.element, this.#frames.element);
    log.onEntry = (entry) => {
      this.#measurement?.onWire(entry);
      for (const measurement of this.#finishing) measurement.onWire(entry);
      this.#frames.changed();
    };
    pane.observe(this.#observer);
  }

  #observer = {
    onTurn: ({ at, kind, transport }) => {
      this.#log.clear();
      this.#figure.clear();
      this.#timeline.begin(at);
      this.#frames.begin(at);
      // Only a start has a handshake and a first token; a page that watches comes later.
      this.#measurement = kind === "start" ? new Measurement({ transport: shownTransport(transport), model: "", startedAt: at }) : null;
      if (kind === "start") this.#timeline.timeline.addAction("started", shownTransport(transport), at);
    },
    onEvent: (event, { at, transport }) => {
      this.#measurement?.onEvent(event, at);
      this.#timeline.timeline.addEvent(event, shownTransport(transport), at);
    },
    onOffline: ({ at }) => {
      this.#measurement?.onBreak(at);
      this.#timeline.timeline.addAction("broken", this.#transport, at);
    },
    onOnline: ({ at, ms }) => {
      const sinceRequest = this.#measurement?.sinceRequest(at) ?? null;
      if (sinceRequest !== null) this.#figure.showReconnect(sinceRequest);
      const next = sinceRequest === null ? "" : `, next event ${milliseconds(sinceRequest)} after the new request`;
      this.#timeline.timeline.addAction("resumed", this.#transport, at, `after ${(ms / 1000).toFixed(1)} s${next}`);
    },
    onTransport: ({ at, to }) => {
      // The figures of two transports would be mixed.
      this.#measurement = null;
      this.#timeline.timeline.addAction("moved", shownTransport(to), at);
    },
    onCommand: ({ at, name }) => {
      if (name === "interrupt") {
        this.#measurement?.onStop(at);
        this.#timeline.timeline.addAction("stop", this.#transport, at);
      }
    },
    onClear: () => this.#figure.clear(),
    onEnd: ({ stop }) => {
      if (stop) this.#figure.showStop(stop);
      const measurement = this.#measurement;
      this.#measurement = null;
      if (measurement?.hasEnded) this.#finish(measurement);
    },
  };

  get #transport() {
    return shownTransport(this.#pane.transport);
  }

  /** Report the figures, once the browser has reported the size of the stream, and the text was checked if the connection broke. */
  async #finish(measurement) {
    const { answer } = this.#pane;
    this.#finishing.add(measurement);
    await new Promise((resolve) => { setTimeout(resolve, LATE_MS); });
    if (measurement.hasReconnected && answer !== null) await this.#check(measurement, answer);
    this.#finishing.delete(measurement);
    this.#onFigures(measurement.figures);
  }

  /** Compare the answer's text with the gateway's own; say so in the timeline, unless another answer has begun. */
  async #check(measurement, answer) {
    const stored = await readText(answer.id, this.#pane);
    if (stored === null) return;
    const { intact, message } = compareTexts(answer.text, stored);
    measurement.onCheck(intact);
    if (answer !== this.#pane.answer) return;
    const { reconnectMs, stopMs } = measurement.figures;
    if (stopMs === null) this.#figure.showReconnect(reconnectMs, message);
    this.#timeline.timeline.addAction("checked", this.#transport, performance.now(), message);
  }
}

/** Return the gateway's text; null if it has forgotten the answer, or is gone: then nothing can be said. */
async function readText(id, pane) {
  try {
    return (await pane.createClient().snapshot(id)).text; // by a client of its own: this request is not measured
  } catch {
    return null;
  }
}
