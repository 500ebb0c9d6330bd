import { addAbortListener } from 'node:events';
import { constants, watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { Socket } from 'node:net';
import type { Clock } from '../kit/clock.ts';
import { fileChunks } from './byte-chunks.ts';
import { openBytes } from './byte-source.ts';
import type { ByteSource } from './byte-source.ts';
import { sleep } from './sleep.ts';

/** How often a file is looked at that gives no sign of change, ms: network file systems have no signs. */
const POLL_MS = 500;
/** The least time between two looks at a file that grows, ms. */
const SETTLE_MS = 10;

/**
 * What is in a file and what is added to it, as `tail -F` does; `restart` stands before another file's bytes. A file that
 * became shorter is another one, and so is a FIFO's next writer. A file that was written anew from its beginning, and is no
 * shorter by the time of the next look, cannot be told from one that has grown. Ends when the signal is aborted.
 */
export async function* followed(
  path: string,
  first: ByteSource,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array | 'restart'> {
  // While nobody has the FIFO open for reading, its next writer would be killed by SIGPIPE.
  await using _held = first.kind === 'stream' ? await heldOpen(path) : undefined;
  let current: ByteSource | undefined = first;
  for (;;) {
    if (current.kind === 'stream') yield* streamed(current.stream, signal);
    else yield* growing(path, current.file, clock, signal);
    current = await reopened(path, clock, signal);
    if (current === undefined) return;
    yield 'restart';
  }
}

function heldOpen(path: string): Promise<FileHandle | undefined> {
  return open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => undefined);
}

async function* streamed(stream: Socket, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  using _stop = addAbortListener(signal, () => stream.destroy());
  yield* stream;
}

/** Until the file is another one. */
async function* growing(
  path: string,
  file: FileHandle,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  await using _closed = file;
  using changes = new Changes(path, clock, signal);
  let bytesRead = 0;
  let replaced = false;
  while (!signal.aborted) {
    for await (const chunk of fileChunks(file)) {
      bytesRead += chunk.length;
      yield chunk;
      if (signal.aborted) return;
    }
    if (replaced) return;
    const own = await file.stat();
    if (own.size < bytesRead) return;
    // Where nothing is there in its place, whoever writes may still write to this one.
    const there = await stat(path).catch(() => undefined);
    // What was written between the last read and the replacement is still to be read.
    replaced = there !== undefined && (there.ino !== own.ino || there.dev !== own.dev);
    if (!replaced) await changes.next();
  }
}

async function reopened(path: string, clock: Clock, signal: AbortSignal): Promise<ByteSource | undefined> {
  while (!signal.aborted) {
    try {
      return await openBytes(path);
    } catch {
      // Being replaced just now, or taken away for a while.
      await sleep(POLL_MS, clock, signal);
    }
  }
  return undefined;
}

/** Signs that a file may have changed. */
class Changes implements Disposable {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  #watcher: FSWatcher | undefined;
  #changed = false;
  #wake: () => void = () => {};

  constructor(path: string, clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
    try {
      this.#watcher = watch(path, { persistent: false }, () => this.#tell());
      this.#watcher.on('error', () => this.#watcher?.close());
    } catch {
      // No watches left: the polling has to do.
    }
  }

  async next(): Promise<void> {
    await sleep(SETTLE_MS, this.#clock, this.#signal);
    if (!this.#changed && !this.#signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const cancel = this.#clock.after(POLL_MS, resolve);
      this.#signal.addEventListener('abort', resolve as () => void, { once: true });
      await promise;
      this.#signal.removeEventListener('abort', resolve as () => void);
      cancel();
    }
    this.#changed = false;
  }

  [Symbol.dispose](): void {
    this.#watcher?.close();
  }

  #tell(): void {
    this.#changed = true;
    this.#wake();
  }
}
