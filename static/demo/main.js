/**
 * The demo page: the same prompt in two panes, one for each transport.
 */

import { Composer } from "./composer.js";
import { addDialogs } from "./dialogs.js";
import { attachInstruments, createEnvironment } from "./instruments.js";
import { showExampleChips } from "./instruments/example-chips.js";
import { SettingsDrawer } from "./instruments/settings-drawer.js";
import { isSimulator } from "./instruments/settings.js";
import { addShortcuts } from "./keys.js";
import { Pane } from "./pane.js";

const createPane = (name) => new Pane(document.querySelector(`#pane-${name}`), { environment: createEnvironment(name) });

const panes = { left: createPane("left"), right: createPane("right") };
const drawer = new SettingsDrawer(document.querySelector('[data-slot="settings"]'));
const composer = new Composer(panes);
const history = attachInstruments(panes, { model: () => composer.model });
const dialogs = addDialogs();
addShortcuts({ panes, composer, dialogs });
const chips = showExampleChips(document.querySelector("#examples"), {
  send: (prompt) => composer.send(prompt),
  apply: (settings) => drawer.set(settings),
});
drawer.follow(() => composer.model);
document.addEventListener("model-change", () => {
  drawer.show();
  chips.show(isSimulator(composer.model));
});
composer.watch();
// For the console and for tests: `document.querySelector("#ask").page.panes.left.answer`.
Object.assign(document.querySelector("#ask"), { page: { panes, history } });
