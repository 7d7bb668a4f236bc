/**
 * What runs, as the events of the gateway tell it, and its speed, as this page samples it. Pure.
 */

const SAMPLES = 30;
const SMOOTHING = 0.4; // weight of the newest sample

/**
 * @typedef {object} Speed
 * @property {number} now output tokens per second, smoothed
 * @property {number[]} samples the last ones, oldest first
 */

/** The state of the deployment at this moment. */
export class LiveState {
  /** @type {Map<string, any>} by id, newest first */
  rows = new Map();
  /** @type {any[]} */
  gateways = [];
  omitted = 0;
  /** Seconds by which the gateway's clock is ahead of this one. */
  ahead = 0;
  #speeds = /** @type {Map<string, Speed & {tokens: number, at: number}>} */ (new Map());

  /**
   * Apply an event.
   * @param {string} type `snapshot` or `change`
   * @param {any} data
   * @param {number} now seconds since 1970, by this page's clock
   */
  apply(type, data, now) {
    this.ahead = data.time - now;
    if (data.gateways) this.gateways = data.gateways;
    if (data.omitted !== undefined) this.omitted = data.omitted;
    if (type === "snapshot") this.rows = new Map(data.running.map((row) => [row.id, row]));
    else this.#change(data);
    for (const id of this.#speeds.keys()) if (!this.rows.has(id)) this.#speeds.delete(id);
  }

  #change({ running = [], gone = [] }) {
    for (const id of gone) this.rows.delete(id);
    const added = [];
    for (const change of running) {
      const row = this.rows.get(change.id);
      if (row) this.rows.set(change.id, { ...row, ...change });
      else added.push([change.id, change]);
    }
    if (added.length > 0) this.rows = new Map([...added, ...this.rows]);
  }

  /** Measure each row's speed since the last event. @param {number} time that of the event, in seconds */
  sample(time) {
    for (const [id, { output_tokens: tokens }] of this.rows) {
      const speed = this.#speeds.get(id);
      if (!speed) {
        this.#speeds.set(id, { now: 0, samples: [], tokens, at: time });
        continue;
      }
      const seconds = time - speed.at;
      if (seconds <= 0) continue;
      addSample(speed, Math.max(0, tokens - speed.tokens) / seconds); // a revision begins again at 0
      Object.assign(speed, { tokens, at: time });
    }
  }

  /** No event has come for a while: nothing changes, or it is late. The next one is measured since the last one. */
  sampleSilence() {
    for (const speed of this.#speeds.values()) addSample(speed, 0);
  }

  /** @param {string} id @returns {Speed} */
  speedOf(id) {
    return this.#speeds.get(id) ?? { now: 0, samples: [] };
  }

  /** Output tokens per second of everything that runs. */
  get speed() {
    let sum = 0;
    for (const { now } of this.#speeds.values()) sum += now;
    return sum;
  }

  /** Sums over all gateways. */
  get totals() {
    const sum = (name) => this.gateways.reduce((total, gateway) => total + gateway[name], 0);
    return { running: sum("running"), queued: sum("queued"), streams: sum("streams"), viewers: sum("viewers") };
  }

  /** The gateway that answers this page. */
  get here() {
    return this.gateways.find(({ here }) => here) ?? this.gateways[0] ?? null;
  }
}

function addSample(speed, measured) {
  speed.now += SMOOTHING * (measured - speed.now);
  speed.samples.push(measured);
  if (speed.samples.length > SAMPLES) speed.samples.shift();
}
