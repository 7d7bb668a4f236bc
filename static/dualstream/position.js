/**
 * Positions, the same on every transport.
 */

/**
 * Parse a position, `<generation_id>:<seq>`.
 * @param {string} position
 * @returns {{generation_id: string, seq: number}|null} null if it is not a position
 */
export function parsePosition(position) {
  const match = /^(.+):(\d{1,15})$/.exec(position);
  return match && { generation_id: match[1], seq: Number(match[2]) };
}
