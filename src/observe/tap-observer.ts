import type { IncompleteReason } from '../model/exchange.ts';
import { FROM_CLIENT, FROM_PRIMARY } from '../model/tape.ts';
import type { Direction } from '../model/tape.ts';
import type { DecoderLimits } from '../wire/http1/decoder.ts';
import { http2Limits } from '../wire/http2/frame-decoder.ts';
import { beginsWithFrames } from '../wire/http2/frame-chain.ts';
import { sniffClient, sniffHttp2Server } from '../wire/sniff.ts';
import type { ConnectionDecoder, ConnectionHost } from './connection-decoder.ts';
import { createObserverCounts } from './counts.ts';
import type { ExchangeSink } from './exchange.ts';
import { TapedConnection } from './followed-connection.ts';
import type { FollowedConnection } from './followed-connection.ts';
import { Http1Connection } from './http1-connection.ts';
import { Http2Connection } from './http2-connection.ts';
import type { TapeEvents } from './tape-reader.ts';

/** The part of a tape reader that answers the live worker. */
export interface TapeAnswers {
  skip(slot: number, connection: number, direction: Direction, offset: number, bytes: number): void;
  giveUp(slot: number, connection: number): void;
  spare(slot: number, connection: number): void;
}

export interface TapObserverOptions {
  readonly tap: string;
  readonly sink: ExchangeSink;
  readonly limits: DecoderLimits;
  /** Connections followed at once. */
  readonly connections: number;
  /** Start of every exchange id; unlike that of every other observer, also of its own predecessors. */
  readonly idPrefix: string;
  readonly answers: TapeAnswers;
  /** Memory for requests that wait for their answers, bytes; 64 MiB by default. A connection past it is given up. */
  readonly waitingBytes?: number;
  /**
   * Times that a connection may lose its framing without a whole exchange in between, before it is given up; 8 by default. Of a
   * capture each exchange may have a loss, as when only one direction was captured, and giving up saves nothing.
   */
  readonly losses?: number;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
}

/** Each time costs the live worker the tape that is read in vain. */
const LOSSES_MAX = 8;

interface Followed {
  readonly connection: FollowedConnection;
  /** Undefined until the first bytes show what protocol it is, and for one that is not understood. */
  decoder: ConnectionDecoder | undefined;
  /** Bytes from the client that are too few to tell the protocol, and when they came. */
  first: Uint8Array | undefined;
  firstMicros: number;
  /** What the primary has sent meanwhile: its settings, which wait for nobody. */
  early: Uint8Array | undefined;
  opaque: boolean;
  /** Its first bytes were not seen. */
  midstream: boolean;
}

const WAITING_BYTES = 64 * 1024 * 1024;
/** What is kept of a primary that speaks before its client, bytes; its settings and windows take less than a hundred. */
const EARLY_BYTES = 4096;
/** Decoders kept for the next connections. */
const SPARE_MAX = 1024;

/** Turns one tape's records into exchanges. */
export class TapObserver implements TapeEvents {
  readonly counts = createObserverCounts();
  /** Share of the HTTP/2 requests that there is time to follow; the others are counted and passed over. */
  keep = 1;
  readonly #options: TapObserverOptions;
  readonly #followed = new Map<number, Followed>();
  /** Which connection has a slot: a new one in it means that the end of the old one was lost. */
  readonly #slots = new Map<number, number>();
  readonly #spare: Http1Connection[] = [];
  readonly #host: ConnectionHost;
  #exchanges = 0;

