/**
 * The console: what runs, the last hour, the newest ends, and the keys.
 */

import { setText } from "../common/dom.js";
import { number } from "../common/units.js";
import { Detail } from "./detail/drawer.js";
import { Ends, EndsView } from "./ends/list.js";
import { EventReader } from "./event-reader.js";
import { ChartCards } from "./history/cards.js";
import { update } from "./history/series.js";
import { KeysView } from "./keys/view.js";
import { LiveState } from "./live/state.js";
import { Strip } from "./live/strip.js";
import { LiveTable } from "./live/table.js";
import { Session } from "./session.js";
import { addViews } from "./views.js";

const HISTORY_MS = 10_000;
const HIDDEN_MS = 60_000; // after which a page that is not seen pauses
const SILENCE_SECONDS = 1.8; // the gateway sends an event a second while something changes
const OVERLAP_SECONDS = 300; // what still changes: tokens of answers that run count for the time in which they came

const find = (selector) => /** @type {any} */ (document.querySelector(selector));
const seconds = () => Date.now() / 1000;

const session = new Session();
const state = new LiveState();
const ends = new Ends();
const gatewayNow = () => seconds() + state.ahead;
let loaded = false;
let sampled = 0;
let endsLoaded = false;
let hiding = /** @type {ReturnType<typeof setTimeout>|undefined} */ (undefined);
let history = { buckets: [], bounds: { ttft: [], gaps: [] } };

const detail = new Detail(find("#detail"), session, (id) => ({ row: state.rows.get(id), summary: ends.byId.get(id), speed: state.speedOf(id).now, now: gatewayNow() }));
const open = (id) => detail.open(id);
const strip = new Strip(find("#strip"));
const table = new LiveTable(find("#running"), open);
const charts = new ChartCards(find("#charts"));
const endsView = new EndsView({ ends, filters: find("#end-filters"), root: find("#ends"), count: find('[data-role="shown-ends"]'), onOpen: open });
const keys = new KeysView({ root: find("#keys"), count: find('[data-role="keys-count"]'), notice: find("#keys-notice"), create: find("#new-key"), reload: find("#reload-configuration"), sheet: find("#sheet") }, session, refuse);
const views = addViews((name) => {
  if (name === "keys") keys.load();
  if (name === "ends") showEnds();
});

const feed = new EventReader(session, () => ({ path: "/api/console/events" }), {
  onOpen: () => setLink("live", "Live"),
  onEvent: onFeed,
  onLost: (waitMs) => setLink("lost", `Connection lost. Reconnecting in ${Math.max(1, Math.round(waitMs / 1000))} s…`),
  onRefused: refuse,
});

function onFeed(type, data) {
  state.apply(type, data, seconds());
  state.sample(data.time);
  sampled = data.time;
  if (data.ended) {
    ends.add(data.ended);
    showEnds();
  }
  if (type === "snapshot") {
    loaded = true;
    document.body.dataset.loaded = "true";
    loadEnds();
    loadHistory(0);
  }
  show();
}

function show() {
  const now = gatewayNow();
  if (loaded) strip.show(state, now);
  const shown = table.show(state, { now, filter: find("#filter-running").value, loaded });
  const { running } = state.totals;
  setText(find('[data-role="running-count"]'), !loaded ? "" : shown < running ? `${number(shown)} of ${number(running)}` : number(running));
  detail.show();
}

/** Show the ends, unless their view is hidden: with each of them, the whole table is made. */
function showEnds() {
  if (views.current() === "ends") endsView.show(endsLoaded);
}

async function loadEnds() {
  try {
    ends.add((await session.json("/api/console/recent")).recent);
    endsLoaded = true;
    showEnds();
    detail.show();
  } catch (error) {
    if (error.isRefusal) refuse(error);
  }
}

async function loadHistory(after) {
  try {
    const { buckets, bounds_ms: ttft, gap_bounds_ms: gaps, missing } = await session.json(`/api/console/history?after=${after}`);
    history = { buckets: update(after ? history.buckets : [], buckets, gatewayNow()), bounds: { ttft, gaps } };
    charts.show(history, gatewayNow());
    const count = state.gateways.length;
    setText(find("#hour-scope"), count < 2 ? "By minute." : missing.length ? `By minute, without ${missing.join(", ")}, which did not answer.` : `By minute, of ${count === 2 ? "both" : `all ${count}`} gateways.`);
  } catch (error) {
    if (error.isRefusal) refuse(error);
  }
}

/** Ask for a key: there is none, or it does not suffice. */
function refuse(error) {
  feed.stop();
  setLink("closed", "Not connected");
  find("#console").hidden = true;
  find("#entry").hidden = false;
  const reason = error.status === 403 ? "This key may not use the console." : session.hasKey ? "This key is not valid, or not any more." : "This gateway shows its console only with a key.";
  setText(find("#entry-reason"), reason);
  find("#key").focus();
}

function connect() {
  find("#entry").hidden = true;
  find("#console").hidden = false;
  find("#forget-key").hidden = !session.hasKey;
  setLink("connecting", "Connecting…");
  feed.start();
  if (views.current() === "keys") keys.load();
}

/** Read no more: while no console is open, the gateway computes nothing for one. */
function pause() {
  if (!["live", "lost"].includes(document.body.dataset.link)) return;
  feed.stop();
  setLink("paused", "Paused");
}

function setLink(link, text) {
  document.body.dataset.link = link;
  setText(find('[data-role="link-state"]'), text);
}

find("#entry").addEventListener("submit", (event) => {
  event.preventDefault();
  session.use(find("#key").value.trim());
  find("#key").value = "";
  connect();
});
find("#forget-key").addEventListener("click", () => {
  session.use("");
  location.reload();
});
find("#filter-running").addEventListener("input", show);
setInterval(() => {
  if (!loaded || document.body.dataset.link !== "live") return;
  // No event comes while nothing changes.
  if (gatewayNow() - sampled > SILENCE_SECONDS) state.sampleSilence();
  if (!document.hidden) show();
}, 1000);
setInterval(() => {
  if (loaded && document.body.dataset.link === "live" && !document.hidden) loadHistory(Math.floor(gatewayNow() - OVERLAP_SECONDS));
}, HISTORY_MS);
document.addEventListener("visibilitychange", () => {
  clearTimeout(hiding);
  if (document.hidden) hiding = setTimeout(pause, HIDDEN_MS);
  else if (document.body.dataset.link === "paused") connect();
  else if (loaded && document.body.dataset.link === "live") loadHistory(0);
});
show();
connect();
