/** Types of the package `dualstream`. */

export * from "./client.js";
export * from "./conversation.js";
export * from "./errors.js";
export * from "./event-stream.js";
export * from "./events.js";
export * from "./messages.js";
