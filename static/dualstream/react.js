/**
 * `useGeneration`: a conversation with a gateway in a React component. React 18 or newer.
 */

import { useEffect, useState, useSyncExternalStore } from "react";

import { Dualstream } from "./client.js";
import { Conversation } from "./conversation.js";
import { NAMES, checkNames } from "./options.js";

/** Options that only the creation of a conversation reads; the others may change with each render. */
const CREATION = NAMES["new Conversation()"].filter((name) => !NAMES["configure()"].includes(name));

/**
 * @param {import("./types/react.js").UseGenerationOptions} [options]
 * @returns {import("./types/react.js").UseGenerationResult}
 */
export function useGeneration(options = {}) {
  checkNames("useGeneration()", options);
  const [held, hold] = useState(() => create(options));
  let current = held;
  if (current.identity.some((value, at) => value !== identityOf(options)[at])) {
    current = create(options);
    hold(current); // React's pattern for state that depends on the props: it renders again before it shows anything
  }
  const { conversation, latest, isOwn } = current;
  const state = useSyncExternalStore(conversation.subscribe, conversation.getSnapshot, conversation.getServerSnapshot);
  useEffect(() => {
    latest.options = options;
    conversation.configure(pick(options, NAMES["configure()"]));
  });
  useEffect(() => {
    const { resume, detach } = conversation;
    void resume();
    // The retries of an answer may have ended, or wait, when the network is back.
    globalThis.addEventListener("online", resume);
    // In StrictMode and in Activity, effects run again after this: the conversation then resumes.
    return () => {
      globalThis.removeEventListener("online", resume);
      if (isOwn) detach();
    };
  }, [conversation, isOwn]);
  const { send, stop, feedback, retry, resume, setTransport, setMessages } = conversation;
  return { ...state, conversation, send, stop, feedback, retry, resume, setTransport, setMessages };
}

const identityOf = ({ conversation, client, baseURL, resume }) => [conversation, client, baseURL, resume];

/** Create what one conversation needs. It opens nothing: React may call this and drop the result. */
function create(options) {
  checkOwner(options);
  const latest = { options };
  const conversation = options.conversation ?? new Conversation(clientOf(latest), pick(options, CREATION));
  return { identity: identityOf(options), conversation, latest, isOwn: options.conversation === undefined };
}

/** A token or ticket that is a function is taken from the latest render, whose variables it may use. */
function clientOf(latest) {
  const { client, ...options } = latest.options;
  if (client !== undefined) return client;
  const functions = Object.fromEntries(["token", "ticket"]
    .filter((name) => typeof options[name] === "function")
    .map((name) => [name, () => latest.options[name]()]));
  return new Dualstream({ ...pick(options, NAMES["new Dualstream()"]), ...functions });
}

/** Options of a client or conversation that exists already would have no effect. */
function checkOwner(options) {
  const [owner, names] = options.conversation !== undefined
    ? ["conversation", [...NAMES["new Dualstream()"], ...CREATION, "client"]]
    : ["client", NAMES["new Dualstream()"].filter((name) => name !== "transport")];
  const [vain] = options[owner] === undefined ? [] : names.filter((name) => options[name] !== undefined);
  if (vain) throw new TypeError(`useGeneration(): ${vain} has no effect beside ${owner}: set it where that is created.`);
}

function pick(options, names) {
  return Object.fromEntries(Object.entries(options).filter(([name]) => names.includes(name)));
}
