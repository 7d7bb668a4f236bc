/** Types of `dualstream/react`. */

import type { ClientOptions, Dualstream } from "./client.js";
import type { Conversation, ConversationOptions, ConversationState } from "./conversation.js";

/** Options of `useGeneration()`: those of a client and of a conversation. */
export interface UseGenerationOptions extends ClientOptions, ConversationOptions {
  /** a client of the application; then the options of a client are its own */
  client?: Dualstream;
  /** a conversation of the application, which outlives the component; then only callbacks and settings apply */
  conversation?: Conversation;
}

/** The state of a conversation and its functions, which stay the same between renders. */
export interface UseGenerationResult
  extends ConversationState,
    Pick<Conversation, "send" | "stop" | "feedback" | "retry" | "resume" | "setTransport" | "setMessages"> {
  readonly conversation: Conversation;
}

/**
 * Use a conversation with a gateway in a component.
 *
 * A component that leaves stops reading, and does not interrupt the generation. The client's options, `transport`, `messages`
 * and `storage` are read at the first render; another `client`, `baseURL` or `resume` begins another conversation.
 */
export declare function useGeneration(options?: UseGenerationOptions): UseGenerationResult;
