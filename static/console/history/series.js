/**
 * The buckets of the gateway as series of minutes. Pure.
 */

export const STEP = 60;
export const STEPS = 60;

/**
 * @typedef {object} Minute
 * @property {number} at its beginning, in seconds since 1970
 * @property {number} seconds how much of it is over
 * @property {number} complete
 * @property {number} interrupted
 * @property {number} error
 * @property {Record<string, number>} codes
 * @property {number[]} ttft counts by bounds
 * @property {number[]} gaps
 * @property {number} output_tokens
 * @property {number} cost_usd
 * @property {number} unpriced
 * @property {number} saved_tokens
 * @property {number} saved_usd
 */

const SUMS = ["complete", "interrupted", "error", "output_tokens", "cost_usd", "unpriced", "saved_tokens", "saved_usd"];

const emptyMinute = (at) => ({ at, seconds: STEP, codes: {}, ttft: [], gaps: [], ...Object.fromEntries(SUMS.map((name) => [name, 0])) });

/**
 * Return the last hour in minutes, oldest first; those without a bucket are empty.
 * @param {any[]} buckets
 * @param {number} now seconds since 1970
 * @returns {Minute[]}
 */
export function minutesOf(buckets, now) {
  const last = Math.floor(now / STEP) * STEP;
  const minutes = Array.from({ length: STEPS }, (_, index) => emptyMinute(last - (STEPS - 1 - index) * STEP));
  for (const bucket of buckets) {
    const index = STEPS - 1 - (last - Math.floor(bucket.at / STEP) * STEP) / STEP;
    if (minutes[index]) addTo(minutes[index], bucket);
  }
  minutes[STEPS - 1].seconds = now - last;
  return minutes;
}

/** Return the sum of minutes. @param {Minute[]} minutes @returns {Minute} */
export function total(minutes) {
  const sum = emptyMinute(minutes[0]?.at ?? 0);
  for (const minute of minutes) addTo(sum, minute);
  return sum;
}

function addTo(sum, bucket) {
  for (const name of SUMS) sum[name] += bucket[name];
  for (const [code, count] of Object.entries(bucket.codes)) sum.codes[code] = (sum.codes[code] ?? 0) + count;
  sum.ttft = addCounts(sum.ttft, bucket.ttft);
  sum.gaps = addCounts(sum.gaps, bucket.gaps);
}

function addCounts(left, right) {
  if (left.length === 0 || right.length === 0) return left.length === 0 ? right : left;
  return left.map((count, index) => count + right[index]);
}

/** @param {number[]} counts */
export const countOf = (counts) => counts.reduce((sum, count) => sum + count, 0);

/**
 * Estimate a quantile from counts by upper bounds, linear within each; null without counts.
 * @param {number[]} counts one more than bounds: the last one is of what is longer
 * @param {number[]} bounds
 * @param {number} share
 * @returns {number|null}
 */
export function quantileOf(counts, bounds, share) {
  const all = countOf(counts);
  if (all === 0) return null;
  let below = 0;
  for (const [index, count] of counts.entries()) {
    if (count > 0 && below + count >= share * all) {
      const from = index === 0 ? 0 : bounds[index - 1];
      const to = bounds[index] ?? from; // of what is longer than all bounds, only that is known
      return from + (to - from) * ((share * all - below) / count);
    }
    below += count;
  }
  return bounds.at(-1) ?? null;
}

/**
 * Merge newer buckets into those that are known, which are replaced, and drop what is older than an hour.
 * @param {any[]} known
 * @param {any[]} newer
 * @param {number} now seconds since 1970
 */
export function update(known, newer, now) {
  const byTime = new Map([...known, ...newer].map((bucket) => [bucket.at, bucket]));
  return [...byTime.values()].filter(({ at }) => at > now - STEP * (STEPS + 1)).sort((left, right) => left.at - right.at);
}

/**
 * Return the codes that occur most, most frequent first, at most `most`; the others are one, "other".
 * @param {Minute[]} minutes
 * @param {number} most
 */
export function frequentCodes(minutes, most) {
  const counts = Object.entries(total(minutes).codes).sort(([, left], [, right]) => right - left).map(([code]) => code);
  return counts.length <= most ? counts : [...counts.slice(0, most - 1), "other"];
}

/** Return how often a code of `frequentCodes` occurs in a minute. */
export function codeCount(minute, code, codes) {
  if (code !== "other" || minute.codes.other !== undefined) return minute.codes[code] ?? 0;
  return Object.entries(minute.codes).reduce((sum, [name, count]) => sum + (codes.includes(name) ? 0 : count), 0);
}
