/**
 * The dialogs about keys: create or change one, show the secret of a new one, ask before one is revoked.
 */

import { element, setText } from "../../common/dom.js";
import { LIMITS, change, creation } from "./model.js";

/**
 * Ask for a key's name, rights and limits.
 * @param {HTMLDialogElement} sheet
 * @param {any|null} key the one to change; null for a new one
 * @param {(request: any) => Promise<void>} onSubmit rejects with what is wrong
 */
export function editKey(sheet, key, onSubmit) {
  const name = field("Name", input("name", { required: true, maxLength: 64, value: key?.name ?? "", disabled: Boolean(key), placeholder: "alice" }));
  const roles = element("fieldset", { className: "roles" }, element("legend", { textContent: "Roles" }),
    check("roles", "observe", "observe", "read every answer and the figures", key?.roles.includes("observe")),
    check("roles", "operate", "operate", "also stop answers, and use this console", key?.roles.includes("operate")));
  const models = field("Models", input("models", { value: key?.models?.join(", ") ?? "", placeholder: "all" }), "Separated by commas.");
  const limits = element("fieldset", { className: "limits" }, element("legend", { textContent: "Limits" }), element("p", { className: "hint", textContent: "Empty: the general setting." }),
    ...LIMITS.map(([limit, title, step]) => field(title, input(limit, { type: "number", min: "0", step, value: key?.limits[limit] ?? "" }))));
  const expires = key ? [] : [field("Expires after, days", input("expires", { type: "number", min: "1", step: "1", placeholder: "never" }))];
  const problem = element("p", { className: "problem-line", role: "alert" });
  const submit = element("button", { type: "submit", className: "primary", textContent: key ? "Save" : "Create" });
  const form = element("form", { className: "sheet-form", autocomplete: "off" }, name, roles, models, limits, ...expires, problem, actions(sheet, submit));
  onSubmitOf(form, submit, problem, () => onSubmit(key ? change(new FormData(form)) : creation(new FormData(form))));
  show(sheet, key ? `Change ${key.name}` : "New key", form);
}

/** Show the secret of a new key, which is not shown again. @param {HTMLDialogElement} sheet */
export function showSecret(sheet, { name, key }) {
  const secret = input("secret", { readOnly: true, value: key });
  const copied = element("span", { className: "hint", role: "status" });
  const copy = element("button", { type: "button", className: "primary", textContent: "Copy" });
  copy.addEventListener("click", () => {
    secret.select();
    navigator.clipboard.writeText(key).then(() => setText(copied, "Copied."), () => setText(copied, "Press Ctrl+C to copy it."));
  });
  const text = element("p", { textContent: `This is the key of ${name}. Copy it now: the gateway keeps only its hash, and can’t show it again.` });
  const row = element("div", { className: "secret" }, field("Key", secret), copy);
  const done = element("button", { type: "button", textContent: "Done" });
  done.addEventListener("click", () => sheet.close());
  show(sheet, "Key created", element("div", { className: "sheet-form" }, text, row, copied, element("div", { className: "sheet-actions" }, done)));
}

/** Ask before a key is revoked. @param {HTMLDialogElement} sheet @param {any} key @param {() => Promise<void>} onRevoke */
export function askToRevoke(sheet, key, onRevoke) {
  const problem = element("p", { className: "problem-line", role: "alert" });
  const submit = element("button", { type: "submit", className: "danger-filled", textContent: "Revoke" });
  const text = element("p", { textContent: `Clients that use ${key.name} (${key.id}) are refused from now on. Answers that run go on. This can’t be undone.` });
  const form = element("form", { className: "sheet-form" }, text, problem, actions(sheet, submit));
  onSubmitOf(form, submit, problem, onRevoke);
  show(sheet, `Revoke ${key.name}?`, form);
}

function onSubmitOf(form, submit, problem, send) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (submit.getAttribute("aria-disabled") === "true") return;
    submit.setAttribute("aria-disabled", "true");
    try {
      await send();
    } catch (error) {
      setText(problem, error.message);
    }
    submit.setAttribute("aria-disabled", "false");
  });
}

function show(sheet, title, content) {
  const heading = element("h2", { id: "sheet-title", textContent: title });
  sheet.replaceChildren(element("header", { className: "drawer-head" }, heading), content);
  if (!sheet.open) sheet.showModal();
}

function actions(sheet, submit) {
  const cancel = element("button", { type: "button", textContent: "Cancel" });
  cancel.addEventListener("click", () => sheet.close());
  return element("div", { className: "sheet-actions" }, cancel, submit);
}

function input(name, properties) {
  return element("input", { name, spellcheck: false, ...properties });
}

function field(title, control, hint = "") {
  return element("label", { className: "field" }, element("span", { textContent: title }), control, ...(hint ? [element("span", { className: "hint", textContent: hint })] : []));
}

function check(name, value, title, hint, checked) {
  const box = element("input", { type: "checkbox", name, value, checked: Boolean(checked) });
  return element("label", { className: "check" }, box, element("span", {}, element("strong", { textContent: title }), ` ${hint}`));
}
