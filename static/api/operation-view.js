/**
 * One operation: what it does, its parameters, body and responses, an example, and a form that tries it.
 */

import { element } from "../common/dom.js";
import { exampleOf } from "./examples.js";
import { code, constraintView, methodBadge, paragraphs, pathNodes, prose, typeView } from "./parts.js";
import { schemaBody } from "./schema-view.js";
import { schemaName } from "./specification.js";
import { trial } from "./trial.js";

const ACCESS = { none: "open to everyone", key: "key", ticket: "key or ticket" };

/**
 * Return the section of an operation.
 * @param {import("./specification.js").Specification} specification
 * @param {import("./specification.js").Operation} operation
 * @param {import("./credential.js").Credential} credential
 */
export function operationSection(specification, operation, credential) {
  const heading = element("h3", {}, methodBadge(operation.method), " ", element("a", { href: `#${operation.id}`, className: "anchor path" }, ...pathNodes(operation.path)));
  const access = element("span", { className: "access", textContent: ACCESS[operation.access], data: { access: operation.access } });
  const about = element("div", { className: "about" }, prose(`${operation.summary}.`, "summary"), ...paragraphs(operation.description), ...parameters(operation), ...body(specification, operation), ...responses(specification, operation));
  const tried = element("div", { className: "tried" }, trial(specification, operation, credential));
  return element("section", { id: operation.id, className: "operation", data: { finds: text(operation) } }, element("header", { className: "operation-head" }, heading, access), about, tried);
}

function parameters({ parameters: all }) {
  if (all.length === 0) return [];
  const rows = all.flatMap(({ name, in: location, required, description, schema }) => [
    element("dt", {}, element("code", { className: "name", textContent: name }), element("span", { className: "place", textContent: location }), ...(required ? [element("span", { className: "required", textContent: "required" })] : [])),
    element("dd", {}, element("p", { className: "kind" }, typeView(schema), " ", ...constraintView(schema)), prose(description)),
  ]);
  return [element("h4", { textContent: "Parameters" }), element("dl", { className: "fields" }, ...rows)];
}

function body(specification, { body: schema, needsBody, example }) {
  if (!schema) return [];
  const name = schemaName(schema);
  const title = element("h4", {}, "Body", ...(name ? [" ", element("a", { className: "schema-link", href: `#schema-${name}`, textContent: name })] : []));
  const optional = needsBody ? [] : [element("p", { className: "hint", textContent: "It may be left out." })];
  const resolved = specification.resolve(schema);
  return [title, ...optional, ...paragraphs(resolved.description ?? ""), ...schemaBody(resolved, Object.keys(example ?? {}))];
}

function responses(specification, operation) {
  return [element("h4", { textContent: "Responses" }), ...operation.responses.map((response) => responseView(specification, operation, response))];
}

function responseView(specification, operation, { status, description, headers, media, schema }) {
  const summary = element("summary", {}, element("span", { className: "status", textContent: status, data: { kind: status[0] } }), element("span", { className: "response-text" }, ...prose(description).childNodes));
  const details = element("details", { className: "response" }, summary);
  // Most are never opened.
  details.addEventListener("toggle", () => details.append(...responseDetails(specification, operation, { status, headers, media, schema })), { once: true });
  return details;
}

function responseDetails(specification, operation, { status, headers, media, schema }) {
  const nodes = [];
  if (schema) {
    const name = schemaName(schema) ?? schemaName(schema.allOf?.[0]);
    nodes.push(element("p", { className: "kind" }, element("code", { textContent: media }), " ", name ? element("a", { href: `#schema-${name}`, textContent: name }) : typeView(schema)));
    if (media === "application/json") nodes.push(code(JSON.stringify(exampleOf(specification, schema), null, 2), "json", `Example of ${status}, ${operation.id}`));
  }
  if (headers.length > 0) nodes.push(element("p", { className: "kind" }, "Headers: ", ...headers.flatMap(([name], index) => [index > 0 ? ", " : "", element("code", { textContent: name })])));
  return nodes.length > 0 ? nodes : [element("p", { className: "hint", textContent: "Without a body." })];
}

/** Return the words by which an operation is found. */
function text({ id, method, path, summary, description, parameters: all, body: schema }) {
  return [id, method, path, summary, description, ...all.map(({ name }) => name), schemaName(schema ?? {}) ?? ""].join(" ").toLowerCase();
}
