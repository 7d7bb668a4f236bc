/**
 * The page of the API, made from `/openapi.json`.
 */

import { element } from "../common/dom.js";
import { addContents } from "./contents.js";
import { Credential, addKeyDialog } from "./credential.js";
import { operationSection } from "./operation-view.js";
import { paragraphs, prose } from "./parts.js";
import { schemaSection } from "./schema-view.js";
import { addSearch } from "./search.js";
import { Specification } from "./specification.js";

const status = document.getElementById("page-status");

async function load() {
  const reply = await fetch("/openapi.json");
  if (!reply.ok) throw new Error(`/openapi.json: ${reply.status}`);
  return new Specification(await reply.json());
}

function show(specification) {
  const credential = new Credential();
  addKeyDialog(credential);
  document.getElementById("version").textContent = specification.info.version;
  const introduction = element("div", { id: "introduction", className: "introduction" }, prose(specification.info.summary, "lead"), ...paragraphs(specification.info.description));
  const groups = specification.groups.map(({ name, description, operations }) => tag(`group-${name}`, name, description, operations.map((operation) => operationSection(specification, operation, credential))));
  const schemas = tag("schemas", "schemas", "What bodies and events consist of.", specification.schemas.map(([name, schema]) => schemaSection(name, schema)));
  document.getElementById("main").append(introduction, ...groups, schemas);
  addContents(document.getElementById("contents"), specification);
  addSearch();
  status.textContent = "";
  // The browser has looked for the target of the address before it was there.
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target) target.scrollIntoView();
}

function tag(id, name, description, sections) {
  return element("div", { className: "tag", id }, element("h2", { textContent: name[0].toUpperCase() + name.slice(1) }), prose(description, "tag-text"), ...sections);
}

try {
  show(await load());
} catch (error) {
  status.textContent = `The description of the API can't be shown: ${error.message}.`;
}
