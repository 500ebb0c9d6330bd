import type { FileHandle } from 'node:fs/promises';
import { Readable, pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { isGzip } from '../wire/pcap/capture-decoder.ts';

/** Read at once from a file, bytes: some thousand packets, and less than 3 ms of work. */
export const CHUNK_BYTES = 256 * 1024;

/** Bytes in pieces; each is valid until the next one is asked for. */
export type Chunks = AsyncIterable<Uint8Array>;

/** A file, from where it was read to its present end. All pieces share one buffer. */
export async function* fileChunks(file: FileHandle): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

/** The same bytes, with gzip undone where they begin so (RFC 1952). @throws where the compressed bytes are damaged or cut */
export async function* gunzipped(chunks: Chunks): AsyncGenerator<Uint8Array> {
  const pieces = chunks[Symbol.asyncIterator]();
  let first: Uint8Array = new Uint8Array(0);
  try {
    while (first.length < 2) {
      const piece = await pieces.next();
      if (piece.done === true) break;
      first = first.length === 0 ? piece.value : Buffer.concat([first, piece.value]);
    }
    if (!isGzip(first)) {
      yield first;
      for (let piece = await pieces.next(); piece.done !== true; piece = await pieces.next())
        yield piece.value;
      return;
    }
    const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
    // What goes wrong is thrown where `gunzip` is read.
    pipeline(Readable.from(copies(first, pieces), { objectMode: false }), gunzip, () => {});
    yield* gunzip;
  } finally {
    await pieces.return?.();
  }
}

/** Streams keep what they are given. */
async function* copies(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Buffer> {
  yield Buffer.from(first);
  for (let piece = await rest.next(); piece.done !== true; piece = await rest.next())
    yield Buffer.from(piece.value);
}
