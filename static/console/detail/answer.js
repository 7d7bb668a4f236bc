/**
 * The text of one answer as its events bring it. Pure.
 */

/** What is known of an answer from its events. */
export class AnswerText {
  text = "";
  revision = 1;
  /** Characters of the model's reasoning. */
  reasoning = 0;
  /** Names of the tools that it calls. */
  tools = /** @type {string[]} */ ([]);
  /** The terminal event. */
  end = /** @type {any} */ (null);
  /** The last thing that happened beside text, for people. */
  note = "";

  /**
   * Apply an event.
   * @param {any} event
   * @returns {"text"|"all"|"calls"|""} what has changed: text was appended, all is new, a call began or failed, or nothing
   */
  apply(event) {
    switch (event.type) {
      case "chunk":
        this.text += event.content;
        return "text";
      case "reasoning":
        this.reasoning += event.content.length;
        return "all";
      case "tool_call":
        if (event.name) this.tools.push(event.name);
        return event.name ? "all" : "";
      case "gap":
        this.text = event.text;
        return "all";
      case "revision":
        Object.assign(this, { text: "", reasoning: 0, tools: [], revision: event.revision, note: `Revision ${event.revision} began.` });
        return "all";
      case "queued":
        this.note = `Waits in the queue, at place ${event.position}.`;
        return "all";
      case "start":
        this.note = "";
        return "calls";
      case "retry":
        this.note = `Attempt ${event.attempt} failed (${event.code}); the next one follows.`;
        return "calls";
      case "complete": case "interrupted": case "error":
        this.end = event;
        this.note = "";
        return "calls";
      default:
        return "";
    }
  }
}
