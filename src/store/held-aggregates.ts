import type { MinuteCounts, SavedVerdict, StoreBatch } from '../model/recording.ts';

/** Minutes and verdicts held while nothing can be written, at most; past it the oldest go. */
export const HELD_MINUTES = 10_000;
export const HELD_VERDICTS = 1_000;

/**
 * Minutes and verdicts that could not be written yet. They are small and worth more than single exchanges, so that they
 * wait for better times.
 */
export class HeldAggregates {
  readonly #minutes = new Map<string, MinuteCounts>();
  readonly #verdicts = new Map<string, SavedVerdict>();

  get empty(): boolean {
    return this.#minutes.size === 0 && this.#verdicts.size === 0;
  }

  add({ minutes, verdicts }: Pick<StoreBatch, 'minutes' | 'verdicts'>): void {
    for (const minute of minutes) {
      const key = JSON.stringify([minute.at, minute.policy, minute.mirror]);
      const before = this.#minutes.get(key);
      this.#minutes.set(key, before === undefined ? minute : sum(before, minute));
    }
    for (const verdict of verdicts) {
      this.#verdicts.set(JSON.stringify([verdict.policy, verdict.mirror]), verdict);
    }
    dropOldest(this.#minutes, HELD_MINUTES);
    dropOldest(this.#verdicts, HELD_VERDICTS);
  }

  get(): Pick<StoreBatch, 'minutes' | 'verdicts'> {
    return { minutes: [...this.#minutes.values()], verdicts: [...this.#verdicts.values()] };
  }

  clear(): void {
    this.#minutes.clear();
    this.#verdicts.clear();
  }
}

function sum(left: MinuteCounts, right: MinuteCounts): MinuteCounts {
  return {
    ...left,
    pairs: left.pairs + right.pairs,
    same: left.same + right.same,
    different: left.different + right.different,
    failures: left.failures + right.failures,
  };
}

function dropOldest(map: Map<string, unknown>, limit: number): void {
  for (const key of map.keys()) {
    if (map.size <= limit) return;
    map.delete(key);
  }
}
