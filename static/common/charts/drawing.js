/**
 * Shapes as SVG. Only this module touches the document; no attribute is a style, as the page's security policy demands.
 */

const SVG = "http://www.w3.org/2000/svg";

/** A chart that is drawn again when its width changes. Its accessible name is set with each chart. */
export class Drawing {
  #svg = document.createElementNS(SVG, "svg");
  #draw = (_width) => ({ height: 0, shapes: [] });
  #width = 0;

  constructor() {
    this.#svg.setAttribute("role", "img");
    this.#svg.setAttribute("class", "chart-drawing");
    new ResizeObserver(([entry]) => this.#resize(Math.round(entry.contentRect.width))).observe(this.#svg);
  }

  get element() {
    return this.#svg;
  }

  /**
   * Show a chart.
   * @param {(width: number) => {height: number, shapes: import("../../demo/instruments/charts/parts.js").Shape[]}} draw
   * @param {string} name what it shows, for a screen reader
   */
  show(draw, name) {
    this.#draw = draw;
    this.#svg.setAttribute("aria-label", name);
    this.#paint();
  }

  #resize(width) {
    if (width === this.#width) return;
    this.#width = width;
    this.#paint();
  }

  #paint() {
    if (this.#width === 0) return;
    // Charts are laid out for a root font of 16 px, and scaled with the page's.
    const scale = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
    const width = Math.round(this.#width / scale);
    const { height, shapes } = this.#draw(width);
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.#svg.setAttribute("height", String(Math.round(height * scale)));
    this.#svg.replaceChildren(...shapes.map(elementOf));
  }
}

function elementOf({ tag, transport, text, attributes }) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  if (transport) element.dataset.transport = transport;
  if (text !== undefined) element.textContent = text;
  return element;
}
