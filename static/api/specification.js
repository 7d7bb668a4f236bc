/**
 * The OpenAPI document, as the page needs it: its references resolved, its operations by group.
 */

/**
 * @typedef {object} Operation
 * @property {string} id
 * @property {string} method in lower case
 * @property {string} path
 * @property {string} tag
 * @property {string} summary
 * @property {string} description
 * @property {"none"|"key"|"ticket"} access what it requires, if the gateway has keys
 * @property {object[]} parameters resolved
 * @property {object|null} body schema of the request's body
 * @property {boolean} needsBody
 * @property {object|undefined} example of the body
 * @property {{status: string, description: string, headers: [string, object][], media: string, schema: object|null}[]} responses
 */

export class Specification {
  #document;

  /** @param {object} document an OpenAPI 3.1 document, as `/openapi.json` has it */
  constructor(document) {
    this.#document = document;
    this.info = document.info;
    /** @type {Operation[]} */
    this.operations = Object.entries(document.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => this.#operation(method, path, operation)));
    this.groups = document.tags
      .map(({ name, description }) => ({ name, description, operations: this.operations.filter(({ tag }) => tag === name) }))
      .filter(({ operations }) => operations.length > 0);
    /** @type {[string, object][]} */
    this.schemas = Object.entries(document.components.schemas).sort(([one], [other]) => one.localeCompare(other));
  }

  /** Return what a reference names, or the object itself if it is none. @param {object} value */
  resolve(value) {
    if (!value?.$ref) return value;
    return value.$ref.replace(/^#\//, "").split("/").reduce((at, key) => at?.[key.replaceAll("~1", "/").replaceAll("~0", "~")], this.#document);
  }

  #operation(method, path, operation) {
    const content = operation.requestBody?.content?.["application/json"];
    const schemes = operation.security.flatMap(Object.keys);
    return {
      id: operation.operationId,
      method,
      path,
      tag: operation.tags[0],
      summary: operation.summary,
      description: operation.description ?? "",
      access: schemes.includes("ticket") ? "ticket" : schemes.length > 0 ? "key" : "none",
      parameters: (operation.parameters ?? []).map((parameter) => this.resolve(parameter)),
      body: content?.schema ?? null,
      needsBody: operation.requestBody?.required ?? false,
      example: content?.example,
      responses: Object.entries(operation.responses).map(([status, response]) => this.#response(status, this.resolve(response))),
    };
  }

  #response(status, { description, headers = {}, content = {} }) {
    const [media, body] = Object.entries(content)[0] ?? ["", null];
    return {
      status,
      description,
      headers: Object.entries(headers).map(([name, header]) => [name, this.resolve(header)]),
      media,
      schema: body?.schema ?? null,
    };
  }
}

/** Return the name of the schema that a reference names, or null. @param {object} schema */
export function schemaName(schema) {
  return /^#\/components\/schemas\/(.+)$/.exec(schema?.$ref ?? "")?.[1] ?? null;
}
