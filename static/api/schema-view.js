/**
 * A schema: its description, and its fields with their types.
 */

import { element } from "../common/dom.js";
import { constraintView, paragraphs, prose, typeView } from "./parts.js";
import { properties } from "./schema-types.js";

const MAX_FIELDS = 12;

/** Return the section of a named schema. @param {string} name @param {object} schema */
export function schemaSection(name, schema) {
  const heading = element("h3", {}, element("a", { href: `#schema-${name}`, className: "anchor", textContent: name }));
  return element("section", { id: `schema-${name}`, className: "schema", data: { finds: text(name, schema) } }, heading, ...paragraphs(schema.description ?? ""), ...schemaBody(schema));
}

/**
 * Return the fields of a schema, or its type if it has none.
 * @param {object} schema
 * @param {string[]} [first] names of fields to begin with
 * @returns {Node[]}
 */
export function schemaBody(schema, first = []) {
  const fields = sorted(properties(schema), first);
  if (fields.length === 0) return [element("p", { className: "only-type" }, typeView(schema), " ", ...constraintView(schema))];
  const list = (some) => element("dl", { className: "fields" }, ...some.flatMap(field));
  if (fields.length <= MAX_FIELDS + 2) return [list(fields)];
  const rest = element("details", { className: "more" }, element("summary", { textContent: `${fields.length - MAX_FIELDS} more fields` }), list(fields.slice(MAX_FIELDS)));
  return [list(fields.slice(0, MAX_FIELDS)), rest];
}

/** Required fields come first, then those that an example names, then those that are described. */
function sorted(fields, first) {
  const rank = ({ name, schema, required }) => (required ? 0 : first.includes(name) ? 1 : schema.description ? 2 : 3);
  return fields.toSorted((one, other) => rank(one) - rank(other));
}

function field({ name, schema, required }) {
  const term = element("dt", {}, element("code", { className: "name", textContent: name }), ...(required ? [element("span", { className: "required", textContent: "required" })] : []));
  const details = element("dd", {}, element("p", { className: "kind" }, typeView(schema), " ", ...constraintView(schema)));
  if (schema.description) details.append(prose(schema.description));
  if (schema.properties) details.append(...schemaBody(schema));
  return [term, details];
}

/** Return the words by which a schema is found. */
function text(name, schema) {
  return [name, ...Object.keys(schema.properties ?? {}), ...(schema.enum ?? [])].join(" ").toLowerCase();
}
