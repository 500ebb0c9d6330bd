import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { KeyLogReader } from '../wire/tls/key-log.ts';
import type { KeyLog } from '../wire/tls/key-log.ts';

/** Between two looks for new lines, ms: far less than a connection waits for its secrets. */
const LOOK_MS = 200;
const CHUNK_BYTES = 64 * 1024;

/**
 * A key log file that is read as it grows. It may come later, become shorter, or be replaced by another: then it is read from
 * its beginning, and what it said before stays known.
 */
export class KeyLogFile implements AsyncDisposable {
  readonly #path: string;
  readonly #keyLog: KeyLog;
  readonly #stopped = new AbortController();
  readonly #chunk = Buffer.alloc(CHUNK_BYTES);
  #reader: KeyLogReader;
  #file: FileHandle | undefined;
  #inode = 0;
  #at = 0;
  #reading: Promise<void> | undefined;

  constructor(path: string, keyLog: KeyLog) {
    this.#path = path;
    this.#keyLog = keyLog;
    this.#reader = new KeyLogReader(keyLog);
  }

  /** Resolves when what the file holds by now is known; the rest is read as it comes. */
  async start(): Promise<void> {
    await this.#look();
    this.#reading = this.#follow();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    await this.#reading;
    await this.#file?.close();
    this.#file = undefined;
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await delay(LOOK_MS, undefined, { signal, ref: false }).catch(() => {});
      if (!signal.aborted) await this.#look();
    }
  }

  async #look(): Promise<void> {
    try {
      await this.#readOn();
      if (await this.#isReplaced()) await this.#readOn();
    } catch {
      // Not there yet, or not any more: it is looked for again.
      await this.#file?.close().catch(() => {});
      this.#file = undefined;
    }
  }

  async #readOn(): Promise<void> {
    const file = (this.#file ??= await this.#open());
    for (;;) {
      const { bytesRead } = await file.read(this.#chunk, 0, CHUNK_BYTES, this.#at);
      if (bytesRead === 0) return;
      this.#at += bytesRead;
      this.#reader.write(this.#chunk.subarray(0, bytesRead));
    }
  }

  /** Whether another file has its name, or it was emptied; the new one is open then. */
  async #isReplaced(): Promise<boolean> {
    const opened = await open(this.#path);
    const { ino, size } = await opened.stat();
    if (ino === this.#inode && size >= this.#at) {
      await opened.close();
      return false;
    }
    await this.#file?.close();
    this.#begin(opened, ino);
    return true;
  }

  async #open(): Promise<FileHandle> {
    const file = await open(this.#path);
    const { ino } = await file.stat();
    this.#begin(file, ino);
    return file;
  }

  #begin(file: FileHandle, inode: number): void {
    this.#file = file;
    this.#inode = inode;
    this.#at = 0;
    this.#reader.end();
    this.#reader = new KeyLogReader(this.#keyLog);
  }
}
