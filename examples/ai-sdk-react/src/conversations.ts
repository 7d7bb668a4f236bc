/** Chats in the browser's storage: the gateway keeps an answer while it runs and for some minutes, but no conversation. */

import type { ChatMessage } from "./types";

const key = (id: string) => `chat:${id}`;

/** Return the chat that the address names, with its messages; an address without one gets a new chat. */
export function openChat(): { id: string; messages: ChatMessage[] } {
  if (!location.hash) location.replace(`#${crypto.randomUUID()}`);
  const id = location.hash.slice(1);
  return { id, messages: JSON.parse(localStorage.getItem(key(id)) ?? "[]") as ChatMessage[] };
}

export function saveMessages(id: string, messages: ChatMessage[]): void {
  localStorage.setItem(key(id), JSON.stringify(messages));
}

/** Return true if the last answer is missing, or was not read to its end: `usage` comes with the end. */
export function isUnfinished(messages: ChatMessage[]): boolean {
  const last = messages.at(-1);
  return last !== undefined && !(last.role === "assistant" && last.metadata?.usage);
}

/** Open an empty chat. The address of the one before stays in the browser's history. */
export function newChat(): void {
  location.hash = "";
  location.reload();
}
