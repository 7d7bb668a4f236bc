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
import { load, save } from "./storage.js";
import { addTabs } from "./tabs.js";

const createPane = (name) => new Pane(document.querySelector(`#pane-${name}`), { environment: createEnvironment(name) });

const panes = { left: createPane("left"), right: createPane("right") };
const drawer = new SettingsDrawer(document.querySelector('[data-slot="settings"]'));
const composer = new Composer(panes, () => {
  // Once, when the gateway can be used: before that, it may be waiting for a key.
  if (location.hash || panes.left.answer || panes.right.answer) return;
  const stored = load(sessionStorage);
  for (const [name, pane] of Object.entries(panes)) if (stored[name]) pane.restore(stored[name]);
});
addTabs(document.querySelector(".tabs"), panes);
// Not `beforeunload`: phones do not send it.
addEventListener("pagehide", () => save(sessionStorage, { left: panes.left.saved, right: panes.right.saved }));
const history = attachInstruments(panes, { model: () => composer.model });
const dialogs = addDialogs();
addShortcuts({ panes, composer, dialogs });
const chips = showExampleChips(document.querySelector("#examples"), ({ prompt, settings, options }) => drawer.with(settings, () => composer.send(prompt, options)));
drawer.follow(() => composer.model);
const showChips = () => chips.show({ simulated: isSimulator(composer.model || "sim"), begun: document.querySelector(".turn") !== null });
document.addEventListener("model-change", () => drawer.show());
for (const change of ["model-change", "pane-state"]) document.addEventListener(change, showChips);
showChips();
composer.watch();
// For the console and for tests: `document.querySelector("#ask").page.panes.left.answer`.
Object.assign(document.querySelector("#ask"), { page: { panes, history } });
