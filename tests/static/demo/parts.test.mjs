/** Parts of an answer on the demo page. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { imageSource, linkOf, partMessage } from "../../../static/demo/parts.js";

const image = (media_type, data = "aGk=") => ({ kind: "image", media_type, data });

test("only images of known types, in the event itself, are shown", () => {
  assert.equal(imageSource(image("image/png")), "data:image/png;base64,aGk=");
  for (const type of ["image/jpeg", "image/webp", "image/gif"]) assert.ok(imageSource(image(type)));
  for (const part of [image("image/svg+xml"), image("text/html"), image(null), image("image/png", "a\"onload"), image("image/png", ""),
    { kind: "image", media_type: "image/png", url: "https://tracker.example/x.png" }, { kind: "file", media_type: "image/png", data: "aGk=" }]) {
    assert.equal(imageSource(part), null);
  }
});

test("only web pages are linked", () => {
  assert.equal(linkOf({ url: "https://example.com/a" }), "https://example.com/a");
  for (const url of ["javascript" + ":alert(1)", "data:text/html,x", "http://", "/relative", null, undefined, 7]) assert.equal(linkOf({ url }), null);
});

test("every part is described", () => {
  assert.equal(partMessage(image("image/svg+xml", "a".repeat(4000))), "An image (image/svg+xml, 3 KB), which this page can’t show.");
  assert.equal(partMessage({ kind: "audio", media_type: null, url: "https://example.com/a.wav" }), "Audio: https://example.com/a.wav");
  assert.equal(partMessage({ kind: "citation", url: "https://example.com", title: "Skies", text: null }), "Source: Skies");
  assert.equal(partMessage({ kind: "citation", url: null, title: null, text: null }), "Source: not named");
  assert.equal(partMessage({ kind: "redacted_reasoning", data: "x" }), "Reasoning that only the provider can read.");
  assert.equal(partMessage({ kind: "server_tool", name: "web_search", block: {} }), "The provider ran a tool: web_search.");
  assert.equal(partMessage({ kind: "hologram" }), "A part of kind hologram, which this page can’t show.");
});
