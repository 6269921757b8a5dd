// What was done, to be undone and done again. Entries are never changed; an action has a name, by which it is announced.

const MAX_STEPS = 200;

export class History {
  #entries;
  #at = 0;

  constructor(value) {
    this.#entries = [{ value, action: null, key: null }];
  }

  get value() {
    return this.#entries[this.#at].value;
  }

  get canUndo() {
    return this.#at > 0;
  }

  get canRedo() {
    return this.#at < this.#entries.length - 1;
  }

  // Steps in a row with the same key are one: a name typed letter by letter, an arrow held down.
  add(value, action, key = null) {
    const present = this.#entries[this.#at];
    const joins = key !== null && present.key === key;
    this.#entries.length = this.#at + 1;
    if (joins) this.#entries[this.#at] = { ...present, value };
    else this.#entries.push({ value, action, key });
    if (this.#entries.length > MAX_STEPS) this.#entries.shift();
    this.#at = this.#entries.length - 1;
  }

  // The name of what was undone.
  undo() {
    this.#at -= 1;
    return this.#entries[this.#at + 1].action;
  }

  redo() {
    this.#at += 1;
    return this.#entries[this.#at].action;
  }
}
