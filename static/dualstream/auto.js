/**
 * A stream where one passes, long polls where none does. A proxy that buffers a stream answers properly, and then nothing
 * comes, as while a model thinks. So a stream that stays silent is compared with what the gateway has.
 */

/** Milliseconds of silence after which the gateway is asked; doubled each time, up to the second number. */
const SILENCE_MS = [1000, 16_000];

/** Milliseconds in which an event that the gateway has must come over the stream, too; and twice the time of the question. */
const OVERDUE_MS = 500;

/**
 * Read a stream, and poll instead if it does not get through. Both continue after the last event that was delivered, so none
 * is lost or repeated. Once an event has come over a stream, the stream is trusted until it is lost: a proxy that releases
 * it in blocks of some kilobytes is not found out.
 * @param {object} options
 * @param {import("./connections.js").Target} options.target
 * @param {(target: object, listener: object) => Connection} options.openStream
 * @param {(target: object, listener: object) => Connection} options.openPoll
 * @param {() => Promise<{seq: number}>} options.snapshot what the gateway has
 * @param {(passes: boolean) => void} options.onVerdict whether a stream passes is known
 * @param {{now: () => number, setTimeout: Function, clearTimeout: Function}} options.env
 * @param {Listener} options.listener
 * @returns {Connection}
 *
 * @typedef {import("./connectors.js").Connection} Connection
 * @typedef {import("./connectors.js").Listener} Listener
 */
export function openAuto({ target, openStream, openPoll, snapshot, onVerdict, env, listener }) {
  let [closed, passed, timer, poll] = [false, false, null, null];
  const isWatching = () => !closed && timer !== null;
  // After the fall-back, what still comes over the stream is ignored: text that polls have joined must not come twice.
  const unlessPolling = (handler) => (...args) => { if (poll === null) handler(...args); };
  listener.onTransport("sse");
  const stream = openStream(target, {
    onId: unlessPolling(listener.onId),
    onOpen: unlessPolling(listener.onOpen),
    onActivity: unlessPolling(listener.onActivity),
    onEvent: unlessPolling((event) => {
      if (!passed) onVerdict(true);
      passed = true;
      stopWatching();
      listener.onEvent(event);
    }),
    // A proxy that refuses a stream may pass a poll on; if the gateway refused it, it refuses the poll, too.
    onError: unlessPolling((error) => (passed ? listener.onError(error) : fallBack())),
    onReconnecting: unlessPolling(() => (passed ? listener.onReconnecting() : fallBack())),
    onEnd: unlessPolling((state, seq) => {
      // With a state, EventSource has given up, and the answer may go on.
      if (state !== null && !passed) return fallBack();
      stopWatching();
      listener.onEnd(state, seq);
    }),
  });
  watch(SILENCE_MS[0]);

  function watch(ms) {
    timer = env.setTimeout(() => check(ms).catch(() => { if (isWatching()) watch(ms); }), ms);
  }

  /** Fall back if the gateway has an event that does not come over the stream either. */
  async function check(ms) {
    const asked = env.now();
    const { seq } = await snapshot();
    if (!isWatching()) return;
    if (seq > target.seq) timer = env.setTimeout(fallBack, OVERDUE_MS + 2 * Math.min(env.now() - asked, SILENCE_MS[1]));
    else watch(Math.min(2 * ms, SILENCE_MS[1]));
  }

  /** Poll. The stream is kept until that works: without a reader, the generation might be cancelled. */
  function fallBack() {
    stopWatching();
    listener.onTransport("poll");
    poll = openPoll(target, { ...listener, onOpen: () => { stream.close(); onVerdict(false); listener.onOpen(); } });
  }

  function stopWatching() {
    env.clearTimeout(timer);
    timer = null;
  }

  function end(how) {
    closed = true;
    stopWatching();
    stream[how]();
    poll?.[how]();
  }
  return { close: () => end("close"), abort: () => end("abort") };
}
