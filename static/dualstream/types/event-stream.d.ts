/** A decoder of text/event-stream, as the WHATWG HTML standard defines it. */

export interface EventStreamMessage {
  /** the message's name; "message" if the stream has none */
  event: string;
  data: string;
  /** the id of this message, or of the last one before it that has one */
  lastEventId: string;
}

/** Decodes one stream. Push every piece of the body in order; where the body is cut makes no difference. */
export declare class EventStreamDecoder {
  /** the id to send as `Last-Event-ID` when reconnecting */
  lastEventId: string;
  /** milliseconds that the stream asks to wait before reconnecting */
  retryMs: number | null;
  /** Decode the next piece of the body; return the messages that it completed. */
  push(bytes: Uint8Array): EventStreamMessage[];
}
