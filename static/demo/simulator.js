/**
 * The settings of the simulator, which are part of the model's name: `sim?speed=85&ttft=300`.
 */

const FAULTS_IN_THE_STREAM = ["drop", "stall", "garbage"];

/**
 * Return the model's name with the settings of the drawer, if it is a simulator without settings of its own.
 * @param {string} name
 * @returns {string}
 */
export function modelWithSettings(name) {
  if (!isSimulator(name)) return name;
  const settings = new URLSearchParams();
  for (const field of document.querySelectorAll("[data-setting]")) {
    if (field.value !== "") settings.set(field.dataset.setting, field.value);
  }
  if (FAULTS_IN_THE_STREAM.includes(settings.get("fault"))) settings.set("after", "20");
  return `${name}?${settings}`;
}

/** True for a simulator's model without its own settings; false for example for `simplex-7b` and `sim?speed=40`. */
export const isSimulator = (name) => /^sim(-[^?]*)?$/.test(name);
