/** Why a saved verdict cannot be gone on from. `settings`: it counted another mirror, or with another source of noise. */
export type SavedStateFault = 'malformed' | 'version' | 'settings';

export class SavedStateError extends Error {
  override readonly name = 'SavedStateError';
  readonly code: SavedStateFault;

  constructor(code: SavedStateFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Longest text within, characters. */
const TEXT_LIMIT = 64 * 1024;

/**
 * A value out of a file that anything may have written: each step says what must be there, and throws a `SavedStateError`
 * that names the place where something else is.
 */
export class SavedValue {
  readonly #value: unknown;
  readonly #place: string;

  constructor(value: unknown, place: string) {
    this.#value = value;
    this.#place = place;
  }

  /** A field of an object or an element of a list; what is not there is undefined. */
  at(key: string | number): SavedValue {
    const within = this.#value;
    if (typeof within !== 'object' || within === null || Array.isArray(within) !== (typeof key === 'number'))
      throw this.wrong(typeof key === 'number' ? 'not a list' : 'not an object');
    // Own fields only: `constructor` and its kind are not data.
    const own = Object.getOwnPropertyDescriptor(within, key);
    return new SavedValue(own?.value, `${this.#place}.${key}`);
  }

  list(limit: number): readonly SavedValue[] {
    if (!Array.isArray(this.#value)) throw this.wrong('not a list');
    const items: readonly unknown[] = this.#value;
    if (items.length > limit) throw this.wrong(`more than ${limit} elements`);
    return items.map((item, i) => new SavedValue(item, `${this.#place}.${i}`));
  }

  number(): number {
    const value = this.#value;
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0)
      throw this.wrong('not a finite number from 0 up');
    return value;
  }

  count(): number {
    const value = this.number();
    if (!Number.isSafeInteger(value)) throw this.wrong('not a whole number');
    return value;
  }

  boolean(): boolean {
    if (typeof this.#value !== 'boolean') throw this.wrong('neither true nor false');
    return this.#value;
  }

  text(): string {
    const value = this.#value;
    if (typeof value !== 'string' || value.length > TEXT_LIMIT) throw this.wrong('not a text, or too long');
    return value;
  }

  optionalText(): string | undefined {
    return this.#value === undefined ? undefined : this.text();
  }

  oneOf<const T extends string>(allowed: readonly T[]): T {
    const found = allowed.find((one) => one === this.#value);
    if (found === undefined) throw this.wrong(`not one of ${allowed.join(', ')}`);
    return found;
  }

  wrong(what: string): SavedStateError {
    return new SavedStateError('malformed', `the saved verdict is damaged: ${this.#place}: ${what}`);
  }
}

/** @throws SavedStateError when it is no JSON */
export function parseSaved(text: string): SavedValue {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new SavedStateError('malformed', 'the saved verdict is no JSON', { cause });
  }
  return new SavedValue(value, 'verdict');
}
