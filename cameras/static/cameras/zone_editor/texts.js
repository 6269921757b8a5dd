// The words of the page, translated by the server.

export class Texts {
  #texts;

  constructor(root) {
    this.#texts = JSON.parse(root.querySelector("script[type='application/json']").textContent);
  }

  // The text with its {words} put in. What is put in is never markup: it goes to textContent.
  say(key, words = {}) {
    return this.#texts[key].replace(/\{(\w+)\}/g, (_, word) => String(words[word]));
  }
}
