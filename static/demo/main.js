/**
 * The demo page: the same prompt in two panes, one for each transport.
 */

import { Composer } from "./composer.js";
import { addDialogs } from "./dialogs.js";
import { showExamples } from "./examples.js";
import { attachInstruments, createEnvironment } from "./instruments.js";
import { addShortcuts } from "./keys.js";
import { Pane } from "./pane.js";

const createPane = (name) => new Pane(document.querySelector(`#pane-${name}`), { environment: createEnvironment(name) });

const panes = { left: createPane("left"), right: createPane("right") };
attachInstruments(panes);
const composer = new Composer(panes);
const dialogs = addDialogs();
addShortcuts({ panes, composer, dialogs });
showExamples(document.querySelector("#examples"), composer);
composer.watch();
// For the console and for tests: `document.querySelector("#ask").page.panes.left.answer`.
Object.assign(document.querySelector("#ask"), { page: { panes } });
