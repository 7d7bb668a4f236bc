/** Read one answer with a replacement of EventSource, as the README does, and print its text as it grows. */

import { EventSource as Npm } from "eventsource";
import { EventSource as Undici } from "undici";

const [, , name, url] = process.argv;
// undici's timer of a reconnect does not keep a program alive.
const alive = setInterval(() => {}, 1000);
const source = new { eventsource: Npm, undici: Undici }[name](url);
source.onmessage = ({ data }) => process.stdout.write(JSON.parse(data).content);
for (const end of ["complete", "interrupted", "error"]) {
  source.addEventListener(end, (event) => {
    if (event.data) source.close();
    if (source.readyState !== 2) return;
    clearInterval(alive);
    process.exitCode = end === "complete" ? 0 : 1;
  });
}
