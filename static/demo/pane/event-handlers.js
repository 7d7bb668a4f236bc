/**
 * What a pane shows of each event of its answer.
 */

import { failureMessage, formatMillis } from "../messages.js";

/**
 * Create the handlers of one answer, by the type of event.
 * @param {object} context
 * @param {import("../../dualstream.js").Answer} context.answer
 * @param {import("../turn.js").Turn} context.turn
 * @param {object} context.run what the pane knows of it: `absence`, `feedback`, `lastTextAt`, `upstreamRetry`
 * @param {() => void} context.follow scrolls to the end
 * @param {() => void} context.showState
 * @returns {Record<string, (event: object, at: number) => void>}
 */
export function createEventHandlers({ answer, turn, run, follow, showState }) {
  return {
    accepted: ({ generation_id: id }) => turn.showGeneration(id),
    start: ({ provider, upstream_model: model, attempt }, at) => {
      if (attempt > 1) turn.addNotice(`${provider} answers (${model}, attempt ${attempt}).`, at);
    },
    retry: (event, at) => {
      run.upstreamRetry = event;
      turn.addNotice(`Attempt ${event.attempt}: ${failureMessage(event.code)}`, at);
      showState();
    },
    chunk: ({ content }, at) => {
      run.lastTextAt = run.absence.isCatchingUp ? null : at;
      run.absence.receive(content);
      turn.addText(content);
      follow();
      if (answer.text.length === content.length) showState();
    },
    reasoning: ({ content }, at) => {
      if (content === "") return; // only a signature
      turn.reasoning.add(content, at);
      follow();
    },
    tool_call: () => {
      turn.tools.show(answer.toolCalls);
      follow();
    },
    part: (event) => {
      turn.addPart(event);
      follow();
    },
    feedback: ({ feedback_id: id, text }) => run.feedback.set(id, text),
    revision: (event, at) => {
      showRevision(turn, run, event, at);
      run.lastTextAt = null;
    },
    gap: ({ text }, at) => {
      turn.setText(text);
      turn.addNotice("Some events are no longer stored; the complete text replaces them.", at);
    },
  };
}

function showRevision(turn, run, { revision, feedback_id: id, cancel_ms: cancelMs, reason }, at) {
  const isFailover = reason === "failover";
  const feedback = run.feedback.get(id);
  const afterFeedback = feedback ? `, after your feedback: “${feedback}”` : "";
  turn.revise(`Revision ${revision}${isFailover ? ", because the earlier model failed" : afterFeedback}`);
  turn.addNotice(isFailover ? `Revision ${revision} started with another model.`
    : `Revision ${revision} started; the earlier attempt was closed in ${formatMillis(cancelMs)}.`, at);
}
