import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { StoreError } from './store-error.ts';

/** Corrupt files that are kept beside the store; with that many there, the disk needs a look before another is begun. */
export const SET_ASIDE_LIMIT = 5;

/**
 * Renames a corrupt file, with its log, to `<file>.corrupt-<time>`, so that a new one can be begun.
 *
 * @param now milliseconds since the Unix epoch
 * @returns the new name
 * @throws StoreError `corrupt` when there are too many already, and whatever renaming throws
 */
export function setAside(file: string, now: number): string {
  const time = new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const prefix = `${basename(file)}.corrupt-`;
  const others = readdirSync(dirname(file)).filter(
    (name) => name.startsWith(prefix) && !name.endsWith('-wal'),
  );
  if (others.length >= SET_ASIDE_LIMIT) {
    throw new StoreError(
      'corrupt',
      `the file is corrupt, and ${others.length} corrupt ones before it are there already`,
      `look at the disk, and remove ${prefix}*`,
    );
  }
  let aside = `${file}.corrupt-${time}`;
  for (let again = 2; existsSync(aside); again++) aside = `${file}.corrupt-${time}-${again}`;
  renameSync(file, aside);
  // The log belongs to the file; a new file beside an old log would be corrupt from the start.
  const log = statSync(`${file}-wal`, { throwIfNoEntry: false });
  if (log !== undefined && log.size > 0) renameSync(`${file}-wal`, `${aside}-wal`);
  rmSync(`${file}-wal`, { force: true });
  rmSync(`${file}-shm`, { force: true });
  return aside;
}
