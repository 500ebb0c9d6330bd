import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { RecordedExchange } from '../model/recording.ts';
import { BodyRows } from './body-rows.ts';
import { packHead } from './exchange-head.ts';
import type { ExampleSlots } from './example-slots.ts';
import { numberOf, whole } from './row.ts';

/** Why an exchange is an example of a finding; the numbers stand in the file. */
export const KEPT = { otherwise: 0, first: 1, fresh: 2 } as const;
export type Kept = (typeof KEPT)[keyof typeof KEPT];

/** Longest target and route in lists, characters; the exchange itself has them whole. */
const SHOWN_CHARACTERS = 1024;

/** An exchange that is to be stored. */
export interface ChosenExchange {
  readonly seq: number;
  readonly exchange: RecordedExchange;
  /** Place among the random matches. */
  readonly place: number | undefined;
  readonly findings: readonly { readonly finding: string; readonly kept: Kept }[];
}

/** Writes and removes the rows of exchanges. Has to be called in a transaction. */
export class ExchangeRows {
  readonly #bodies: BodyRows;
  readonly #insert: StatementSync;
  readonly #insertAnswer: StatementSync;
  readonly #insertExample: StatementSync;
  readonly #sameExchange: StatementSync;
  readonly #atPlace: StatementSync;
  readonly #leavePlace: StatementSync;
  readonly #examples: StatementSync;
  readonly #forget: StatementSync;
  readonly #reasons: StatementSync;
  readonly #bodiesOf: StatementSync;
  readonly #removals: readonly StatementSync[];
  readonly #oldest: StatementSync;
  readonly #placesPast: StatementSync;
  #count: number;

  constructor(db: DatabaseSync) {
    this.#bodies = new BodyRows(db);
    this.#insert = db.prepare(
      `INSERT INTO exchange (seq, id, policy, route, at, method, target, status, place, head)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#insertAnswer = db.prepare(
      `INSERT INTO answer (exchange, position, name, role, status, differences, body)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#insertExample = db.prepare(
      'INSERT OR REPLACE INTO example (finding, policy, exchange, kept) VALUES (?, ?, ?, ?)',
    );
    this.#sameExchange = db.prepare('SELECT seq FROM exchange WHERE id = ? AND policy = ?');
    this.#atPlace = db.prepare('SELECT seq FROM exchange WHERE place = ?');
    this.#leavePlace = db.prepare('UPDATE exchange SET place = NULL WHERE seq = ?');
    this.#examples = db.prepare(
      'SELECT exchange, kept FROM example WHERE finding = ? AND policy = ? AND kept > 0 ORDER BY exchange',
    );
    this.#forget = db.prepare(
      'UPDATE example SET kept = 0 WHERE finding = ? AND policy = ? AND exchange = ?',
    );
    this.#reasons = db.prepare(
      `SELECT (SELECT count(*) FROM example WHERE exchange = e.seq AND kept > 0) + (e.place IS NOT NULL) AS reasons
       FROM exchange e WHERE e.seq = ?`,
    );
    this.#bodiesOf = db.prepare('SELECT body FROM answer WHERE exchange = ? AND body IS NOT NULL');
    this.#removals = [
      db.prepare('DELETE FROM answer WHERE exchange = ?'),
      db.prepare('DELETE FROM example WHERE exchange = ?'),
      db.prepare('DELETE FROM exchange WHERE seq = ?'),
    ];
    this.#oldest = db.prepare('SELECT seq FROM exchange ORDER BY at, seq LIMIT ?');
    this.#placesPast = db.prepare('SELECT seq FROM exchange WHERE place >= ? LIMIT ?');
    this.#count = numberOf(db.prepare('SELECT count(*) AS count FROM exchange').get() ?? {}, 'count');
  }

  get count(): number {
    return this.#count;
  }

  /** Counts anew after a transaction was undone. */
  recount(db: DatabaseSync): void {
    this.#count = numberOf(db.prepare('SELECT count(*) AS count FROM exchange').get() ?? {}, 'count');
  }

  /** Takes the place of the same exchange, and of whoever has its place among the random matches. */
  insert({ seq, exchange, place, findings }: ChosenExchange): void {
    const { id, policy, route, at, request, primary, others } = exchange;
    for (const row of this.#sameExchange.all(id, policy)) this.remove(numberOf(row, 'seq'));
    if (place !== undefined) {
      for (const row of this.#atPlace.all(place)) {
        const other = numberOf(row, 'seq');
        this.#leavePlace.run(other);
        this.removeUnneeded(other);
      }
    }
    const head = packHead(exchange);
    this.#insert.run(
      seq,
      id,
      policy,
      route,
      whole(at),
      request.method,
      shown(request.target),
      whole(primary.status),
      place ?? null,
      head,
    );
    this.#answer(seq, 0, 'primary', 'primary', primary, 0);
    others.forEach(({ name, role, answer, differences }, index) =>
      this.#answer(seq, index + 1, name, role, answer, differences.length),
    );
    for (const { finding, kept } of findings) this.#insertExample.run(finding, policy, seq, kept);
    this.#count++;
  }

  /** What is kept of a finding. */
  slots(policy: string, finding: string): ExampleSlots {
    const rows = this.#examples.all(finding, policy);
    const kept = (as: Kept) =>
      rows.filter((row) => row['kept'] === as).map((row) => numberOf(row, 'exchange'));
    return { first: kept(KEPT.first), fresh: kept(KEPT.fresh) };
  }

  /** An exchange is no longer kept for this finding; without another reason it goes. */
  forget(policy: string, finding: string, seq: number): void {
    this.#forget.run(finding, policy, seq);
    this.removeUnneeded(seq);
  }

  removeUnneeded(seq: number): void {
    const row = this.#reasons.get(seq);
    if (row !== undefined && numberOf(row, 'reasons') === 0) this.remove(seq);
  }

  remove(seq: number): void {
    for (const row of this.#bodiesOf.all(seq)) this.#bodies.release(numberOf(row, 'body'));
    for (const statement of this.#removals) statement.run(seq);
    this.#count--;
  }

  /** @returns how many there were to remove */
  removeOldest(atMost: number): number {
    const rows = this.#oldest.all(atMost);
    for (const row of rows) this.remove(numberOf(row, 'seq'));
    return rows.length;
  }

  /** Gives up places at and past a number, after the setting was lowered. */
  removePlaces(from: number, atMost: number): number {
    const rows = this.#placesPast.all(from, atMost);
    for (const row of rows) {
      const seq = numberOf(row, 'seq');
      this.#leavePlace.run(seq);
      this.removeUnneeded(seq);
    }
    return rows.length;
  }

  #answer(
    seq: number,
    position: number,
    name: string,
    role: string,
    answer: RecordedExchange['primary'] | undefined,
    differences: number,
  ): void {
    const body = answer === undefined ? undefined : this.#bodies.use(answer.body);
    const status = answer === undefined ? null : whole(answer.status);
    this.#insertAnswer.run(seq, position, name, role, status, differences, body ?? null);
  }
}

function shown(text: string): string {
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}
