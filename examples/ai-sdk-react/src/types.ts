/** What the gateway adds to the messages of the AI SDK (docs/reference/chat-uis.md). */

import type { LanguageModelUsage, UIMessage } from "ai";

export interface Metadata {
  generationId: string;
  model: string;
  /** 2 and more: another text has replaced the first one */
  revision?: number;
  /** this and what follows: at the end */
  usage?: LanguageModelUsage;
  costUsd?: number | null;
  metrics?: { ttftMs: number | null };
}

/** Parts that come through `onData` and are not stored. */
export type Data = {
  "dualstream-queue": { position: number; etaMs: number | null };
  "dualstream-start": { provider: string };
  "dualstream-retry": { attempt: number; delayMs: number };
};

export type ChatMessage = UIMessage<Metadata, Data>;
