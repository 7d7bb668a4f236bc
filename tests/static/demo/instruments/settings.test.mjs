/** The simulator's settings in names and addresses. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { EXAMPLES } from "../../../../static/demo/instruments/examples.js";
import { SETTINGS, initialValues, isSimulator, modelName, queryWith, valuesOf } from "../../../../static/demo/instruments/settings.js";

test("the model's name carries the settings, only a simulator's", () => {
  assert.equal(modelName("sim", initialValues()), "sim?ttft=300&speed=85&language=english&length=800");
  assert.equal(modelName("gpt-4.1", initialValues()), "gpt-4.1");
  assert.equal(modelName("sim?speed=1", initialValues()), "sim?speed=1");
  assert.equal(modelName("sim-instant", {}), "sim-instant");
  assert.deepEqual(["sim", "sim-gpt-4o", "simplex-7b", "sim?x=1", ""].map(isSimulator), [true, true, false, false, false]);
});

test("what needs a fault is left out without one, and a counted fault names its run", () => {
  const values = { ...initialValues(), after: "20", times: "1" };
  assert.doesNotMatch(modelName("sim", values, "r1"), /after|times|run/);
  assert.match(modelName("sim", { ...values, fault: "drop" }, "r1"), /fault=drop&after=20&times=1&run=r1$/);
  assert.doesNotMatch(modelName("sim", { ...values, fault: "drop", times: "" }, "r1"), /run/);
});

test("settings survive the page's address, with the parameters of others", () => {
  const values = { ...initialValues(), speed: "20", fault: "stall" };
  const query = queryWith(new URLSearchParams("lang=de&length=200"), values);
  assert.equal(query.toString(), "lang=de&speed=20&fault=stall");
  assert.deepEqual(valuesOf(query), values);
});

test("an address with unknown values changes nothing", () => {
  assert.deepEqual(valuesOf(new URLSearchParams("speed=fast&fault=%3Cscript%3E&x=1")), initialValues());
});

test("each initial value and each example's value is a choice", () => {
  const choices = new Map(SETTINGS.map(({ name, choices: pairs }) => [name, pairs.map(([value]) => value)]));
  for (const { name, initial } of SETTINGS) assert.ok(choices.get(name).includes(initial), name);
  for (const { label, settings } of EXAMPLES) {
    for (const [name, value] of Object.entries(settings)) assert.ok(choices.get(name)?.includes(value), `${label}: ${name}=${value}`);
  }
});
