/**
 * What each chart of the last hour shows. Pure.
 */

import { UNKNOWN, counted, milliseconds, number } from "../../common/units.js";
import { compact, dollars } from "../format.js";
import { codeCount, countOf, frequentCodes, quantileOf, total } from "./series.js";

const MIN_SECONDS = 12; // of a minute, for a rate
const CODE_COLOURS = ["bad", "c3", "c4", "c1", "c5"];

/**
 * @typedef {object} Reading
 * @property {import("./chart.js").Series[]} series
 * @property {string} value of the whole hour
 * @property {string} note
 * @property {string} summary for a screen reader
 */

/** A chart of the median and the slow end of a time. */
function times(id, title, name, noun) {
  return {
    id, title, kind: "lines", format: milliseconds,
    read: (minutes, bounds) => {
      const [hour, of] = [total(minutes)[name], (share) => (minute) => quantileOf(minute[name], bounds[name], share)];
      const [middle, slow] = [quantileOf(hour, bounds[name], 0.5), quantileOf(hour, bounds[name], 0.95)];
      const value = middle === null ? UNKNOWN : milliseconds(middle);
      const note = middle === null ? "" : `median · 95 % within ${milliseconds(slow)}`;
      const series = [
        { name: "Median", colour: "c1", values: minutes.map(of(0.5)) },
        { name: "95 %", colour: "c4", values: minutes.map(of(0.95)) },
      ];
      const summary = middle === null ? `${title}: no data in the last hour.` : `${title} in the last hour: median ${value}, 95 % within ${milliseconds(slow)}, of ${counted(countOf(hour), noun)}.`;
      return { series, value, note, summary };
    },
  };
}

const tokens = {
  id: "tokens", title: "Output tokens", kind: "area", format: (value) => `${compact(value)}/s`,
  read: (minutes) => {
    const hour = total(minutes).output_tokens;
    const value = compact(Math.round(hour));
    const series = [{ name: "Tokens per second", colour: "c1", values: minutes.map(rate) }];
    return { series, value, note: "in the hour", summary: `Output tokens in the last hour: ${number(Math.round(hour))}.` };
  },
};

const errors = {
  id: "errors", title: "Errors", kind: "columns", format: (value) => (Number.isInteger(value) ? number(value) : ""),
  read: (minutes) => {
    const hour = total(minutes);
    const ends = hour.complete + hour.interrupted + hour.error;
    const codes = frequentCodes(minutes, CODE_COLOURS.length);
    const series = codes.map((code, index) => ({ name: code, colour: CODE_COLOURS[index], values: minutes.map((minute) => codeCount(minute, code, codes)) }));
    const note = ends === 0 ? "" : `of ${counted(ends, "end")} · ${percent(hour.error / ends)}`;
    return { series, value: number(hour.error), note, summary: `Errors in the last hour: ${number(hour.error)} of ${counted(ends, "end")}.` };
  },
};

const cost = {
  id: "cost", title: "Cost", kind: "columns", format: dollars,
  read: (minutes) => {
    const hour = total(minutes);
    const unknown = hour.unpriced > 0 ? ` · ${counted(hour.unpriced, "answer")} without a known price` : "";
    const series = [{ name: "Dollars", colour: "c1", values: minutes.map((minute) => minute.cost_usd) }];
    return { series, value: dollars(hour.cost_usd), note: `in the hour${unknown}`, summary: `Cost in the last hour: ${dollars(hour.cost_usd)}${unknown}.` };
  },
};

const saved = {
  id: "saved", title: "Saved by interrupts", kind: "columns", format: compact,
  read: (minutes) => {
    const hour = total(minutes);
    const series = [{ name: "Tokens saved", colour: "c2", values: minutes.map((minute) => minute.saved_tokens) }];
    const note = `about ${counted(hour.saved_tokens, "token")} · ${counted(hour.interrupted, "interrupt")}`;
    return { series, value: dollars(hour.saved_usd), note, summary: `Saved by interrupts in the last hour: ${dollars(hour.saved_usd)}, ${note}.` };
  },
};

/** Tokens per second. Of a minute that has just begun, none is known. */
const rate = ({ output_tokens: count, seconds }) => (seconds < MIN_SECONDS ? null : count / seconds);

const percent = (share) => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;

/** All charts, in the order they are shown. */
export const CHARTS = [
  times("ttft", "Time to first token", "ttft", "answer"),
  times("gaps", "Gap between chunks", "gaps", "gap"),
  tokens, errors, cost, saved,
];
