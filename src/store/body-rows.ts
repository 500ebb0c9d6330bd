import { hash } from 'node:crypto';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { pack, unpack } from './packing.ts';
import { blobOf, damaged, numberOf } from './row.ts';

/** Bodies, each content once, with a count of its uses. */
export class BodyRows {
  readonly #find: StatementSync;
  readonly #use: StatementSync;
  readonly #add: StatementSync;
  readonly #release: StatementSync;
  readonly #drop: StatementSync;

  constructor(db: DatabaseSync) {
    this.#find = db.prepare('SELECT key FROM body WHERE hash = ?');
    this.#use = db.prepare('UPDATE body SET uses = uses + 1 WHERE key = ?');
    this.#add = db.prepare('INSERT INTO body (hash, uses, content) VALUES (?, 1, ?)');
    this.#release = db.prepare('UPDATE body SET uses = uses - 1 WHERE key = ?');
    this.#drop = db.prepare('DELETE FROM body WHERE key = ? AND uses <= 0');
  }

  /** @returns the key to give to `release`; undefined for an empty body, which takes no row */
  use(content: Uint8Array): number | undefined {
    if (content.length === 0) return undefined;
    const digest = hash('sha256', content, 'buffer');
    const found = this.#find.get(digest);
    if (found === undefined) return Number(this.#add.run(digest, pack(content)).lastInsertRowid);
    const key = numberOf(found, 'key');
    this.#use.run(key);
    return key;
  }

  /** Takes one use off, and the content with the last one. */
  release(key: number): void {
    this.#release.run(key);
    this.#drop.run(key);
  }
}

/** Reads bodies by their key. */
export class BodyReader {
  readonly #read: StatementSync;

  constructor(db: DatabaseSync) {
    this.#read = db.prepare('SELECT hash, content FROM body WHERE key = ?');
  }

  /** @throws StoreError `damaged` when it is not what was stored */
  read(key: number | undefined): Uint8Array {
    if (key === undefined) return new Uint8Array();
    const row = this.#read.get(key);
    if (row === undefined) throw damaged('body');
    const content = unpack(blobOf(row, 'content'), 'body');
    if (hash('sha256', content, 'buffer').compare(blobOf(row, 'hash')) !== 0) throw damaged('body');
    return content;
  }
}
