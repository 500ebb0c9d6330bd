import { accessSync, constants, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { backoffMs } from '../kit/backoff.ts';
import type { Clock } from '../kit/clock.ts';
import { systemClock } from '../kit/clock.ts';
import { UserError } from '../kit/errors.ts';
import type { Logger } from '../kit/log.ts';
import { silentLogger } from '../kit/log.ts';
import type {
  ExchangeFilter,
  ExchangeSummary,
  MinuteCounts,
  Page,
  RecordedExchange,
  SavedVerdict,
  StoreBatch,
  StoreStatus,
} from '../model/recording.ts';
import type { StoreSettings } from '../model/settings.ts';
import { openForReading } from './connection.ts';
import { HeldAggregates } from './held-aggregates.ts';
import { setAside } from './set-aside.ts';
import { effectiveMaxBytes } from './size-cap.ts';
import type { StoreError } from './store-error.ts';
import { diskFull, storeErrorOf } from './store-error.ts';
import { StoreFile } from './store-file.ts';
import { StoreReader } from './store-reader.ts';

export interface StoreOptions {
  readonly log?: Logger;
  readonly clock?: Clock;
  /** A number in [0, 1): which matches are kept, and how long a retry waits. */
  readonly random?: () => number;
}

/** After a failure it is tried again after this long, doubling. */
const RETRY = { baseMs: 1000, maxMs: 60_000 };
/** How the status names a store in memory. */
const MEMORY = 'memory';
/** With less room than this a disk is full, bytes: SQLite extends its files by more at once. */
const LITTLE_ROOM_BYTES = 64 * 1024;

/**
 * What has to outlast a restart, and examples for people. Writing never throws: what keeps it from its file stands in the
 * status until it has passed, what comes meanwhile is turned away and counted, and minutes and verdicts are held.
 */
export class Store implements Disposable {
  readonly #settings: StoreSettings;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #held = new HeldAggregates();
  #file: StoreFile | undefined;
  #error: StoreError | undefined;
  #failuresInRow = 0;
  #retryAt = 0;
  #dropped = 0;
  #bytes = 0;
  #exchanges = 0;
  /** Whether a reader has come upon the corruption, and the file waits to be set aside. */
  #corrupt = false;

  constructor(settings: StoreSettings, options: StoreOptions = {}) {
    const { log = silentLogger, clock = systemClock, random = Math.random } = options;
    this.#settings = settings;
    this.#log = log;
    this.#clock = clock;
    this.#random = random;
    this.#attempt(() => {});
  }

  /** Why the file was refused: only a person can mend that. Undefined when it was not. */
  get refused(): StoreError | undefined {
    return this.#error?.code === 'refused' ? this.#error : undefined;
  }

  write(batch: StoreBatch): void {
    this.#held.add(batch);
    if (!this.#due()) {
      this.#dropped += batch.exchanges.length;
      return;
    }
    let stored = false;
    this.#attempt((file) => {
      this.#writeHeld(file);
      this.#dropped += file.writeExchanges(batch.exchanges);
      stored = true;
    });
    if (!stored) this.#dropped += batch.exchanges.length;
  }

  /** Tries again what has failed, once its time has come. Called now and then, as there may be nothing to write. */
  tick(): void {
    if ((this.#error === undefined && !this.#corrupt) || !this.#due()) return;
    this.#attempt((file) => {
      file.probe();
      this.#writeHeld(file);
    });
  }

  /** @throws UserError when nothing can be read now, or for a cursor that is none */
  exchanges(filter: ExchangeFilter): Page<ExchangeSummary> {
    return this.#read((reader) => reader.exchanges(filter));
  }

  /** @throws UserError when it cannot be read now */
  exchange(id: string): readonly RecordedExchange[] {
    return this.#read((reader) => reader.exchange(id));
  }

  /** @throws UserError when nothing can be read now */
  savedVerdicts(): readonly SavedVerdict[] {
    return this.#read((reader) => reader.savedVerdicts());
  }

  /** @throws UserError when nothing can be read now */
  minutes(policy: string, mirror: string, after: number, before: number): readonly MinuteCounts[] {
    return this.#read((reader) => reader.minutes(policy, mirror, after, before));
  }

  status(): StoreStatus {
    const { file, maxBytes } = this.#settings;
    return {
      file: file ?? MEMORY,
      state: this.#error === undefined ? 'open' : 'failing',
      error: this.#error?.text,
      bytes: this.#bytes,
      maxBytes: effectiveMaxBytes(file, maxBytes),
      exchanges: this.#exchanges,
      dropped: this.#dropped,
    };
  }

  /** Writes what was held, as far as that goes, and closes the file. */
  [Symbol.dispose](): void {
    if (!this.#held.empty) this.#attempt((file) => this.#writeHeld(file));
    this.#close();
  }

  #due(): boolean {
    return this.#error === undefined || this.#clock.monotonic() >= this.#retryAt;
  }

  #writeHeld(file: StoreFile): void {
    const { minutes, verdicts } = this.#held.get();
    // One after another, and forgotten at once: what is written twice would count twice.
    file.writeAggregates(minutes, []);
    this.#held.clear();
    this.#held.add({ minutes: [], verdicts });
    file.writeAggregates([], verdicts);
    this.#held.clear();
  }

  /** Does something with the file, opened when it is not. Every failure ends here. */
  #attempt(work: (file: StoreFile) => void): void {
    try {
      try {
        this.#run(work);
      } catch (thrown) {
        if (this.#settings.file === undefined || storeErrorOf(thrown).code !== 'corrupt') throw thrown;
        this.#corrupt = true;
        this.#run(work);
      }
      this.#recover();
    } catch (thrown) {
      this.#fail(this.#explain(thrown));
    }
  }

  #run(work: (file: StoreFile) => void): void {
    if (this.#corrupt) this.#replace();
    // Until now it may have been read. In memory there is nothing to open again.
    const broken = this.#error?.code === 'gone' || this.#error?.code === 'internal';
    if (broken && this.#settings.file !== undefined) this.#close();
    if (this.#file?.inPlace() === false) {
      this.#close();
      this.#log.warn('the store file was removed or replaced; it is opened anew', this.#where);
    }
    this.#file ??= new StoreFile(this.#settings, this.#random);
    work(this.#file);
    this.#bytes = this.#file.bytes;
    this.#exchanges = this.#file.exchanges;
  }

  /** SQLite does not always tell what the disk has told it; the folder does. */
  #explain(thrown: unknown): StoreError {
    const error = storeErrorOf(thrown);
    const { file } = this.#settings;
    if (file === undefined || error.code !== 'gone') return error;
    try {
      const folder = dirname(file);
      accessSync(folder, constants.W_OK);
      const { bavail, bsize } = statfsSync(folder);
      return bavail * bsize < LITTLE_ROOM_BYTES ? diskFull(thrown) : error;
    } catch (folderError) {
      return storeErrorOf(folderError);
    }
  }

  #fail(error: StoreError): void {
    const first = this.#error === undefined;
    this.#error = error;
    this.#retryAt = this.#clock.monotonic() + backoffMs(this.#failuresInRow++, RETRY, this.#random);
    if (first) this.#log.warn('the store cannot be written', { ...this.#where, error: error.text });
  }

  #recover(): void {
    if (this.#error !== undefined) {
      this.#log.info('the store is written again', { ...this.#where, dropped: this.#dropped });
    }
    this.#error = undefined;
    this.#failuresInRow = 0;
  }

  /** Sets a corrupt file aside. Verdicts that can still be read are taken over: they are days of traffic. */
  #replace(): void {
    const { file } = this.#settings;
    if (file === undefined) return;
    this.#close();
    const verdicts = salvage(file);
    const aside = setAside(file, this.#clock.now());
    this.#corrupt = false;
    // Those that came since are newer.
    const { verdicts: newer } = this.#held.get();
    this.#held.add({ minutes: [], verdicts: [...verdicts, ...newer] });
    this.#log.error('the store file was corrupt; a new one is begun', {
      ...this.#where,
      setAside: aside,
      verdictsKept: verdicts.length,
    });
  }

  #read<Result>(read: (reader: StoreReader) => Result): Result {
    const where = this.#settings.file ?? MEMORY;
    if (this.#file === undefined) {
      throw new UserError('the store cannot be read now', {
        code: 'unavailable',
        where,
        hint: this.#error?.text ?? 'try again in a moment',
      });
    }
    try {
      return read(this.#file.reader);
    } catch (error) {
      if (error instanceof Error && storeErrorOf(error.cause).code === 'corrupt') this.#corrupt = true;
      throw error;
    }
  }

  #close(): void {
    try {
      this.#file?.[Symbol.dispose]();
    } catch (error) {
      this.#log.warn('the store file could not be closed', {
        ...this.#where,
        error: storeErrorOf(error).text,
      });
    }
    this.#file = undefined;
  }

  get #where(): { readonly file: string } {
    return { file: this.#settings.file ?? MEMORY };
  }
}

/** Verdicts of a corrupt file, as far as they can be read. */
function salvage(file: string): readonly SavedVerdict[] {
  try {
    const db = openForReading(file);
    try {
      return new StoreReader(db, file).savedVerdicts();
    } finally {
      db.close();
    }
  } catch {
    return [];
  }
}
