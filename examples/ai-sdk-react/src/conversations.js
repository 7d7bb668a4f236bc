/** Chats in the browser's storage: the gateway keeps an answer while it runs and for some minutes, but no conversation. */

const key = (id) => `chat:${id}`;

/** Returns the chat that the address names, with its messages; an address without one gets a new chat. */
export function openChat() {
  if (!location.hash) location.replace(`#${crypto.randomUUID()}`);
  const id = location.hash.slice(1);
  return { id, messages: JSON.parse(localStorage.getItem(key(id)) ?? "[]") };
}

/** Stores the messages of a chat. */
export function saveMessages(id, messages) {
  localStorage.setItem(key(id), JSON.stringify(messages));
}

/** Returns true if the last answer is missing, or was not read to its end: `usage` comes with the end. */
export function isUnfinished(messages) {
  const last = messages.at(-1);
  return last !== undefined && !(last.role === "assistant" && last.metadata?.usage);
}

/** Opens an empty chat; the address keeps the one before in the history. */
export function newChat() {
  location.hash = "";
  location.reload();
}
