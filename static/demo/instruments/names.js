/**
 * Short names of the transports.
 */

export const NAMES = Object.freeze({ sse: "SSE", websocket: "WebSocket", poll: "Long poll" });
