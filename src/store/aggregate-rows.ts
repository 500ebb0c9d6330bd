import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { MinuteCounts, SavedVerdict } from '../model/recording.ts';
import { pack, packJson } from './packing.ts';
import { numberOf, whole } from './row.ts';

/** A verdict as its row holds it. */
export interface PackedVerdict {
  readonly policy: string;
  readonly mirror: string;
  readonly at: number;
  readonly state: Uint8Array;
  readonly verdict: Uint8Array;
}

export function packVerdict({ policy, mirror, state, verdict }: SavedVerdict): PackedVerdict {
  const packedState = pack(Buffer.from(state));
  return { policy, mirror, at: whole(verdict.at), state: packedState, verdict: packJson(verdict) };
}

/** Writes what is counted by the minute, and verdicts. Has to be called in a transaction. */
export class AggregateRows {
  readonly #minutesLimit: number;
  readonly #addMinute: StatementSync;
  readonly #dropMinutes: StatementSync;
  readonly #countMinutes: StatementSync;
  readonly #putVerdict: StatementSync;

  /** @param minutesLimit rows of minutes that are kept; the oldest go */
  constructor(db: DatabaseSync, minutesLimit: number) {
    this.#minutesLimit = minutesLimit;
    this.#addMinute = db.prepare(
      `INSERT INTO minute (at, policy, mirror, pairs, same, different, failures) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET pairs = pairs + excluded.pairs, same = same + excluded.same,
         different = different + excluded.different, failures = failures + excluded.failures`,
    );
    this.#countMinutes = db.prepare('SELECT count(*) AS count FROM minute');
    this.#dropMinutes = db.prepare(
      'DELETE FROM minute WHERE (at, policy, mirror) IN (SELECT at, policy, mirror FROM minute ORDER BY at LIMIT ?)',
    );
    this.#putVerdict = db.prepare(
      'INSERT OR REPLACE INTO verdict (policy, mirror, at, state, verdict) VALUES (?, ?, ?, ?, ?)',
    );
  }

  addMinutes(minutes: readonly MinuteCounts[]): void {
    if (minutes.length === 0) return;
    for (const { at, policy, mirror, pairs, same, different, failures } of minutes) {
      const counts = [pairs, same, different, failures].map(whole);
      this.#addMinute.run(whole(at), policy, mirror, ...counts);
    }
    const surplus = numberOf(this.#countMinutes.get() ?? {}, 'count') - this.#minutesLimit;
    if (surplus > 0) this.#dropMinutes.run(surplus);
  }

  putVerdict({ policy, mirror, at, state, verdict }: PackedVerdict): void {
    this.#putVerdict.run(policy, mirror, at, state, verdict);
  }
}
