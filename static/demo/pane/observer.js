/**
 * What a module that measures or illustrates gets from a pane: `pane.observe(observer)`. It shows what it found in one of the
 * pane's slots, `pane.slot(name)`, and changes nothing else of the page. Types only.
 *
 * Slots: `figures` (a thin line above the text), `stop` (between the text and the stop button), `chart` and `timeline` (below
 * the panes, in the column of this pane). `pane.root.dataset.transport` is the current transport; CSS has its colours as
 * `--accent` and `--wash`. Replacements for fetch, EventSource and WebSocket, to measure the wire: see `instruments.js`.
 *
 * @typedef {object} PaneObserver All methods are optional. `at` is in milliseconds on the clock of `performance.now()`.
 * @property {(turn: {at: number, kind: "start"|"watch"|"resume", transport: string, answer: object}) => void} [onTurn]
 *   a turn begins: begin new measurements
 * @property {(event: object, facts: {at: number, bytes: number, transport: string, waiting: boolean, answer: object}) => void} [onEvent]
 *   an event arrived, and is shown. `bytes`: payload since the event before, as far as the transport shows it (EventSource:
 *   characters of data). `waiting`: it was waiting in the gateway while this pane was away, so its time says nothing about
 *   the speed
 * @property {(answer: object, facts: {at: number, state: string}) => void} [onState] a change of state, queue, retry or
 *   transport; `state` as the pane shows it
 * @property {(facts: {at: number, byUser: boolean}) => void} [onOffline] the connection was lost, or cut with the pane's button
 * @property {(facts: {at: number, ms: number}) => void} [onOnline] the first event after that
 * @property {(facts: {at: number, from: string, to: string}) => void} [onTransport] the answer goes on over another transport
 * @property {(facts: {transport: string}) => void} [onChoice] the transport of the next answer, or of this one: title and
 *   colour follow
 * @property {(facts: {at: number, name: "interrupt"|"feedback"|"plug"|"handover"}) => void} [onCommand] at the click
 * @property {(facts: {at: number, event: object|null, error: Error|null, stop: {clickMs: number, cancelMs: number}|null}) => void} [onEnd]
 *   the end: its terminal event (null if it could not be read) or its error. `stop`, if it was stopped here: click to end as
 *   seen here, and the gateway's own time to close the model's connection
 * @property {() => void} [onClear] the conversation was removed
 */

export {};
