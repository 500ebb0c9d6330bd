import { elementPath, fieldPath } from '../path.ts';
import type { JsonDocument } from './document.ts';

/** The way from the root to where a comparison is. Its text is only made when somebody needs it. */
export class Trail {
  readonly #documents: (JsonDocument | undefined)[] = [];
  readonly #keys: number[] = [];
  /** Text up to each step; undefined where not made. The first is the root's. */
  readonly #paths: (string | undefined)[] = [''];
  #depth = 0;

  reset(root: string): void {
    this.#depth = 0;
    this.#paths[0] = root;
  }

  enterField(document: JsonDocument, key: number): void {
    this.#enter(document, key);
  }

  enterElement(): void {
    this.#enter(undefined, 0);
  }

  leave(): void {
    this.#depth--;
  }

  get path(): string {
    let made = this.#depth;
    while (this.#paths[made] === undefined) made--;
    let path = this.#paths[made] ?? '';
    for (let step = made; step < this.#depth; step++) {
      const document = this.#documents[step];
      path =
        document === undefined ? elementPath(path) : fieldPath(path, document.string(this.#keys[step] ?? 0));
      this.#paths[step + 1] = path;
    }
    return path;
  }

  #enter(document: JsonDocument | undefined, key: number): void {
    this.#documents[this.#depth] = document;
    this.#keys[this.#depth] = key;
    this.#depth++;
    this.#paths[this.#depth] = undefined;
  }
}
