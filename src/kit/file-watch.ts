import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { systemClock } from './clock.ts';
import type { Clock } from './clock.ts';

export interface FileWatchOptions {
  /** Some of the files have changed, appeared or vanished. */
  readonly onChange: () => void;
  /** How long the files have to be quiet after a sign of change, ms. Default 100. */
  readonly settleMs?: number;
  /** How often to look without a sign, ms: some changes give none. Default 10,000. */
  readonly pollMs?: number;
  readonly clock?: Clock;
}

const SETTLE_MS = 100;
const POLL_MS = 10_000;

/**
 * Tells when files change, however that is done: written in place, replaced by renaming, or by moving a symbolic link
 * further up, as Kubernetes does for its volumes (`tls.crt → ..data/tls.crt`, `..data → ..2026_01_01`). Folders are watched,
 * not files, since a file's watch ends with the file; and there is a look at the files from time to time for what folders
 * do not tell (a link above the folder, network file systems, no watches left). Does not keep the process alive.
 */
export class FileWatch implements Disposable {
  readonly #files: readonly string[];
  readonly #options: FileWatchOptions;
  readonly #clock: Clock;
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #stopPolling: () => void;
  #cancelLook: (() => void) | undefined;
  #state: string;
  #closed = false;

  private constructor(files: readonly string[], state: string, options: FileWatchOptions) {
    this.#files = files;
    this.#state = state;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#watchFolders();
    this.#stopPolling = this.#clock.every(options.pollMs ?? POLL_MS, () => void this.#look());
    // Between the first look at the files and the watches, a change would have gone unseen until the next poll.
    this.#lookSoon();
  }

  /** Begins to watch; only what changes from now on counts. Files that do not exist are waited for. */
  static async start(paths: readonly string[], options: FileWatchOptions): Promise<FileWatch> {
    const files = [...new Set(paths.map((path) => resolve(path)))];
    return new FileWatch(files, await stateOf(files), options);
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#stopPolling();
    this.#cancelLook?.();
    this.#closeWatchers();
  }

  #lookSoon(): void {
    this.#cancelLook?.();
    this.#cancelLook = this.#clock.after(this.#options.settleMs ?? SETTLE_MS, () => void this.#look());
  }

  async #look(): Promise<void> {
    const state = await stateOf(this.#files);
    if (this.#closed) return;
    const changed = state !== this.#state;
    this.#state = state;
    // The folders may be others by now.
    if (changed) this.#closeWatchers();
    this.#watchFolders();
    if (changed) this.#options.onChange();
  }

  #watchFolders(): void {
    for (const folder of new Set(this.#files.map((file) => dirname(file)))) {
      if (this.#watchers.has(folder)) continue;
      try {
        const watcher = watch(folder, { persistent: false }, () => this.#lookSoon());
        watcher.on('error', () => {
          watcher.close();
          if (this.#watchers.get(folder) === watcher) this.#watchers.delete(folder);
        });
        this.#watchers.set(folder, watcher);
      } catch {
        // No such folder, or no watch to be had: polling sees to it, and tries again.
      }
    }
  }

  #closeWatchers(): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }
}

/** One line per file, different whenever the file is another one or has been written to. */
async function stateOf(files: readonly string[]): Promise<string> {
  const states = files.map(async (file) => {
    const found = await stat(file, { bigint: true }).catch(() => undefined);
    return found === undefined
      ? '-'
      : `${found.dev} ${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}`;
  });
  return (await Promise.all(states)).join('\n');
}
