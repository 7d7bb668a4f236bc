/**
 * The settings of the simulator: their choices, their place in the model's name, and in the page's address. Pure.
 */

/**
 * @typedef {object} Setting
 * @property {string} name as in docs/reference/simulator.md
 * @property {string} label
 * @property {string} initial
 * @property {[value: string, text: string][]} choices "" leaves it to the model
 */

/** @type {readonly {title: string, settings: Setting[]}[]} */
export const GROUPS = [
  {
    title: "Pace",
    settings: [
      { name: "ttft", label: "First token after", initial: "300", choices: [["", "the model’s own time"], ["0", "0 ms"], ["300", "300 ms"], ["1500", "1.5 s"], ["4000", "4 s"], ["8000", "8 s"]] },
      { name: "speed", label: "Speed", initial: "85", choices: [["", "the model’s own"], ["20", "20 characters/s"], ["85", "85 characters/s"], ["300", "300 characters/s"], ["2000", "2,000 characters/s"], ["0", "as fast as possible"]] },
      { name: "jitter", label: "Rhythm", initial: "", choices: [["", "slightly uneven"], ["0", "even"], ["1", "very uneven"]] },
    ],
  },
  {
    title: "Content",
    settings: [
      { name: "language", label: "Language", initial: "english", choices: [["english", "English"], ["vietnamese", "Vietnamese"], ["code", "code"], ["markdown", "Markdown"], ["emoji", "emoji"]] },
      { name: "length", label: "Length", initial: "800", choices: [["200", "200 characters"], ["800", "800 characters"], ["3000", "3,000 characters"], ["20000", "20,000 characters"]] },
      { name: "reasoning", label: "Reasoning", initial: "", choices: [["", "none"], ["200", "200 characters"], ["1000", "1,000 characters"]] },
      { name: "tool_calls", label: "Tool calls", initial: "", choices: [["", "none"], ["1", "one"], ["3", "three at once"]] },
    ],
  },
  {
    title: "Faults",
    settings: [
      {
        name: "fault", label: "Fault", initial: "",
        choices: [
          ["", "none"], ["429", "429, too many requests"], ["500", "500, server error"], ["401", "401, wrong key"], ["refuse", "connection refused"], ["html", "a web page in place of a stream"],
          ["drop", "connection is lost"], ["truncate", "ends without an end mark"], ["stall", "stops sending"], ["error", "an error in the stream"], ["garbage", "invalid data"], ["pings", "only keep-alives"], ["trickle", "each byte alone"],
        ],
      },
      { name: "after", label: "It comes after", initial: "", choices: [["", "5 pieces of text"], ["0", "no text"], ["20", "20 pieces"], ["60", "60 pieces"]] },
      { name: "times", label: "It happens", initial: "", choices: [["", "with each call"], ["1", "with the first call only"], ["2", "with two calls"]] },
    ],
  },
];

/** @type {readonly Setting[]} */
export const SETTINGS = GROUPS.flatMap(({ settings }) => settings);

/** @returns {Record<string, string>} the initial value of each setting */
export const initialValues = () => Object.fromEntries(SETTINGS.map(({ name, initial }) => [name, initial]));

/** True for a simulator's model without its own settings; false for example for `simplex-7b` and `sim?speed=40`. */
export const isSimulator = (name) => /^sim(-[^?]*)?$/.test(name);

/**
 * Return the model's name with its settings. Settings that have no effect without a fault are left out.
 * @param {string} name
 * @param {Record<string, string>} values
 * @param {string} [run] the name of this run, by which calls are counted
 * @returns {string}
 */
export function modelName(name, values, run = "") {
  if (!isSimulator(name)) return name;
  const query = new URLSearchParams();
  for (const setting of SETTINGS) {
    const value = values[setting.name] ?? "";
    if (value === "" || (["after", "times"].includes(setting.name) && !values.fault)) continue;
    query.set(setting.name, value);
  }
  if (query.has("times") && run) query.set("run", run);
  const settings = query.toString();
  return settings === "" ? name : `${name}?${settings}`;
}

/**
 * Return the values in a query string; unknown names and values are ignored, missing ones are initial.
 * @param {URLSearchParams} query
 * @returns {Record<string, string>}
 */
export function valuesOf(query) {
  const values = initialValues();
  for (const { name, choices } of SETTINGS) {
    const value = query.get(name);
    if (value !== null && choices.some(([choice]) => choice === value)) values[name] = value;
  }
  return values;
}

/**
 * Return a query string with these values; initial values are left out, and other parameters are kept.
 * @param {URLSearchParams} query
 * @param {Record<string, string>} values
 * @returns {URLSearchParams}
 */
export function queryWith(query, values) {
  const changed = new URLSearchParams(query);
  for (const { name } of SETTINGS) changed.delete(name);
  for (const { name, initial } of SETTINGS) {
    if (values[name] !== initial && values[name] !== undefined) changed.set(name, values[name]);
  }
  return changed;
}
