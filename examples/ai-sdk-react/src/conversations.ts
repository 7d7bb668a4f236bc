/** Chats in the browser's storage: the gateway keeps an answer while it runs and for some minutes, but no conversation. */

import { type ChatStatus, isToolUIPart } from "ai";
import type { ChatMessage } from "./types";

export interface SavedChat {
  messages: ChatMessage[];
  /** true: the last answer was not read to its end */
  isUnfinished: boolean;
}

const key = (id: string) => `chat:${id}`;

/** Return the chat that the address names; an address without one gets a new chat. */
export function openChat(): { id: string; saved: SavedChat } {
  if (!location.hash) location.replace(`#${crypto.randomUUID()}`);
  const id = location.hash.slice(1);
  const stored = localStorage.getItem(key(id));
  return { id, saved: stored ? (JSON.parse(stored) as SavedChat) : { messages: [], isUnfinished: false } };
}

export function saveChat(id: string, messages: ChatMessage[], status: ChatStatus): void {
  // A message that was not answered at all has nothing to resume: the newest answer is that of an earlier turn.
  const isUnfinished = status === "error" ? messages.at(-1)?.role === "assistant" : status !== "ready";
  localStorage.setItem(key(id), JSON.stringify({ messages, isUnfinished } satisfies SavedChat));
}

/**
 * Return a message that is read again, with its earlier steps: what follows the results of tools is an answer of its own
 * for the gateway, and its replay has nothing else.
 */
export function withEarlierSteps(message: ChatMessage, before: ChatMessage): ChatMessage {
  const isResult = (part: ChatMessage["parts"][number]) => isToolUIPart(part) && part.state.startsWith("output");
  const earlier = before.parts.slice(0, before.parts.findLastIndex(isResult) + 1);
  const known = new Set(earlier.filter(isToolUIPart).map(({ toolCallId }) => toolCallId));
  const hasThem = message.parts.some((part) => isToolUIPart(part) && known.has(part.toolCallId));
  return message.id !== before.id || hasThem ? message : { ...message, parts: [...earlier, ...message.parts] };
}

/** Open an empty chat. The address of the one before stays in the browser's history. */
export function newChat(): void {
  location.hash = "";
  location.reload();
}
