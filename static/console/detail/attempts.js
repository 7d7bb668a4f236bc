/**
 * The attempts of one generation on one time axis: calling, waiting for the first content, streaming. Pure.
 */

import { ceiling, round } from "../../common/charts/scale.js";
import { milliseconds } from "../../common/units.js";
import { attemptEnd } from "../format.js";

const ROW = 40;
const BAR = 10;
const AXIS = 18;
const CHARACTER = 7.4; // mean width in a name
const MIN_QUEUE_MS = 20; // a shorter wait is no wait

/**
 * @typedef {object} Attempt
 * @property {number} number
 * @property {string} provider
 * @property {string} upstream_model
 * @property {string|null} ended
 * @property {number|null} [start_ms] since the start of the generation
 * @property {number|null} [open_ms] since the call
 * @property {number|null} [first_content_ms] since the call
 * @property {number|null} [duration_ms] since the call
 */

/** Return the parts of an attempt that took time, as pairs of milliseconds since the start of the generation. @param {Attempt} attempt @param {number} totalMs */
export function partsOf({ start_ms: start, open_ms: open, first_content_ms: first, duration_ms: duration }, totalMs) {
  if (start === null || start === undefined) return [];
  const end = duration === null || duration === undefined ? Math.max(start, totalMs) : start + duration;
  const parts = [];
  let from = start;
  for (const [kind, until] of [["calling", open], ["waiting", first]]) {
    const to = until === null || until === undefined ? end : Math.min(end, start + until);
    if (to > from) parts.push({ kind, from, to });
    from = to;
    if (until === null || until === undefined) return parts;
  }
  if (end > from) parts.push({ kind: "streaming", from, to: end });
  return parts;
}

/** Return an attempt in words. @param {Attempt} attempt */
export function attemptText({ number, provider, upstream_model: model, ended, duration_ms: duration }) {
  const took = duration === null || duration === undefined ? "" : ` · ${milliseconds(duration)}`;
  return `${number} · ${[provider, model].filter(Boolean).join(" ")} · ${attemptEnd(ended ?? "")}${took}`;
}

/**
 * Return the shapes of the timeline.
 * @param {Attempt[]} attempts
 * @param {{queueMs: number, totalMs: number, width: number}} options
 */
export function drawAttempts(attempts, { queueMs, totalMs, width }) {
  const end = ceiling(totalMs);
  const x = (ms) => round(2 + (Math.min(ms, end) / end) * (width - 4));
  const rows = attempts.map((attempt) => ({ text: attemptText(attempt), parts: partsOf(attempt, totalMs), failed: !["answered", "lost", "cancelled", "", null].includes(attempt.ended) }));
  if (queueMs >= MIN_QUEUE_MS) rows.unshift({ text: `In the queue · ${milliseconds(queueMs)}`, parts: [{ kind: "queued", from: 0, to: queueMs }], failed: false });
  const foot = rows.length * ROW;
  const ticks = [0, end / 2, end].flatMap((ms, index) => [
    { tag: "path", attributes: { d: `M${x(ms)} 0V${foot}`, class: "t-grid" } },
    { tag: "text", text: ms === 0 ? "0" : milliseconds(ms), attributes: { x: x(ms), y: foot + AXIS / 2, class: `a-time ${["a-start", "t-time", "a-end"][index]}` } },
  ]);
  const bars = rows.flatMap(({ text, parts, failed }, index) => [
    { tag: "text", text: shorten(text, Math.floor(width / CHARACTER)), attributes: { x: 2, y: index * ROW + 12, class: `a-name${failed ? " a-bad" : ""}` } },
    ...parts.map(({ kind, from, to }) => ({ tag: "rect", attributes: { x: x(from), y: index * ROW + 23, width: Math.max(1.5, round(x(to) - x(from))), height: BAR, rx: 2, class: `a-${kind}${failed && kind !== "queued" ? " a-failed" : ""}` } })),
  ]);
  return { height: foot + AXIS, shapes: [...ticks, ...bars] };
}

/** Leave out the middle of a text that is too long: its end says how an attempt ended. */
function shorten(text, length) {
  if (text.length <= length) return text;
  const end = Math.ceil(length * 0.4);
  return `${text.slice(0, length - end - 1)}…${text.slice(-end)}`;
}
