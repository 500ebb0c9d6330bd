import { statSync } from 'node:fs';
import type { StatementSync } from 'node:sqlite';
import type { Connection } from './connection.ts';
import { numberOf } from './row.ts';
import { StoreError } from './store-error.ts';

/** Below this nothing useful can be kept; smaller settings count as this, bytes. */
export const LEAST_BYTES = 1024 * 1024;
/** In memory no more than this is kept, whatever the setting says, bytes. */
export const MEMORY_BYTES = 32 * 1024 * 1024;
/** Largest share of the cap, and most, that the log of changes (and its index) may take, bytes. */
const LOG_SHARE = 1 / 4;
const LOG_BYTES = 16 * 1024 * 1024;
/** What an exchange changes beside its own content, bytes, measured: pages of tables and indexes, many of them shared. */
const ROW_BYTES = 8 * 1024;
/** Exchanges that one transaction adds or removes, at most. */
const ROWS_PER_TRANSACTION = 64;
/** SQLite takes some pages at once. */
const PAGES_NEAR_CAP = 16;
/** Pages given back to the file system at once, when a file is larger than its cap. */
const VACUUM = 'PRAGMA incremental_vacuum(64)';

/**
 * Keeps a file, with its log and the log's index, under a number of bytes at every moment: a part is set aside for the
 * log, SQLite refuses pages past the rest, and the log is emptied into the file before it outgrows its part.
 */
export class SizeCap {
  /** Most that one transaction should write, bytes. */
  readonly transactionBytes: number;
  /** The largest thing that can be kept, bytes: the log has to hold it whole. */
  readonly itemBytes: number;
  /** Most exchanges that one should add or remove. */
  readonly transactionRows: number;
  readonly maxBytes: number;
  readonly #connection: Connection;
  readonly #logBytes: number;
  readonly #pageBytes: number;
  readonly #maxPages: number;
  readonly #pageCount: StatementSync;
  readonly #freePages: StatementSync;
  readonly #checkpoint: StatementSync;

  constructor(connection: Connection, maxBytes: number) {
    const { db, file } = connection;
    this.#connection = connection;
    this.maxBytes = effectiveMaxBytes(file, maxBytes);
    this.#logBytes = Math.min(this.maxBytes * LOG_SHARE, LOG_BYTES);
    this.transactionBytes = this.#logBytes / 8;
    this.itemBytes = this.#logBytes / 2;
    const rows = Math.floor(this.transactionBytes / ROW_BYTES);
    this.transactionRows = Math.max(1, Math.min(ROWS_PER_TRANSACTION, rows));
    this.#pageBytes = numberOf(db.prepare('PRAGMA page_size').get() ?? {}, 'page_size');
    const pagesBytes = file === undefined ? this.maxBytes : this.maxBytes - this.#logBytes;
    this.#maxPages = Math.floor(pagesBytes / this.#pageBytes);
    this.#pageCount = db.prepare('PRAGMA page_count');
    this.#freePages = db.prepare('PRAGMA freelist_count');
    this.#checkpoint = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)');
  }

  /** What the file and its log take now, bytes. */
  get bytes(): number {
    const { file } = this.#connection;
    if (file === undefined) return this.#pages * this.#pageBytes;
    return sizeOf(file) + sizeOf(`${file}-wal`);
  }

  /** Whether that many more bytes fit without removing anything. */
  fits(bytes: number): boolean {
    const used = this.#pages - numberOf(this.#freePages.get() ?? {}, 'freelist_count');
    return used + Math.ceil(bytes / this.#pageBytes) <= this.#maxPages;
  }

  /** Whether SQLite may have refused a page because of the cap, and not because of the disk. */
  get reached(): boolean {
    return this.#pages + PAGES_NEAR_CAP >= this.#maxPages;
  }

  /** Brings a file that is larger than its cap below it, and has SQLite keep it there. `evict` removes some, until false. */
  enforce(evict: () => boolean): void {
    while (!this.fits(0) && evict()) this.settle();
    while (this.#pages > this.#maxPages) {
      const before = this.#pages;
      this.#connection.db.exec(VACUUM);
      this.settle();
      if (this.#pages >= before) break;
    }
    // What was given back is still in the file until the log says so to it.
    this.#checkpoint.get();
    // A pragma takes no parameters; the number is ours.
    this.#connection.db.exec(`PRAGMA max_page_count = ${this.#maxPages}`);
  }

  /**
   * Empties the log once it has grown, or so that it has room. Called after each transaction, and before large ones.
   *
   * @param upcoming what will be written next, bytes
   * @throws StoreError `held` when a reader has kept it from that for so long that no room is left
   */
  settle(upcoming = 2 * this.transactionBytes): void {
    const { file } = this.#connection;
    if (file === undefined) return;
    const log = `${file}-wal`;
    const before = sizeOf(log);
    if (before < this.#logBytes / 2 && before + upcoming <= this.#logBytes) return;
    this.#checkpoint.get();
    const after = sizeOf(log);
    if (after === 0 || after + upcoming <= this.#logBytes) return;
    throw new StoreError(
      'held',
      'a program that reads the file keeps its log from being emptied',
      'end that program, or let it finish',
    );
  }

  get #pages(): number {
    return numberOf(this.#pageCount.get() ?? {}, 'page_count');
  }
}

/** The cap that is kept for a setting. */
export function effectiveMaxBytes(file: string | undefined, maxBytes: number): number {
  const most = file === undefined ? Math.min(maxBytes, MEMORY_BYTES) : maxBytes;
  return Math.max(LEAST_BYTES, most);
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
