import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { MinuteCounts, RecordedExchange, SavedVerdict } from '../model/recording.ts';
import type { StoreSettings } from '../model/settings.ts';
import { AggregateRows, packVerdict } from './aggregate-rows.ts';
import { openForWriting } from './connection.ts';
import type { Connection } from './connection.ts';
import { nextSlots } from './example-slots.ts';
import type { ExampleSlots } from './example-slots.ts';
import { ExchangeRows, KEPT } from './exchange-rows.ts';
import type { ChosenExchange, Kept } from './exchange-rows.ts';
import { findingsOf } from './findings-of.ts';
import { exchangeBytes } from './recorded-size.ts';
import { Reservoir } from './reservoir.ts';
import { numberOf } from './row.ts';
import { SizeCap } from './size-cap.ts';
import { StoreError, storeErrorOf } from './store-error.ts';
import { StoreReader } from './store-reader.ts';
import { inTransaction } from './transaction.ts';

/** What rows and their index entries take beside their content, bytes. */
const ROW_BYTES = 2048;
/** Share of the cap that minutes may take, and what one takes, bytes. */
const MINUTES_SHARE = 1 / 8;
const MINUTE_BYTES = 96;
/** Minutes that one transaction adds. */
const MINUTES_PER_TRANSACTION = 256;
const MATCHES = 'matches';

/** Examples of one finding of one policy, before and after a batch. */
interface PlannedFinding {
  readonly policy: string;
  readonly finding: string;
  readonly incoming: number[];
}

/** One open file: writes what is to be kept, and removes what is no longer. Throws whatever keeps it from that. */
export class StoreFile implements Disposable {
  readonly reader: StoreReader;
  readonly #connection: Connection;
  readonly #db: DatabaseSync;
  readonly #settings: StoreSettings;
  readonly #cap: SizeCap;
  readonly #exchanges: ExchangeRows;
  readonly #aggregates: AggregateRows;
  readonly #count: StatementSync;
  readonly #random: () => number;
  #reservoir: Reservoir;
  #nextSeq: number;

  /** @throws StoreError, see `openForWriting` */
  constructor(settings: StoreSettings, random: () => number) {
    this.#connection = openForWriting(settings.file);
    using cleanup = new DisposableStack();
    cleanup.use(this.#connection);
    const { db } = this.#connection;
    this.#db = db;
    this.#settings = settings;
    this.#random = random;
    this.#cap = new SizeCap(this.#connection, settings.maxBytes);
    this.#exchanges = new ExchangeRows(db);
    this.#aggregates = new AggregateRows(db, Math.floor((this.#cap.maxBytes * MINUTES_SHARE) / MINUTE_BYTES));
    this.#count = db.prepare('INSERT OR REPLACE INTO counter (name, value) VALUES (?, ?)');
    this.reader = new StoreReader(db, settings.file ?? 'memory');
    this.#nextSeq = numberOf(
      db.prepare('SELECT coalesce(max(seq), 0) + 1 AS next FROM exchange').get() ?? {},
      'next',
    );
    this.#reservoir = this.#readReservoir();
    this.#cap.enforce(() => this.#evict());
    const placesPast = () =>
      inTransaction(db, () =>
        this.#exchanges.removePlaces(settings.randomExchanges, this.#cap.transactionRows),
      );
    while (placesPast() > 0) this.#cap.settle();
    cleanup.move();
  }

  get bytes(): number {
    return this.#cap.bytes;
  }

  get exchanges(): number {
    return this.#exchanges.count;
  }

  /** Whether the path still names this file; what is written to one that was removed is lost. */
  inPlace(): boolean {
    return this.#connection.inPlace();
  }

