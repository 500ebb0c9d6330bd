import { openForReading } from './connection.ts';
import { Store } from './store.ts';
import type { StoreOptions } from './store.ts';
import { StoreError, storeErrorOf } from './store-error.ts';
import { StoreReader } from './store-reader.ts';
import type { StoreSettings } from '../model/settings.ts';

/** A store file that is only read. */
export interface OpenedReader extends Disposable {
  readonly reader: StoreReader;
}

/**
 * Opens a store, and makes its file when there is none; without a file it lives in memory. What can pass (a full disk, a
 * lock, a folder that is not there yet) is no error: the store is `failing` then, and tries again.
 *
 * @throws UserError when the file is not ours, or was written by a newer version; it is left as it is
 */
export function openStore(settings: StoreSettings, options: StoreOptions = {}): Store {
  const store = new Store(settings, options);
  const { refused } = store;
  if (refused === undefined) return store;
  store[Symbol.dispose]();
  throw refused.toUserError(settings.file ?? 'memory');
}

/**
 * Opens a store file to read verdicts and examples, also while an instance writes it.
 *
 * @throws UserError when there is no such file, or it is not ours, or of another version, or cannot be read
 */
export function openStoreReader(file: string): OpenedReader {
  try {
    const db = openForReading(file);
    try {
      return { reader: new StoreReader(db, file), [Symbol.dispose]: () => db.close() };
    } catch (error) {
      db.close();
      throw error;
    }
  } catch (error) {
    const known = error instanceof StoreError ? error : storeErrorOf(error);
    throw known.toUserError(file);
  }
}
