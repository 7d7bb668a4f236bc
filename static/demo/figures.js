/**
 * Measurements of one answer: time to first token, gaps between chunks, speed, sizes. Pure: times are passed in.
 */

const utf8 = new TextEncoder();
const MIN_TIMED_MS = 50; // a shorter time is too short to compute a speed

export class Figures {
  chunks = 0;
  /** characters of the current revision */
  chars = 0;
  bytes = 0;
  /** @type {number|null} null before the first chunk, and if the next gap must not be measured */
  lastChunkAt = null;
  #startedAt;
  #firstTokenAt = null;
  #gaps = /** @type {number[]} */ ([]);
  #timedMs = 0;
  #timedChars = 0;

  /** @param {number} now milliseconds on the clock of `performance.now()`, as for all times here */
  constructor(now) {
    this.#startedAt = now;
  }

  /** Record that a token of any kind arrived: text, reasoning or a tool call. */
  addToken(now) {
    this.#firstTokenAt ??= now;
  }

  /**
   * Record a chunk.
   * @param {string} content
   * @param {number} now
   * @param {{timed: boolean}} options `timed`: false if the gap to the next chunk must not be measured
   */
  addChunk(content, now, { timed }) {
    this.addToken(now);
    if (this.lastChunkAt !== null) {
      // The speed is computed from chunks after a measured gap: not from the first one, nor the first one after an absence.
      this.#gaps.push(now - this.lastChunkAt);
      this.#timedMs += now - this.lastChunkAt;
      this.#timedChars += content.length;
    }
    this.lastChunkAt = timed ? now : null;
    this.chunks += 1;
    this.chars += content.length;
    this.bytes += utf8.encode(content).length;
  }

  /** Do not measure the gap to the next chunk. */
  skipGap() {
    this.lastChunkAt = null;
  }

  /** Start to count the characters of a new revision. */
  startRevision() {
    this.skipGap();
    this.chars = 0;
  }

  /** @returns {number|null} milliseconds */
  get timeToFirstToken() {
    return this.#firstTokenAt === null ? null : this.#firstTokenAt - this.#startedAt;
  }

  /** @returns {number|null} characters per second */
  get speed() {
    return this.#timedMs < MIN_TIMED_MS ? null : (this.#timedChars / this.#timedMs) * 1000;
  }

  /** @returns {(number|null)[]} milliseconds, one for each share; null without gaps */
  gapQuantiles(...shares) {
    const sorted = this.#gaps.slice().sort((a, b) => a - b);
    return shares.map((share) => (sorted.length === 0 ? null : sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]));
  }
}
