import type { Slab } from '../kit/slab.ts';

/** Pieces at least this long are kept as they are; shorter ones are put together. */
const PIECE_MIN_BYTES = 1024;
const BLOCK_BYTES = 4096;

/**
 * Bytes in the order they came. However small they come, there are at most about `bytes / 512` pieces: a sender of
 * one-byte chunks would otherwise cost a hundred times its bytes in objects.
 */
export class Pieces {
  bytes = 0;
  #list: Uint8Array[] = [];
  /** Pieces of the list that are gone. */
  #taken = 0;
  #block: Uint8Array | undefined;
  #used = 0;

  /** Adds a piece whose memory nobody else writes to. */
  keep(piece: Uint8Array): void {
    if (this.#list.length > 0 && piece.length < PIECE_MIN_BYTES) this.#append(piece);
    else this.#push(piece);
  }

  /** Adds a copy of bytes that are only valid during the call. `slab`: where a short first piece is put. */
  copy(chunk: Uint8Array, slab?: Slab): void {
    if (this.bytes > 0 && chunk.length < PIECE_MIN_BYTES) this.#append(chunk);
    else this.#push(slab?.copy(chunk) ?? Uint8Array.prototype.slice.call(chunk));
  }

  /** Hands everything out and begins anew. */
  take(): Uint8Array[] {
    this.#seal();
    const list = this.#taken === 0 ? this.#list : this.#list.slice(this.#taken);
    this.#list = [];
    this.#taken = 0;
    this.bytes = 0;
    return list;
  }

  /** Hands out the next of the pieces, or the beginning of it: at most so many bytes, more than none. */
  next(bytesMax: number): Uint8Array | undefined {
    if (this.#taken === this.#list.length) this.#seal();
    const piece = this.#list[this.#taken];
    if (piece === undefined) return undefined;
    if (piece.length > bytesMax) {
      this.#list[this.#taken] = piece.subarray(bytesMax);
      this.bytes -= bytesMax;
      return piece.subarray(0, bytesMax);
    }
    this.bytes -= piece.length;
    this.#taken++;
    if (this.#taken === this.#list.length) {
      this.#list = [];
      this.#taken = 0;
    }
    return piece;
  }

  #push(piece: Uint8Array): void {
    this.#seal();
    this.#list.push(piece);
    this.bytes += piece.length;
  }

  #append(chunk: Uint8Array): void {
    if (this.#block !== undefined && this.#used + chunk.length > BLOCK_BYTES) this.#seal();
    this.#block ??= new Uint8Array(BLOCK_BYTES);
    this.#block.set(chunk, this.#used);
    this.#used += chunk.length;
    this.bytes += chunk.length;
  }

  #seal(): void {
    if (this.#block === undefined) return;
    this.#list.push(this.#block.subarray(0, this.#used));
    this.#block = undefined;
    this.#used = 0;
  }
}
