/**
 * Example prompts above the prompt's field, until the first one is sent.
 */

/**
 * Show the example prompts.
 * @param {HTMLElement} slot `#examples`
 * @param {{use: (prompt: string) => void}} composer `use` puts a prompt into the field
 */
export function showExamples(slot, composer) {
  void slot;
  void composer;
}
