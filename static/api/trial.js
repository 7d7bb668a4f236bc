/**
 * The form of an operation: fill in its parameters and body, copy the command of curl, send the request.
 */

import { element } from "../common/dom.js";
import { curl, exampleOf } from "./examples.js";
import { code } from "./parts.js";
import { ReplyView } from "./reply-view.js";

const STREAM = "text/event-stream";

/**
 * Return the form of an operation.
 * @param {import("./specification.js").Specification} specification
 * @param {import("./specification.js").Operation} operation
 * @param {import("./credential.js").Credential} credential
 */
export function trial(specification, operation, credential) {
  const fields = operation.parameters.map((parameter) => new Field(operation, parameter));
  const body = operation.body === null ? null : bodyField(specification, operation);
  const streams = operation.responses.some(({ status, media }) => status === "200" && media === STREAM);
  const values = () => request(operation, fields, body?.value ?? "", streams);
  const command = code("", "sh", `curl, ${operation.id}`);
  const showCommand = () => command.show(curl(forCurl(values(), operation, credential, streams)));
  const form = element("form", { className: "trial", autocomplete: "off", noValidate: true }, command, ...inputs(fields, body));
  form.setAttribute("aria-label", `Try ${operation.method.toUpperCase()} ${operation.path}`);
  form.addEventListener("input", showCommand);
  credential.addEventListener("change", showCommand);
  showCommand();
  if (operation.responses.some(({ status }) => status === "101")) {
    form.append(element("p", { className: "hint", textContent: "A WebSocket: a form can't try it. The demo page does." }));
    return form;
  }
  const reply = new ReplyView(operation.id);
  const send = element("button", { type: "submit", className: "primary", textContent: "Send" });
  const stop = element("button", { type: "button", className: "quiet", textContent: "Stop", hidden: true });
  form.append(element("div", { className: "trial-actions" }, send, stop), reply.element);
  stop.addEventListener("click", () => reply.stop());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    stop.hidden = false;
    const { url, method, headers, body: sent } = values();
    await reply.show(url, { method: method.toUpperCase(), headers: { ...headers, ...credential.headers() }, ...(sent && { body: sent }) });
    stop.hidden = true;
  });
  return form;
}

class Field {
  /** @param {import("./specification.js").Operation} operation @param {object} parameter */
  constructor(operation, { name, in: location, required, schema, description }) {
    const id = `${operation.id}-${name}`;
    this.name = name;
    this.location = location;
    this.input = element("input", { id, spellcheck: false, placeholder: required ? "required" : "", required: Boolean(required), title: description });
    this.label = element("label", { htmlFor: id }, element("code", { textContent: name }));
    if (name === "prompt") this.input.value = "Hello";
    if (schema.examples) this.input.value = schema.examples[0];
  }

  get value() {
    return this.input.value.trim();
  }
}

function bodyField(specification, { id, body, needsBody, example }) {
  const value = needsBody || example ? JSON.stringify(example ?? exampleOf(specification, body), null, 2) : "";
  const field = element("textarea", { id: `${id}-body`, value, spellcheck: false, rows: Math.min(12, Math.max(3, value.split("\n").length)) });
  field.textContent = value;
  return field;
}

function inputs(fields, body) {
  // An id of the request is seldom of use here.
  const shown = fields.filter(({ name }) => name !== "X-Request-ID");
  const rows = shown.map(({ label, input }) => element("div", { className: "row" }, label, input));
  if (body) rows.push(element("div", { className: "row body" }, element("label", { htmlFor: body.id, textContent: "Body" }), body));
  return rows;
}

function request({ method, path }, fields, body, streams) {
  const given = (location) => fields.filter((field) => field.location === location && field.value !== "");
  const named = path.replace(/\{([^}]*)\}/g, (whole, name) => {
    const value = fields.find((field) => field.name === name)?.value;
    return value ? encodeURIComponent(value).replaceAll("%2F", "/") : whole;
  });
  const query = new URLSearchParams(given("query").map(({ name, value }) => [name, value])).toString();
  const headers = Object.fromEntries(given("header").map(({ name, value }) => [name, value]));
  if (body !== "") headers["Content-Type"] = "application/json";
  if (streams && method === "get") headers.Accept = STREAM;
  return { method, url: query === "" ? named : `${named}?${query}`, headers, body };
}

function forCurl(values, { access }, credential, streams) {
  const key = access === "none" && credential.key === "" ? {} : { Authorization: "Bearer $KEY" };
  return { ...values, url: `${location.origin}${values.url}`, headers: { ...key, ...values.headers }, streams };
}
