/**
 * What the measured runs say, and what they can't say. Pure.
 */

import { MEASURES } from "./measures.js";
import { NAMES } from "./names.js";
import { quantile } from "./quantiles.js";
import { counted, milliseconds } from "../../common/units.js";

/** @typedef {import("./history.js").History} History */

/**
 * @typedef {object} VerdictRow
 * @property {string} title
 * @property {Record<string, string>} values by transport
 * @property {string|null} better the transport that is ahead; null if there is no difference that counts
 * @property {string} meaning
 */

const FEW_RUNS = 3; // fewer have no spread: a difference in time may be chance, one in bytes is none

/**
 * Return a row for each measure that at least two transports have.
 * @param {History} history
 * @returns {VerdictRow[]}
 */
export function verdictRows(history) {
  return MEASURES.flatMap((measure) => {
    const ranked = history.transports
      .map((transport) => ({ transport, value: history.median(transport, measure.value), ...spreadOf(history.values(transport, measure.value)) }))
      .filter(({ value }) => value !== null)
      .sort((a, b) => a.value - b.value);
    if (ranked.length < 2) return [];
    const values = Object.fromEntries(ranked.map(({ transport, value }) => [transport, measure.format(value)]));
    return [{ title: measure.title, values, ...judge(measure, ranked) }];
  });
}

/** Return the range of the middle half of the values: what one run differs from the next. */
function spreadOf(values) {
  return { spread: (quantile(values, 0.75) ?? 0) - (quantile(values, 0.25) ?? 0), runs: values.length };
}

/** Judge the two lowest values of a measure. A difference within the spread of the runs is chance. */
function judge(measure, [first, second]) {
  const difference = second.value - first.value;
  if (difference <= Math.max(first.spread, second.spread)) return { better: null, meaning: "Equal, within the spread of the runs." };
  const ahead = `${NAMES[first.transport]} ${measure.ahead} ${measure.format(difference)}`;
  if (difference <= measure.noise) return { better: null, meaning: `${ahead}: too little to notice.` };
  const runs = Math.min(first.runs, second.runs);
  if (measure.format === milliseconds && runs < FEW_RUNS) return { better: null, meaning: `${ahead} in ${counted(runs, "run")}: that may be chance.` };
  return { better: first.transport, meaning: `${ahead}.` };
}

/**
 * Return the sentences for the top of the comparison.
 * @param {History} history
 * @returns {string}
 */
export function headline(history) {
  const { transports } = history;
  if (transports.length === 0) return "Nothing measured yet. Run a prompt, or start the measurement.";
  const runs = Math.min(...transports.map((transport) => history.runs(transport).length));
  const areFew = runs < FEW_RUNS;
  const soFar = areFew ? `After ${counted(runs, "run")}: ` : "";
  if (transports.length === 1) return `Measured over ${NAMES[transports[0]]} only. Run the other transport, too.`;
  const rows = verdictRows(history);
  const ahead = transports.flatMap((transport) => {
    const titles = rows.filter(({ better }) => better === transport).map(({ title }) => title.toLowerCase());
    return titles.length === 0 ? [] : [`${NAMES[transport]} is ahead in ${list(titles)}`];
  });
  if (areFew) return `${soFar}${ahead.length === 0 ? "nothing to tell apart yet" : ahead.join("; ")}. Times vary from run to run: measure five.`;
  if (ahead.length === 0) return "For a reader the transports are equal here. Choose by what your network and your code allow.";
  const equal = rows.filter(({ better }) => better === null).length;
  return `${ahead.join("; ")}.${equal === 0 ? "" : ` In ${counted(equal, "measure")} there is no difference to notice.`}`;
}

const list = (titles) => (titles.length === 1 ? titles[0] : `${titles.slice(0, -1).join(", ")} and ${titles.at(-1)}`);

/**
 * Return what these figures can't say, so that they are not the only reason for a choice.
 * @param {{hostname: string, protocol: string, httpVersion: string|null, runs: number, simulated: boolean}} where `runs`: the
 *   smallest number of runs of a transport
 * @returns {string[]}
 */
export function hints({ hostname, protocol, httpVersion, runs, simulated }) {
  return [
    isLocal(hostname) && "Measured on this machine. A network adds its round-trip time to each round trip of a handshake, a reconnect and a stop; the bytes stay the same.",
    protocol === "http:" && "Without TLS. Over HTTPS each new connection costs one or two round trips more, on either transport.",
    httpVersion === "http/1.1" && "Over HTTP/1.1 a browser opens six connections to a host, and each EventSource takes one of them. Over HTTP/2 it does not.",
    simulated && "The model is simulated: its first token and its pace are those of the settings.",
    runs > 0 && runs < 5 && `Medians of ${counted(runs, "run")}. Measure five or more before you trust a difference of some milliseconds.`,
    "Not measured here: proxies that buffer or block. SSE is plain HTTP and passes most of them; a WebSocket needs one that forwards upgrades.",
  ].filter((hint) => typeof hint === "string");
}

const isLocal = (hostname) => ["localhost", "[::1]"].includes(hostname) || hostname.startsWith("127.");

/** Round-trip times for which `networkRows` computes, with what they stand for. */
export const NETWORKS = [
  { rttMs: 20, name: "same region" },
  { rttMs: 80, name: "across a continent" },
  { rttMs: 150, name: "mobile network" },
  { rttMs: 300, name: "poor mobile network" },
];

/**
 * Compute the handshake on networks with a round-trip time: what was measured here, and its round trips. The gateway's part is
 * measured, the network's part is arithmetic.
 * @param {History} history
 * @returns {{name: string, rttMs: number, ms: Record<string, number>}[]}
 */
export function networkRows(history) {
  const measured = history.transports.flatMap((transport) => {
    const runs = history.runs(transport).filter(({ opened, handshake }) => opened && handshake !== null);
    const ms = history.median(transport, ({ opened, handshakeMs }) => (opened ? handshakeMs : null));
    return runs.length === 0 ? [] : [{ transport, ms, roundTrips: runs.at(-1).handshake.roundTrips }];
  });
  if (measured.length < 2) return [];
  return NETWORKS.map(({ name, rttMs }) => (
    { name, rttMs, ms: Object.fromEntries(measured.map(({ transport, ms, roundTrips }) => [transport, ms + roundTrips * rttMs])) }));
}
