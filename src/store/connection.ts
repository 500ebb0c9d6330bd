import { closeSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { APPLICATION_ID, checkMark, foreignFile, markOf, migrate, MIGRATIONS } from './schema.ts';
import { StoreError, storeErrorOf } from './store-error.ts';

/** How long a lock of another program is waited for, ms. Only the store's own thread waits. */
const LOCK_WAIT_MS = 500;
const MAGIC = 'SQLite format 3\u0000';
const HEADER_BYTES = 100;
const APPLICATION_ID_AT = 68;

/** An open file, ours alone to write. */
export interface Connection extends Disposable {
  readonly db: DatabaseSync;
  /** Undefined in memory. */
  readonly file: string | undefined;
  /** Whether the path still names the file that was opened. */
  inPlace(): boolean;
}

/**
 * Opens a file for writing, and makes it when it is not there; undefined opens one in memory.
 *
 * @throws StoreError `refused` for a file that is not ours or newer, `corrupt` for ours that is broken, and others
 */
export function openForWriting(file: string | undefined, migrations = MIGRATIONS): Connection {
  if (file === undefined) {
    const db = new DatabaseSync(':memory:');
    migrate(db, migrations);
    return { db, file, inPlace: () => true, [Symbol.dispose]: () => db.close() };
  }
  using cleanup = new DisposableStack();
  try {
    const found = look(file);
    if (found === 'foreign') throw foreignFile();
    // The content of answers is nobody else's business: SQLite gives its other files the same mode.
    if (found === 'absent') closeSync(openSync(file, 'wx', 0o600));
    const lock = cleanup.use(lockFile(file));
    const db = new DatabaseSync(file, { timeout: LOCK_WAIT_MS });
    cleanup.defer(() => db.close());
    // Before a writing pragma touches it.
    try {
      checkMark(markOf(db), migrations.length);
    } catch (error) {
      if (error instanceof StoreError) removeLock(file);
      throw error;
    }
    db.exec(
      `PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
       PRAGMA wal_autocheckpoint = 0; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;
       PRAGMA temp_store = MEMORY; PRAGMA cache_size = -4096`,
    );
    migrate(db, migrations);
    // From now on the file itself says that it is ours, whatever happens to its log.
    db.exec('PRAGMA wal_checkpoint(PASSIVE)');
    const identity = identityOf(file);
    const held = cleanup.move();
    return {
      db,
      file,
      inPlace: () => identityOf(file) === identity && lock.inPlace(),
      [Symbol.dispose]: () => held.dispose(),
    };
  } catch (error) {
    throw storeErrorOf(error);
  }
}

/**
 * Opens a file for reading, also while an instance writes it.
 *
 * @throws StoreError `refused` for a file that is not ours, newer or older, and others
 */
export function openForReading(file: string): DatabaseSync {
  try {
    const found = look(file);
    if (found === 'absent') throw new StoreError('gone', 'there is no such file', 'name a store file');
    if (found === 'foreign') throw foreignFile();
    const db = openReadOnly(file);
    try {
      const mark = markOf(db);
      checkMark({ ...mark, blank: false }, MIGRATIONS.length);
      if (mark.version < MIGRATIONS.length) {
        throw new StoreError(
          'refused',
          `the file has the older version ${mark.version}`,
          'let "understudy run" with this file bring it to the newest one',
        );
      }
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  } catch (error) {
    throw storeErrorOf(error);
  }
}

function openReadOnly(file: string): DatabaseSync {
  const db = new DatabaseSync(file, { readOnly: true, timeout: LOCK_WAIT_MS });
  try {
    db.exec('PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON');
    db.prepare('SELECT count(*) FROM sqlite_schema').get();
    return db;
  } catch (error) {
    db.close();
    if (storeErrorOf(error).code !== 'gone' && storeErrorOf(error).code !== 'read_only') throw error;
    // In a folder that we may not write to, SQLite cannot make the index of the log. Without a log none is needed.
    const hasLog = (statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
    if (hasLog) throw error;
    const url = pathToFileURL(file);
    url.searchParams.set('immutable', '1');
    return new DatabaseSync(url, { readOnly: true });
  }
}

/** What stands at a path, by its first bytes. Only regular files are looked into: reading others may never end. */
function look(file: string): 'absent' | 'maybe' | 'foreign' {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return 'absent';
  if (!stat.isFile()) return 'foreign';
  if (stat.size === 0) return 'maybe';
  const header = Buffer.alloc(HEADER_BYTES);
  const descriptor = openSync(file, 'r');
  try {
    readSync(descriptor, header, 0, HEADER_BYTES, 0);
  } finally {
    closeSync(descriptor);
  }
  const id = header.readUInt32BE(APPLICATION_ID_AT);
  if (id === APPLICATION_ID) return 'maybe';
  return id === 0 && header.toString('latin1', 0, MAGIC.length) === MAGIC ? 'maybe' : 'foreign';
}

/** Device and inode, empty when nothing is there. */
function identityOf(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat === undefined ? '' : `${stat.dev}:${stat.ino}`;
}

function lockPathOf(file: string): string {
  return `${file}.lock`;
}

/** Leaves nothing beside a file that is not ours. Nobody else can hold the lock that we have. */
function removeLock(file: string): void {
  try {
    rmSync(lockPathOf(file), { force: true });
  } catch {
    // Then it stays; it is empty, and why the file was refused matters more.
  }
}

/**
 * Keeps other instances from the file, not its readers: a lock on an empty file beside it, which ends with the process
 * however that ends.
 */
function lockFile(file: string): Disposable & { inPlace(): boolean } {
  const path = lockPathOf(file);
  const db = new DatabaseSync(path, { timeout: 0 });
  try {
    db.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    const { code } = storeErrorOf(error);
    if (code === 'corrupt') {
      const refused = `${path} is there and is not a lock of ours`;
      throw new StoreError('refused', refused, 'name another file, or move that one away', error);
    }
    if (code !== 'locked') throw error;
    const hint = 'give each instance a file of its own';
    throw new StoreError('locked', 'another instance writes this file', hint, error);
  }
  const identity = identityOf(path);
  return { inPlace: () => identityOf(path) === identity, [Symbol.dispose]: () => db.close() };
}
