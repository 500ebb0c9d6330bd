/**
 * Chooses which of a stream of unknown length are kept, so that each has the same chance: algorithm R (Vitter, "Random
 * Sampling with a Reservoir", 1985).
 */
export class Reservoir {
  #seen: number;
  readonly #places: number;
  readonly #random: () => number;

  /** @param seen how many have come before, from the last run */
  constructor(places: number, seen: number, random: () => number) {
    this.#places = places;
    this.#seen = seen;
    this.#random = random;
  }

  get seen(): number {
    return this.#seen;
  }

  /** @returns the place that the next one takes, whoever has it now; undefined when it is not kept */
  next(): number | undefined {
    const index = this.#seen++;
    const place = index < this.#places ? index : Math.floor(this.#random() * (index + 1));
    return place < this.#places ? place : undefined;
  }
}
