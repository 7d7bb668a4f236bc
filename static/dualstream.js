/**
 * The browser client of this gateway, for pages without a build step:
 *
 *     import { Dualstream } from "/static/dualstream.js";
 *
 * It is the npm package `dualstream`, whose files are in `dualstream/`. docs/reference/javascript.md is its reference.
 */

export * from "./dualstream/index.js";
