/** npm's `eventsource`. */

import { EventSource } from "eventsource";
import { playEventSource } from "./event_source.mjs";

await playEventSource(EventSource);
