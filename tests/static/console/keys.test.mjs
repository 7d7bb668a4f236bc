/** Keys as the forms have them, and as the gateway wants them. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { budgetShare, change, creation, dayOf } from "../../../static/console/keys/model.js";

function form(fields) {
  const data = new FormData();
  for (const [name, value] of fields) data.append(name, value);
  return data;
}

test("a new key has only what was filled in", () => {
  assert.deepEqual(creation(form([["name", " alice "], ["models", ""], ["budget_per_day", ""], ["expires", ""]])), { name: "alice", roles: [], limits: {} });
  const full = form([["name", "ops"], ["roles", "observe"], ["roles", "operate"], ["models", "a, b,"], ["budget_per_day", "2.5"], ["max_streams", "0"], ["expires", "30"]]);
  assert.deepEqual(creation(full), { name: "ops", roles: ["observe", "operate"], models: ["a", "b"], limits: { budget_per_day: 2.5, max_streams: 0 }, expires_in_days: 30 });
});

test("a change names all limits: an empty one is the general one", () => {
  const { roles, models, limits } = change(form([["models", ""], ["max_concurrent", "4"]]));
  assert.deepEqual([roles, models, limits.max_concurrent, limits.budget_per_day], [[], null, 4, null]);
});

test("the share of a budget", () => {
  assert.equal(budgetShare({ today: { cost_usd: 1, budget_usd: 4 } }), 0.25);
  assert.equal(budgetShare({ today: { cost_usd: 9, budget_usd: 4 } }), 1);
  assert.equal(budgetShare({ today: { cost_usd: 9, budget_usd: null } }), null);
  assert.equal(dayOf("2026-11-29T10:00:00Z"), "2026-11-29");
  assert.equal(dayOf(null), "");
});