  /** Adds minutes to those of the same time, and replaces verdicts. */
  writeAggregates(minutes: readonly MinuteCounts[], verdicts: readonly SavedVerdict[]): void {
    for (let from = 0; from < minutes.length; from += MINUTES_PER_TRANSACTION) {
      const some = minutes.slice(from, from + MINUTES_PER_TRANSACTION);
      this.#write(some.length * MINUTE_BYTES, () => this.#aggregates.addMinutes(some));
    }
    for (const verdict of verdicts) {
      const packed = packVerdict(verdict);
      const bytes = packed.state.length + packed.verdict.length;
      if (bytes > this.#cap.itemBytes) throw tooSmall();
      this.#write(bytes, () => this.#aggregates.putVerdict(packed));
    }
  }

  /**
   * Keeps those that are examples by the rules of retention.
   *
   * @returns how many were turned away because they are larger than the file has room for
   */
  writeExchanges(exchanges: readonly RecordedExchange[]): number {
    const { transactionBytes, transactionRows: rows, itemBytes } = this.#cap;
    const fitting = exchanges.filter((exchange) => exchangeBytes(exchange) <= itemBytes);
    const { seen } = this.#reservoir;
    const plan = this.#plan(fitting);
    if (this.#reservoir.seen !== seen) this.probe();
    for (const chunk of chunksOf(plan.chosen, transactionBytes, rows)) {
      this.#write(chunk.bytes, () => {
        for (const chosen of chunk.items) this.#exchanges.insert(chosen);
      });
    }
    for (let from = 0; from < plan.forgotten.length; from += rows) {
      this.#write(0, () => {
        for (const { policy, finding, seq } of plan.forgotten.slice(from, from + rows)) {
          this.#exchanges.forget(policy, finding, seq);
        }
      });
    }
    return exchanges.length - fitting.length;
  }

  /** Writes how many matches have come, and so finds out whether the file can be written. */
  probe(): void {
    this.#write(0, () => this.#count.run(MATCHES, this.#reservoir.seen));
  }

  [Symbol.dispose](): void {
    this.#connection[Symbol.dispose]();
  }

  /** Which of a batch are kept, and which of those that are there are given up for them. */
  #plan(exchanges: readonly RecordedExchange[]) {
    const findings = new Map<string, PlannedFinding>();
    const places = new Map<number, number>();
    const candidates = exchanges.map((exchange) => {
      const seq = this.#nextSeq++;
      const ids = findingsOf(exchange);
      for (const finding of ids) {
        const key = `${finding} ${exchange.policy}`;
        const planned = findings.get(key);
        if (planned === undefined) findings.set(key, { policy: exchange.policy, finding, incoming: [seq] });
        else planned.incoming.push(seq);
      }
      const place = ids.length === 0 ? this.#reservoir.next() : undefined;
      if (place !== undefined) places.set(place, seq);
      return { seq, exchange, ids, place };
    });
    const kept = new Map<string, Kept>();
    const needed = new Set<number>(places.values());
    const forgotten: { readonly policy: string; readonly finding: string; readonly seq: number }[] = [];
    for (const { policy, finding, incoming } of findings.values()) {
      const before = this.#exchanges.slots(policy, finding);
      const after = nextSlots(before, incoming, this.#settings.examplesPerFinding);
      for (const seq of gone(before, after)) forgotten.push({ policy, finding, seq });
      const note = (seqs: readonly number[], as: Kept) => {
        for (const seq of seqs) {
          kept.set(`${finding} ${seq}`, as);
          needed.add(seq);
        }
      };
      note(after.first, KEPT.first);
      note(after.fresh, KEPT.fresh);
    }
    const chosen: readonly ChosenExchange[] = candidates
      .filter(({ seq }) => needed.has(seq))
      .map(({ seq, exchange, ids, place }) => ({
        seq,
        exchange,
        place,
        findings: ids.map((finding) => ({ finding, kept: kept.get(`${finding} ${seq}`) ?? KEPT.otherwise })),
      }));
    return { chosen, forgotten };
  }

  /** One transaction, with room made for it, and the log emptied after it. */
  #write(bytes: number, work: () => void): void {
    const needed = 2 * bytes + this.#cap.transactionRows * ROW_BYTES;
    while (!this.#cap.fits(needed) && this.#evict());
    if (!this.#cap.fits(bytes)) throw tooSmall();
    this.#cap.settle(bytes);
    for (;;) {
      try {
        inTransaction(this.#db, work);
        break;
      } catch (error) {
        this.#resync();
        // The rows took more pages than was reckoned.
        const capReached = storeErrorOf(error).code === 'full' && this.#cap.reached;
        if (!capReached) throw error;
        if (!this.#evict()) throw tooSmall(error);
      }
    }
    this.#cap.settle();
  }

  /** Removes the oldest exchanges. */
  #evict(): boolean {
    const removed = inTransaction(this.#db, () => {
      this.#count.run(MATCHES, this.#reservoir.seen);
      return this.#exchanges.removeOldest(this.#cap.transactionRows);
    });
    this.#cap.settle();
    return removed > 0;
  }

  /** What was counted in a transaction that was undone did not happen. */
  #resync(): void {
    try {
      this.#exchanges.recount(this.#db);
    } catch {
      // The file cannot even be read; it is opened anew before the next use.
    }
  }

  #readReservoir(): Reservoir {
    const row = this.#db.prepare('SELECT value FROM counter WHERE name = ?').get(MATCHES);
    const seen = row === undefined ? 0 : Math.max(0, numberOf(row, 'value'));
    return new Reservoir(this.#settings.randomExchanges, seen, this.#random);
  }
}

function tooSmall(cause?: unknown): StoreError {
  const message = 'store.maxBytes is too small for verdicts and counts alone';
  return new StoreError('too_small', message, 'raise it', cause);
}

function gone(before: ExampleSlots, after: ExampleSlots): readonly number[] {
  const still = new Set([...after.first, ...after.fresh]);
  return [...before.first, ...before.fresh].filter((seq) => !still.has(seq));
}

/** Cuts what is to be stored into transactions. */
function* chunksOf(all: readonly ChosenExchange[], maxBytes: number, maxItems: number) {
  let items: ChosenExchange[] = [];
  let bytes = 0;
  for (const chosen of all) {
    const size = exchangeBytes(chosen.exchange);
    if (items.length > 0 && (bytes + size > maxBytes || items.length >= maxItems)) {
      yield { items, bytes };
      items = [];
      bytes = 0;
    }
    items.push(chosen);
    bytes += size;
  }
  if (items.length > 0) yield { items, bytes };
}
