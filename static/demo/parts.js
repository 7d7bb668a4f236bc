/**
 * The parts of an answer that are not text, on the demo page. Pure but for `showPart`.
 */

/** Image types that every browser decodes and that hold no markup; SVG is none. */
const IMAGE_TYPES = new Set(["image/png", "image/jpeg", "image/webp", "image/gif"]);
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/**
 * Return the `data:` URL of an image part; null if it is of another type, or only a link. The page loads nothing from
 * addresses that a model chose: a request would tell them who reads the answer.
 * @param {{kind: string, media_type?: string|null, data?: string}} part
 * @returns {string|null}
 */
export function imageSource({ kind, media_type: type, data }) {
  if (kind !== "image" || !IMAGE_TYPES.has(type) || typeof data !== "string" || !BASE64.test(data)) return null;
  return `data:${type};base64,${data}`;
}

/**
 * Return the address that a part links to; null if there is none, or it is no web page.
 * @param {{url?: string|null}} part
 * @returns {string|null}
 */
export function linkOf({ url }) {
  return typeof url === "string" && /^https?:\/\//i.test(url) && URL.canParse(url) ? url : null;
}

/**
 * Describe a part in one line.
 * @param {object} part
 * @returns {string}
 */
export function partMessage(part) {
  const { kind } = part;
  if (kind === "citation") return `Source: ${[part.title, part.text].filter(Boolean).join(": ") || part.url || "not named"}`;
  if (kind === "refusal") return "The model refuses.";
  if (kind === "redacted_reasoning") return "Reasoning that only the provider can read.";
  if (kind === "server_tool") return `The provider ran a tool: ${part.name}.`;
  const what = { image: "An image", audio: "Audio", file: "A file" }[kind];
  if (!what) return `A part of kind ${kind}, which this page can’t show.`;
  const size = typeof part.data === "string" ? formatSize(part.data.length * 0.75) : "";
  const details = [part.media_type, size].filter(Boolean).join(", ");
  const link = linkOf(part);
  return `${what}${details ? ` (${details})` : ""}${link ? `: ${link}` : ", which this page can’t show."}`;
}

/**
 * Append a part to a list, as an image or as a line of text. Log probabilities are not shown.
 * @param {HTMLElement} list
 * @param {object} part
 */
export function showPart(list, part) {
  if (part.kind === "logprobs") return;
  const item = document.createElement("li");
  const [source, link] = [imageSource(part), linkOf(part)];
  if (source) {
    item.append(Object.assign(document.createElement("img"), { src: source, alt: "An image of the answer" }));
  } else if (link) {
    item.append(Object.assign(document.createElement("a"), { href: link, rel: "noopener noreferrer", target: "_blank", textContent: partMessage(part) }));
  } else {
    item.append(partMessage(part));
  }
  list.append(item);
  list.hidden = false;
}

function formatSize(bytes) {
  if (bytes < 1000) return `${Math.round(bytes)} bytes`;
  return bytes < 1e6 ? `${Math.round(bytes / 1000)} KB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
