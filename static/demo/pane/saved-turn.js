/**
 * A turn as the tab keeps it for the page after a refresh.
 */

const TERMINAL = new Set(["complete", "interrupted", "error"]);

/**
 * Return what `restore` of a pane needs.
 * @param {import("../turn.js").Turn} turn
 * @param {import("../../dualstream.js").Answer} answer
 * @param {{request: object|null, messages: object[]}} run
 * @returns {object}
 */
export function savedTurn(turn, answer, { request, messages }) {
  const { text, reasoning, reasoningDetails, toolCalls, parts, revision, position, state } = answer;
  return { ...turn.saved, answer: { text, reasoning, reasoningDetails, toolCalls, parts, revision, position, state }, request, messages };
}

/**
 * Return how to go on reading a stored answer.
 * @param {object} saved
 * @returns {{after: number|string, isRunning: boolean, options: {text: string, revision: number}, kept: object}} `kept`: what
 *   the new answer has in common with it
 */
export function resumeOf({ seq, answer: { position, state, text, revision, reasoning, reasoningDetails, toolCalls, parts } }) {
  const isRunning = !TERMINAL.has(state);
  // One that had ended is read again from its last event but one: its end says how.
  const after = isRunning ? position ?? 0 : Math.max(0, seq - 1);
  return { after, isRunning, options: { text, revision }, kept: { reasoning, reasoningDetails, toolCalls, parts } };
}
