/**
 * Keys as the forms have them, and as the gateway wants them. Pure.
 */

/** The limits that a form offers, by their names in the configuration. */
export const LIMITS = [
  ["budget_per_day", "Budget per day, US dollars", "0.01"],
  ["rate_limit_per_minute", "Starts per minute", "1"],
  ["output_tokens_per_minute", "Output tokens per minute", "1"],
  ["max_concurrent", "Answers at a time", "1"],
  ["max_streams", "Open streams", "1"],
];

/**
 * Return the request that creates a key.
 * @param {FormData} form
 */
export function creation(form) {
  const expires = numberOf(form.get("expires"));
  return {
    name: String(form.get("name")).trim(),
    roles: form.getAll("roles").map(String),
    ...(modelsOf(form) === null ? {} : { models: modelsOf(form) }),
    limits: limitsOf(form),
    ...(expires === null ? {} : { expires_in_days: expires }),
  };
}

/** Return the request that changes a key's roles, models and limits; an empty limit is the general one. @param {FormData} form */
export function change(form) {
  const empty = Object.fromEntries(LIMITS.map(([name]) => [name, null]));
  return { roles: form.getAll("roles").map(String), models: modelsOf(form), limits: { ...empty, ...limitsOf(form) } };
}

function modelsOf(form) {
  const models = String(form.get("models") ?? "").split(",").map((name) => name.trim()).filter(Boolean);
  return models.length > 0 ? models : null;
}

function limitsOf(form) {
  return Object.fromEntries(LIMITS.flatMap(([name]) => {
    const value = numberOf(form.get(name));
    return value === null ? [] : [[name, value]];
  }));
}

function numberOf(text) {
  const value = String(text ?? "").trim();
  return value === "" ? null : Number(value);
}

/**
 * Return the share of its budget that a key has used today, from 0 to 1; null without a budget.
 * @param {{today: {cost_usd: number, budget_usd: number|null}}} key
 */
export function budgetShare({ today }) {
  return today?.budget_usd ? Math.min(1, today.cost_usd / today.budget_usd) : null;
}

/** Return a day of a time, "2026-11-29"; "" without one. @param {string|null} time */
export const dayOf = (time) => (time ? time.slice(0, 10) : "");
