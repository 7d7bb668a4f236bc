/**
 * A conversation in a Storage, so that it resumes after a refresh.
 */

import { notify } from "./errors.js";

/** @typedef {Pick<Storage, "getItem"|"setItem"|"removeItem">} AnyStorage */

const PREFIX = "dualstream:";
const VERSION = 1;

/** One entry of a storage. Without a name it stores nothing. */
export class StoredConversation {
  #key;
  #storage;

  /**
   * @param {string|undefined} name
   * @param {AnyStorage|null|undefined} storage default: the tab's sessionStorage, where there is one
   */
  constructor(name, storage) {
    this.#key = PREFIX + name;
    this.#storage = name === undefined ? null : storage;
  }

  /** @returns {{messages: object[], start: object|null}|null} null: nothing is stored, or nothing that this version can read */
  load() {
    const stored = parse(this.#use((storage) => storage.getItem(this.#key)));
    return isConversation(stored) ? stored : null;
  }

  /** @param {{messages: object[], start: object|null}} conversation */
  save(conversation) {
    const text = JSON.stringify({ version: VERSION, ...conversation });
    this.#use((storage) => {
      if (conversation.messages.length === 0) return storage.removeItem(this.#key);
      try {
        storage.setItem(this.#key, text);
      } catch (error) {
        storage.removeItem(this.#key); // it is full: an old state would resume an old answer
        throw error;
      }
    });
  }

  /** Storage is a convenience: where it is forbidden, full or broken, the conversation goes on without it. */
  #use(operation) {
    if (this.#storage === null) return null;
    try {
      const storage = this.#storage ?? globalThis.sessionStorage;
      return storage ? operation(storage) : null;
    } catch (error) {
      if (error?.name !== "SecurityError" && error?.name !== "QuotaExceededError") notify(() => { throw error; });
      return null;
    }
  }
}

/** An application, or an older version of it, may have written something else under the same name. */
function isConversation(stored) {
  return stored?.version === VERSION && Array.isArray(stored.messages) && stored.messages.every(isMessage) && isStart(stored.start);
}

function isMessage(message) {
  if (typeof message?.role !== "string") return false;
  const { id = "", toolCalls = [], tool_calls: calls = [], parts = [], reasoningDetails = [] } = message;
  return typeof id === "string" && [toolCalls, calls, parts, reasoningDetails].every(Array.isArray);
}

const isStart = (start) => start === null || typeof start?.key === "string";

function parse(text) {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return null; // not ours: another script has the same key
  }
}
