import type { DatabaseSync } from 'node:sqlite';
import { numberOf } from './row.ts';
import { StoreError } from './store-error.ts';
import { inTransaction } from './transaction.ts';

/** Marks a SQLite file as a store of ours: "USTY", at offset 68 of the file (https://www.sqlite.org/fileformat2.html). */
export const APPLICATION_ID = 0x55535459;

/** What makes each version of the file from the one before; the first from an empty one. Never changed, only added to. */
export const MIGRATIONS: readonly string[] = [
  `
CREATE TABLE exchange (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  policy TEXT NOT NULL,
  route TEXT NOT NULL,
  at INTEGER NOT NULL,
  method TEXT NOT NULL,
  target TEXT NOT NULL,
  status INTEGER NOT NULL,
  -- Place among the random matches; NULL for an example of a finding.
  place INTEGER UNIQUE,
  -- Everything else but the bodies: packed JSON.
  head BLOB NOT NULL,
  UNIQUE (id, policy)
) STRICT;
CREATE INDEX exchange_by_age ON exchange (at, seq);

-- What the primary (position 0) and the others answered.
CREATE TABLE answer (
  exchange INTEGER NOT NULL,
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  status INTEGER,
  differences INTEGER NOT NULL,
  body INTEGER,
  PRIMARY KEY (exchange, position)
) STRICT, WITHOUT ROWID;

-- Each content once, packed.
CREATE TABLE body (
  key INTEGER PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE,
  uses INTEGER NOT NULL,
  content BLOB NOT NULL
) STRICT;

-- Which exchange shows which finding. kept: 1 as one of the first, 2 as one of the freshest, 0 for another reason.
CREATE TABLE example (
  finding TEXT NOT NULL,
  policy TEXT NOT NULL,
  exchange INTEGER NOT NULL,
  kept INTEGER NOT NULL,
  PRIMARY KEY (finding, policy, exchange)
) STRICT, WITHOUT ROWID;
CREATE INDEX example_by_exchange ON example (exchange);
CREATE INDEX example_kept ON example (finding, policy, exchange, kept) WHERE kept > 0;

CREATE TABLE minute (
  at INTEGER NOT NULL,
  policy TEXT NOT NULL,
  mirror TEXT NOT NULL,
  pairs INTEGER NOT NULL,
  same INTEGER NOT NULL,
  different INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  PRIMARY KEY (at, policy, mirror)
) STRICT, WITHOUT ROWID;

-- state and verdict: packed.
CREATE TABLE verdict (
  policy TEXT NOT NULL,
  mirror TEXT NOT NULL,
  at INTEGER NOT NULL,
  state BLOB NOT NULL,
  verdict BLOB NOT NULL,
  PRIMARY KEY (policy, mirror)
) STRICT;

-- matches: how many exchanges without a difference have come, of which the random ones are a sample.
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`,
];

const MARK = `PRAGMA application_id = ${APPLICATION_ID}`;

/** Whose file it is and of which version, as far as it can be told from the inside. */
export interface FileMark {
  readonly ours: boolean;
  readonly blank: boolean;
  readonly version: number;
}

export function markOf(db: DatabaseSync): FileMark {
  const id = numberOf(db.prepare('PRAGMA application_id').get() ?? {}, 'application_id');
  const version = numberOf(db.prepare('PRAGMA user_version').get() ?? {}, 'user_version');
  const things = numberOf(db.prepare('SELECT count(*) AS things FROM sqlite_schema').get() ?? {}, 'things');
  // Triggers and views would run what whoever made the file has put in them.
  const active = db.prepare(`SELECT 1 FROM sqlite_schema WHERE type NOT IN ('table', 'index')`).get();
  return {
    ours: id === APPLICATION_ID && active === undefined,
    blank: id === 0 && version === 0 && things === 0,
    version,
  };
}

/**
 * Refuses what is not ours, or is of a version that this program does not know.
 *
 * @throws StoreError `refused`
 */
export function checkMark(mark: FileMark, newest: number): void {
  if (!mark.ours && !mark.blank) throw foreignFile();
  if (mark.version > newest) {
    throw new StoreError(
      'refused',
      `the file has version ${mark.version}, and this program knows up to ${newest}`,
      'use the newer program that wrote it, or name another file',
    );
  }
}

export function foreignFile(): StoreError {
  return new StoreError(
    'refused',
    'the file is there and is not a store of Understudy',
    'name another file; this one is left as it is',
  );
}

/**
 * Brings a file to the newest version, all in one transaction.
 *
 * @throws StoreError `refused` when the file is not ours, or newer
 */
export function migrate(db: DatabaseSync, migrations: readonly string[] = MIGRATIONS): void {
  const mark = markOf(db);
  checkMark(mark, migrations.length);
  if (mark.version === migrations.length) return;
  inTransaction(db, () => {
    for (const step of migrations.slice(mark.version)) db.exec(step);
    db.exec(MARK);
    // A pragma takes no parameters; the number is ours.
    db.exec(`PRAGMA user_version = ${migrations.length}`);
  });
}
