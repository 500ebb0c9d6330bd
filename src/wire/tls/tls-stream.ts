import { copyOf } from '../integers.ts';
import type { TlsDirection, TlsEvents, TlsInfo, TlsOpaqueReason } from './events.ts';
import type { KeyLog } from './key-log.ts';
import { OrderedOutput } from './ordered-output.ts';
import { TlsSession } from './session.ts';
import { TlsSide } from './side.ts';
import type { SideHost } from './side.ts';

/** One thing that came while nothing could be read. `chunk` for data, `bytes` for a gap. */
interface Input {
  readonly kind: 'data' | 'gap' | 'end' | 'close' | 'leave';
  readonly direction: TlsDirection | undefined;
  readonly chunk: Uint8Array;
  readonly bytes: number;
  readonly micros: number;
}

const NOTHING = new Uint8Array(0);
const HELD_OVERHEAD_BYTES = 128;

/**
 * Takes the protection off one captured TLS connection (RFC 8446, RFC 5246): two ordered streams with gaps of exact size in,
 * two streams of plaintext out, with the secrets of a `KeyLog`.
 *
 * Where the secrets are not there yet, or the size of a loss is not known, everything behind waits: `waits` and `heldBytes`
 * tell, and whoever owns the stream bounds both with `expire`. `wake` when the key log has something new.
 */
export class TlsStream implements SideHost {
  readonly session: TlsSession;
  readonly output: OrderedOutput;
  patient = true;
  readonly #events: TlsEvents;
  readonly #sides: readonly [TlsSide, TlsSide];
  #inputs: Input[] = [];
  #inputBytes = 0;
  #waitsForKeys = false;
  #protected = false;
  #decrypted = false;
  #opaque = false;
  #over = false;

  constructor(keys: KeyLog, events: TlsEvents) {
    this.#events = events;
    this.session = new TlsSession(keys);
    this.output = new OrderedOutput(events);
    this.#sides = [new TlsSide(0, this), new TlsSide(1, this)];
  }

  get isOpaque(): boolean {
    return this.#opaque;
  }

  get info(): TlsInfo {
    return this.session.info;
  }

  /** Of the ClientHello, 64 hexadecimal digits; empty before it. */
  get random(): string {
    return this.session.random;
  }

  /** Something came that could not be handed out yet. */
  get waits(): boolean {
    return (
      !this.#over &&
      (this.#waitsForKeys || this.#sides[0].waitsForAnswer || this.#inputs.length > 0 || this.output.waits)
    );
  }

  /** Memory of what waits, bytes. */
  get heldBytes(): number {
    const [client, server] = this.#sides;
    return this.#inputBytes + this.output.heldBytes + client.reader.keptBytes + server.reader.keptBytes;
  }

  data(direction: TlsDirection, chunk: Uint8Array, micros: number): void {
    if (this.#opaque || this.#over) return;
    if (this.#isBlocked(direction)) {
      this.#hold({ kind: 'data', direction, chunk: copyOf(chunk), bytes: 0, micros });
      return;
    }
    const { reader } = this.#sides[direction];
    reader.write(chunk, micros);
    if (reader.stopped) this.#pump();
  }

  gap(direction: TlsDirection, bytes: number, micros: number): void {
    this.#input({ kind: 'gap', direction, chunk: NOTHING, bytes, micros });
  }

  /** This side's stream has ended. */
  end(direction: TlsDirection, micros: number): void {
    this.#input({ kind: 'end', direction, chunk: NOTHING, bytes: 0, micros });
  }

  /** The connection is over; the events follow when everything before has been handed out. */
  close(failed: TlsDirection | undefined, micros: number): void {
    this.#input({ kind: 'close', direction: failed, chunk: NOTHING, bytes: 0, micros });
  }

  leave(micros: number): void {
    this.#input({ kind: 'leave', direction: undefined, chunk: NOTHING, bytes: 0, micros });
  }

  /** The key log has new secrets of this session. */
  wake(): void {
    if (!this.#waitsForKeys) return;
    this.#waitsForKeys = false;
    this.#pump();
  }

  /** Nothing is waited for any longer: what has no keys is opaque, and what is missing has an unknown size. */
  expire(): void {
    this.patient = false;
    this.#waitsForKeys = false;
    this.#sides[0].waitsForAnswer = false;
    this.#pump();
    this.output.giveUp();
    this.patient = true;
  }

  waitForKeys(): void {
    this.#waitsForKeys = true;
  }

  agreed(): void {
    const [client, server] = this.#sides;
    client.waitsForAnswer = false;
    if (!this.session.tls13 || this.#protected) return;
    this.#protected = true;
    client.protect();
    server.protect();
  }

  decrypted(): void {
    if (this.#decrypted) return;
    this.#decrypted = true;
    this.#events.decrypted();
  }

  opaque(reason: TlsOpaqueReason): void {
    if (this.#opaque) return;
    this.#opaque = true;
    this.#waitsForKeys = false;
    this.#sides[0].waitsForAnswer = false;
    this.output.giveUp();
    this.#events.opaque(reason);
  }

  #isBlocked(direction: TlsDirection): boolean {
    return this.#waitsForKeys || this.#sides[direction].waitsForAnswer;
  }

  #input(input: Input): void {
    if (this.#over) return;
    const { direction, kind } = input;
    const last = kind === 'close' || kind === 'leave';
    const blocked =
      last || direction === undefined
        ? this.#inputs.length > 0 || this.#anyBlocked()
        : this.#isBlocked(direction);
    if (blocked && !this.#opaque) this.#hold(input);
    else this.#take(input);
  }

  #anyBlocked(): boolean {
    return this.#isBlocked(0) || this.#isBlocked(1);
  }

  #hold(input: Input): void {
    this.#inputs.push(input);
    this.#inputBytes += HELD_OVERHEAD_BYTES + input.chunk.length;
  }

  /** Goes on with what waits, as far as it can. A side that stops another's way makes it begin again. */
  #pump(): void {
    for (;;) {
      if (this.#resume(0) || this.#resume(1)) continue;
      const at = this.#inputs.findIndex((input) => this.#isNext(input));
      const input = this.#inputs[at];
      if (input === undefined) return;
      this.#inputs.splice(at, 1);
      this.#inputBytes -= HELD_OVERHEAD_BYTES + input.chunk.length;
      this.#take(input);
    }
  }

  /** @returns whether this side had stopped and has gone on */
  #resume(direction: TlsDirection): boolean {
    const { reader } = this.#sides[direction];
    if (!reader.stopped || this.#opaque || this.#isBlocked(direction)) return false;
    reader.resume();
    return true;
  }

  #isNext({ kind, direction }: Input): boolean {
    if (this.#opaque) return true;
    if (kind === 'close' || kind === 'leave' || direction === undefined) return !this.#anyBlocked();
    return !this.#isBlocked(direction);
  }

  #take({ kind, direction, chunk, bytes, micros }: Input): void {
    if (kind === 'close' || kind === 'leave') {
      this.#over = true;
      this.output.giveUp();
      if (kind === 'close') this.#events.close(direction, micros);
      else this.#events.leave(micros);
      return;
    }
    if (this.#opaque || direction === undefined) return;
    const side = this.#sides[direction];
    if (kind === 'data') side.reader.write(chunk, micros);
    else if (kind === 'gap') side.reader.gap(bytes, micros);
    else side.end(micros);
  }
}
