/** The EventSource of undici. */

import { EventSource } from "undici";
import { playEventSource } from "./event_source.mjs";

await playEventSource(EventSource);
