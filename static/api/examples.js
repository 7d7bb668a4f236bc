/**
 * Examples: a body as a schema describes it, and the command of curl for a request.
 */

const MAX_DEPTH = 5;

/**
 * Return a value that a schema describes: its example if it has one, or what its types suggest.
 * @param {import("./specification.js").Specification} specification
 * @param {object} described
 */
export function exampleOf(specification, described, depth = 0) {
  const schema = specification.resolve(described);
  if (schema.examples?.length) return schema.examples[0];
  if ("const" in schema) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (schema.default !== undefined && schema.default !== null) return schema.default;
  if (schema.properties) return depth < MAX_DEPTH ? exampleObject(specification, schema, depth) : {};
  const choice = (schema.anyOf ?? schema.oneOf ?? schema.allOf)?.[0];
  if (choice) return exampleOf(specification, choice, depth + 1);
  switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
    case "object": return {};
    case "array": return schema.items && depth < MAX_DEPTH ? [exampleOf(specification, schema.items, depth + 1)] : [];
    case "integer": case "number": return schema.minimum ?? 1;
    case "boolean": return true;
    case "null": return null;
    default: return schema.format === "date-time" ? "2026-11-29T12:00:00Z" : schema.format === "date" ? "2026-11-29" : "…";
  }
}

function exampleObject(specification, schema, depth) {
  const required = new Set(schema.required ?? []);
  const names = Object.keys(schema.properties).filter((name) => required.size === 0 || required.has(name));
  return Object.fromEntries(names.map((name) => [name, exampleOf(specification, schema.properties[name], depth + 1)]));
}

/**
 * Return the command of curl for a request.
 * @param {{method: string, url: string, headers: Record<string, string>, body: string, streams: boolean}} request
 */
export function curl({ method, url, headers, body, streams }) {
  const options = [
    streams ? "-N" : "-s",
    ...(method !== "get" && !(method === "post" && body) ? [`-X ${method.toUpperCase()}`] : []),
    ...Object.entries(headers).map(([name, value]) => `-H ${name === "Authorization" ? `"${name}: ${value}"` : quote(`${name}: ${value}`)}`),
    ...(body ? [`-d ${quote(body)}`] : []),
  ];
  return [`curl ${options.shift()} ${quote(url)}`, ...options].join(" \\\n  ");
}

function quote(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