  constructor(options: TapObserverOptions) {
    this.#options = options;
    const random = options.random ?? Math.random;
    this.#host = {
      sink: options.sink,
      counts: this.counts,
      limits: options.limits,
      http2Limits: http2Limits(options.limits.headBytes),
      waitingBytes: 0,
      lossesMax: options.losses ?? LOSSES_MAX,
      waitingBytesMax: options.waitingBytes ?? WAITING_BYTES,
      sheds: () => this.keep < 1 && random() >= this.keep,
      nextExchangeId: () => `${options.idPrefix}-${(++this.#exchanges).toString(36)}`,
      skip: ({ slot, id }, direction, offset, bytes) =>
        options.answers.skip(slot, id, direction, offset, bytes),
      giveUp: ({ slot, id }) => options.answers.giveUp(slot, id),
      spare: ({ slot, id }) => options.answers.spare(slot, id),
    };
  }

  /** Connections followed now. */
  get connections(): number {
    return this.#followed.size;
  }

  open(id: number, midstream: boolean, note: Uint8Array): void {
    this.follow(new TapedConnection(this.#options.tap, id, latin1(note)), midstream);
  }

  /** Begins with a connection of any tap. `midstream`: bytes before were not seen. */
  follow(connection: FollowedConnection, midstream: boolean): void {
    const { id } = connection;
    // An earlier connection of this number or in this slot: its end was lost.
    this.#drop(id, 'tape_gap');
    const before = this.#slots.get(connection.slot);
    if (before !== undefined && before !== id) this.#drop(before, 'tape_gap');
    if (this.#followed.size >= this.#options.connections) {
      this.counts.tooMany++;
      this.#leaveOff(connection);
      return;
    }
    this.#slots.set(connection.slot, id);
    this.#followed.set(id, {
      connection,
      decoder: undefined,
      first: undefined,
      firstMicros: 0,
      early: undefined,
      opaque: false,
      midstream,
    });
  }

  data(id: number, direction: Direction, chunk: Uint8Array, micros: number): void {
    const followed = this.#followed.get(id);
    if (followed === undefined || followed.opaque) return;
    const decoder = followed.decoder;
    if (followed.midstream && direction === FROM_CLIENT && this.#isHttp2(decoder, chunk))
      this.#resumeHttp2(followed, chunk, micros);
    else if (decoder !== undefined) decoder.data(direction, chunk, micros);
    else this.#begin(followed, direction, chunk, micros);
  }

  gap(id: number, direction: Direction, bytes: number, lost: boolean, micros: number): void {
    const followed = this.#followed.get(id);
    if (followed === undefined || followed.opaque) return;
    if (followed.decoder === undefined) followed.midstream = true;
    followed.early = undefined;
    (followed.decoder ?? this.#decodeHttp1(followed)).gap(direction, bytes, lost, micros);
  }

  end(id: number, direction: Direction, micros: number): void {
    this.#followed.get(id)?.decoder?.end(direction, micros);
  }

  close(id: number, failed: Direction | undefined): void {
    this.#drop(id, failed === FROM_PRIMARY ? 'primary_closed' : 'client_closed');
  }

  leave(id: number): void {
    const followed = this.#followed.get(id);
    // Its answers could not be told apart when it is taken in again.
    if (followed?.decoder?.pipelined === true) this.#host.giveUp(followed.connection);
    this.#drop(id, 'tape_gap');
  }

  /** Ends everything that is under way, as when the observer itself ends. */
  abandon(): void {
    for (const id of this.#followed.keys()) this.leave(id);
  }

  #begin(followed: Followed, direction: Direction, chunk: Uint8Array, micros: number): void {
    if (direction === FROM_PRIMARY) {
      this.#beginAtPrimary(followed, chunk, micros);
      return;
    }
    const bytes = followed.first === undefined ? chunk : joined(followed.first, chunk);
    const protocol = sniffClient(bytes);
    if (protocol === 'more') {
      if (followed.first === undefined) followed.firstMicros = micros;
      followed.first = bytes.slice();
    } else if (protocol === 'http2') {
      // At mid-stream what the primary has allowed was not seen.
      if (followed.midstream) this.#resumeHttp2(followed, bytes, micros);
      else this.#decodeHttp2(followed, bytes, micros);
    } else if (followed.early !== undefined) {
      this.#giveUp(followed, 'other');
    } else if (protocol === 'http1' || (protocol === 'other' && followed.midstream)) {
      // At mid-stream anything may come first: the decoder waits for a request.
      this.#decodeHttp1(followed).data(direction, chunk, micros);
    } else {
      this.#giveUp(followed, protocol);
    }
  }

  /** The primary sends before the client's protocol is known. */
  #beginAtPrimary(followed: Followed, chunk: Uint8Array, micros: number): void {
    const early = followed.early === undefined ? chunk : joined(followed.early, chunk);
    if (!followed.midstream && early.length <= EARLY_BYTES && sniffHttp2Server(early)) {
      followed.early = early.slice();
      return;
    }
    if ((followed.first === undefined || followed.early !== undefined) && !followed.midstream)
      this.#giveUp(followed, 'other');
    else this.#decodeHttp1(followed).data(FROM_PRIMARY, chunk, micros);
  }

  #decodeHttp2(followed: Followed, bytes: Uint8Array, micros: number): void {
    const decoder = new Http2Connection(this.#host, followed.connection);
    followed.decoder = decoder;
    if (followed.early !== undefined) decoder.data(FROM_PRIMARY, followed.early, micros);
    followed.first = undefined;
    followed.early = undefined;
    decoder.data(FROM_CLIENT, bytes, micros);
  }

  /** Whether HTTP/2 goes on here, in a connection of which it is not known yet what it speaks. */
  #isHttp2(decoder: ConnectionDecoder | undefined, chunk: Uint8Array): boolean {
    if (decoder !== undefined && !(decoder instanceof Http1Connection && decoder.searching)) return false;
    return beginsWithFrames(chunk, true);
  }

  #resumeHttp2(followed: Followed, chunk: Uint8Array, micros: number): void {
    this.#finish(followed, 'tape_gap');
    const decoder = new Http2Connection(this.#host, followed.connection);
    followed.decoder = decoder;
    followed.first = undefined;
    decoder.beginMidstream();
    decoder.data(FROM_CLIENT, chunk, micros);
  }

  /** From here on the connection's bytes are decoded, those that were held back first. */
  #decodeHttp1(followed: Followed): Http1Connection {
    const decoder = this.#spare.pop() ?? new Http1Connection(this.#host);
    decoder.begin(followed.connection, followed.midstream);
    followed.decoder = decoder;
    if (followed.first !== undefined) decoder.data(FROM_CLIENT, followed.first, followed.firstMicros);
    followed.first = undefined;
    return decoder;
  }

  #giveUp(followed: Followed, protocol: 'tls' | 'other'): void {
    followed.opaque = true;
    this.counts.opaque[protocol]++;
    followed.first = undefined;
    followed.early = undefined;
    this.#leaveOff(followed.connection);
  }

  /** Nothing of this connection is wanted on the tape any more. */
  #leaveOff(connection: FollowedConnection): void {
    for (const direction of [FROM_CLIENT, FROM_PRIMARY] as const)
      this.#host.skip(connection, direction, 0, Infinity);
    this.#host.giveUp(connection);
  }

  #drop(id: number, reason: IncompleteReason): void {
    const followed = this.#followed.get(id);
    if (followed === undefined) return;
    this.#followed.delete(id);
    const { slot } = followed.connection;
    if (this.#slots.get(slot) === id) this.#slots.delete(slot);
    this.#finish(followed, reason);
  }

  #finish(followed: Followed, reason: IncompleteReason): void {
    if (followed.decoder === undefined) return;
    followed.decoder.finish(reason);
    if (followed.decoder instanceof Http1Connection && this.#spare.length < SPARE_MAX)
      this.#spare.push(followed.decoder);
  }
}

function joined(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const both = new Uint8Array(head.length + tail.length);
  both.set(head);
  both.set(tail, head.length);
  return both;
}

// Takes any array, also one in shared memory.
const { latin1Slice } = Buffer.prototype as unknown as {
  latin1Slice(this: Uint8Array, start: number, end: number): string;
};

function latin1(bytes: Uint8Array): string {
  return latin1Slice.call(bytes, 0, bytes.length);
}
