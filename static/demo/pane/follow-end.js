/**
 * A box that scrolls with its text, until the user scrolls up.
 */

const FOLLOW_PX = 32; // distance to the end within which it follows

export class FollowEnd {
  #box;
  #follows = true;

  /** @param {HTMLElement} box */
  constructor(box) {
    this.#box = box;
    let top = 0;
    box.addEventListener("scroll", () => {
      // The text may have grown since the page itself scrolled: only a move upwards is the user's.
      if (box.scrollTop < top - 1) this.#follows = false;
      if (box.scrollTop + box.clientHeight > box.scrollHeight - FOLLOW_PX) this.#follows = true;
      top = box.scrollTop;
    }, { passive: true });
  }

  /** Follow again, wherever the user has scrolled to. */
  begin() {
    this.#follows = true;
    this.scroll();
  }

  /** Scroll to the end in the next frame, if the user is there. */
  scroll() {
    if (!this.#follows) return;
    requestAnimationFrame(() => { if (this.#follows) this.#box.scrollTop = this.#box.scrollHeight; });
  }
}
