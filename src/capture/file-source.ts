import type { FileHandle } from 'node:fs/promises';
import { systemClock } from '../kit/clock.ts';
import type { Clock } from '../kit/clock.ts';
import { UserError, messageOf } from '../kit/errors.ts';
import type { CaptureSourceSettings } from '../model/capture.ts';
import { isGzip } from '../wire/pcap/capture-decoder.ts';
import type { CaptureHandler } from '../wire/pcap/frame.ts';
import { fileChunks, gunzipped } from './byte-chunks.ts';
import { openBytes } from './byte-source.ts';
import type { ByteSource } from './byte-source.ts';
import { CaptureFeed } from './capture-feed.ts';
import { followed } from './file-follower.ts';
import { Gate } from './gate.ts';
import { PacedFrames } from './paced-frames.ts';
import { sleep } from './sleep.ts';
import { createSourceCounts } from './source.ts';
import type { CaptureSink, CaptureSource } from './source.ts';

/** While nothing comes, how often the sink hears about the time, ms. */
const IDLE_MS = 1000;
/**
 * Given out before the sink is asked again whether it can take more, bytes: a hundred requests, which is what a queue for copies
 * has room for. A read is larger.
 */
const STEP_BYTES = 8 * 1024;

/**
 * Packets of a capture file, of a FIFO or of standard input: pcap or pcapng, also with gzip.
 *
 * With `follow` it goes on at the end of the file: a file that became shorter is read from its beginning, one that was
 * replaced is read to its end and then the new one, and a FIFO is opened again when its writer has gone; each counts as a
 * restart. A compressed file cannot be followed.
 *
 * With the pace `recorded`, frames come as far apart as they were captured, silences of more than `SILENCE_MAX_MS` cut down to
 * that; no more of the file is held than one piece of it.
 */
export class FileSource implements CaptureSource {
  readonly description: string;
  readonly counts = createSourceCounts();
  readonly patient = true;
  readonly #settings: Extract<CaptureSourceSettings, { kind: 'file' }>;
  readonly #clock: Clock;
  readonly #gate = new Gate();
  readonly #stopped = new AbortController();
  #busy = false;
  #bytes: ByteSource | undefined;
  #reading: Promise<void> | undefined;

  constructor(settings: Extract<CaptureSourceSettings, { kind: 'file' }>, clock: Clock = systemClock) {
    this.#settings = settings;
    this.#clock = clock;
    this.description = settings.path === '-' ? 'standard input' : settings.path;
  }

  async start(sink: CaptureSink): Promise<void> {
    const { path } = this.#settings;
    const bytes = await openBytes(path);
    if (bytes.kind === 'file' && this.#follows && (await isCompressed(bytes.file))) {
      await bytes.file.close();
      throw new UserError(`${path} is compressed, and cannot be followed`, { where: path });
    }
    this.#bytes = bytes;
    this.#reading = this.#run(bytes, sink);
  }

  pause(): void {
    this.#gate.pause();
  }

  resume(): void {
    this.#gate.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    this.#gate.remove();
    if (this.#bytes?.kind === 'stream') this.#bytes.stream.destroy();
    await this.#reading;
  }

  /** Standard input has no end to go on at. */
  get #follows(): boolean {
    return this.#settings.follow && this.#settings.path !== '-';
  }

  async #run(bytes: ByteSource, sink: CaptureSink): Promise<void> {
    const feed = new CaptureFeed(sink, this.counts, this.#clock);
    const recorded = this.#settings.pace === 'recorded' ? new PacedFrames(this.#clock) : undefined;
    if (recorded !== undefined) feed.through(heldBack(feed, recorded));
    const waits = this.#follows || bytes.kind === 'stream';
    const stopIdle = waits ? this.#clock.every(IDLE_MS, () => this.#idle(feed)) : () => {};
    let problem: string | undefined;
    try {
      for await (const piece of this.#pieces(bytes)) {
        if (piece === 'restart') {
          this.counts.restarts++;
          feed.restart();
          continue;
        }
        for (let at = 0; at < piece.length && !this.#stopped.signal.aborted; at += STEP_BYTES) {
          feed.write(piece.subarray(at, at + STEP_BYTES));
          if (recorded === undefined) feed.batch();
          else await this.#play(recorded, feed);
          if (this.#gate.closed !== undefined) await this.#gate.closed;
        }
        this.#busy = true;
        if (this.#stopped.signal.aborted || (feed.problem !== undefined && !this.#follows)) break;
      }
    } catch (error) {
      problem = messageOf(error);
    }
    stopIdle();
    // What breaks a compressed file breaks its records too, and is the reason.
    const fault = feed.end();
    problem = this.#stopped.signal.aborted ? undefined : (problem ?? fault);
    sink.end(problem === undefined ? undefined : `${this.description}: ${problem}`);
  }

  #pieces(bytes: ByteSource): AsyncIterable<Uint8Array | 'restart'> {
    if (this.#follows) return followed(this.#settings.path, bytes, this.#clock, this.#stopped.signal);
    return gunzipped(bytes.kind === 'stream' ? bytes.stream : wholeFile(bytes.file));
  }

  /** Gives out what is held, each frame at its time. */
  async #play(recorded: PacedFrames, feed: CaptureFeed): Promise<void> {
    const { signal } = this.#stopped;
    while (recorded.size > 0 && !signal.aborted) {
      if (this.#gate.closed !== undefined) {
        const fromMs = this.#clock.monotonic();
        await this.#gate.closed;
        recorded.delay(this.#clock.monotonic() - fromMs);
      }
      const waitMs = recorded.waitMs();
      if (waitMs > 0) {
        await sleep(Math.min(waitMs, IDLE_MS), this.#clock, signal);
        continue;
      }
      recorded.release((frame) => feed.frame(frame));
      feed.batch();
    }
  }

  #idle(feed: CaptureFeed): void {
    if (!this.#busy && this.#gate.closed === undefined) feed.idle();
    this.#busy = false;
  }
}

async function* wholeFile(file: FileHandle): AsyncGenerator<Uint8Array> {
  await using _closed = file;
  yield* fileChunks(file);
}

async function isCompressed(file: FileHandle): Promise<boolean> {
  const { buffer, bytesRead } = await file.read(new Uint8Array(2), 0, 2, 0);
  return bytesRead === 2 && isGzip(buffer);
}

/** Only frames have a time; the rest is of use early. */
function heldBack(feed: CaptureFeed, recorded: PacedFrames): CaptureHandler {
  return {
    frame: (frame) => recorded.add(frame),
    interface: (description) => feed.interface(description),
    statistics: (statistics) => feed.statistics(statistics),
    secrets: (type, content) => feed.secrets(type, content),
    name: (address, name) => feed.name(address, name),
    fault: (kind, detail) => feed.fault(kind, detail),
  };
}
