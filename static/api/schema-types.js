/**
 * Schemas in words: the type of a value, and what else it must fulfil.
 */

import { schemaName } from "./specification.js";

/**
 * Return the parts of a type: words, and names of schemas.
 * @param {object} schema
 * @returns {(string | {schema: string})[]}
 */
export function typeParts(schema) {
  const name = schemaName(schema);
  if (name) return [{ schema: name }];
  if ("const" in schema) return [JSON.stringify(schema.const)];
  if (schema.enum) return join(schema.enum.map((value) => [JSON.stringify(value)]), " | ");
  const choices = schema.anyOf ?? schema.oneOf;
  // `anyOf` beside properties adds conditions to an object.
  if (choices && !schema.properties) return join(choices.map(typeParts), " or ");
  if (schema.allOf) return typeParts(schema.allOf[0]);
  const type = Array.isArray(schema.type) ? schema.type.join(" or ") : schema.type;
  if (type === "array") return ["array of ", ...(schema.items ? typeParts(schema.items) : ["anything"])];
  if (type === "object" && typeof schema.additionalProperties === "object") return ["object of ", ...typeParts(schema.additionalProperties)];
  return [type ?? "anything"];
}

const LIMITS = /** @type {const} */ ([
  ["minimum", "≥"], ["exclusiveMinimum", ">"], ["maximum", "≤"], ["exclusiveMaximum", "<"],
  ["minLength", "length ≥"], ["maxLength", "length ≤"], ["minItems", "items ≥"], ["maxItems", "items ≤"], ["maxProperties", "entries ≤"],
]);

/**
 * Return what a value must fulfil beside its type, in words.
 * @param {object} schema
 * @returns {string[]}
 */
export function constraints(schema) {
  const own = LIMITS.filter(([key]) => schema[key] !== undefined).map(([key, sign]) => `${sign} ${numberText(schema[key])}`);
  if (schema.format) own.push(schema.format);
  if (schema.pattern) own.push(`matches ${schema.pattern}`);
  if (schema.default !== undefined && schema.default !== null) own.push(`default ${JSON.stringify(schema.default)}`);
  const inner = [...(schema.properties ? [] : schema.anyOf ?? []), ...(schema.items ? [schema.items] : [])];
  return [...own, ...inner.flatMap(constraints)];
}

/** Return a number in digits; JavaScript has no others beyond 53 bits than powers of two. */
function numberText(number) {
  return Math.abs(number) > Number.MAX_SAFE_INTEGER ? `${number < 0 ? "−" : ""}2^${Math.round(Math.log2(Math.abs(number)))}` : String(number);
}

/** Return the properties of an object's schema: name, schema, and whether it is required. @param {object} schema */
export function properties(schema) {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).map(([name, property]) => ({ name, schema: property, required: required.has(name) }));
}

function join(lists, separator) {
  return lists.flatMap((list, index) => (index > 0 ? [separator, ...list] : list));
}
