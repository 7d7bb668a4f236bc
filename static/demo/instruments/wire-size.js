/**
 * Sizes on the wire, computed from what a page can see. Pure.
 */

const utf8 = new TextEncoder();

/**
 * Return the bytes of a text in UTF-8.
 * @param {string} text
 * @returns {number}
 */
export function utf8Length(text) {
  return utf8.encode(text).length;
}

/**
 * Return the bytes of a WebSocket frame (RFC 6455, 5.2): 2 bytes, 2 or 8 more for the length of a longer payload, and 4 for
 * the mask of a frame that a client sends. The frame is complete and uncompressed, as with this gateway.
 * @param {number} payload bytes
 * @param {{masked?: boolean}} [options]
 * @returns {number}
 */
export function webSocketFrameLength(payload, { masked = false } = {}) {
  const extended = payload < 126 ? 0 : payload < 65_536 ? 2 : 8;
  return 2 + extended + (masked ? 4 : 0) + payload;
}

/**
 * Return the frame of text/event-stream that a message came in (WHATWG HTML, 9.2.6), as this gateway writes it
 * (docs/reference/protocol.md): the event's name unless it is the default one, one line of data, the id, an empty line.
 * @param {{lastEventId: string, type: string, data: string}} message an EventSource's message
 * @returns {string}
 */
export function eventStreamFrame({ lastEventId, type, data }) {
  const id = lastEventId === "" ? "" : `id: ${lastEventId}\n`;
  const name = type === "message" ? "" : `event: ${type}\n`;
  return `${name}data: ${data}\n${id}\n`;
}

/**
 * Return the bytes of an HTTP/1.1 response's head (RFC 9112, 2.1): status line, header lines, an empty line.
 * @param {{status: number, statusText: string, headers: Iterable<[string, string]>}} response
 * @returns {number}
 */
export function responseHeadLength({ status, statusText, headers }) {
  const lines = [`HTTP/1.1 ${status} ${statusText}`, ...Array.from(headers, ([name, value]) => `${name}: ${value}`)];
  return lines.reduce((sum, line) => sum + utf8Length(line) + 2, 2);
}

/**
 * Return the bytes that the chunked transfer coding adds to a body written in one piece (RFC 9112, 7.1): the size in
 * hexadecimal digits and two line ends. A page does not see the pieces, so their sum over all events is an upper limit.
 * @param {number} bytes
 * @returns {number}
 */
export function chunkFramingLength(bytes) {
  return bytes.toString(16).length + 4;
}
