/**
 * What taking TLS off captured connections costs: records of one connection from memory through `wire/tls`, in one thread,
 * and the same records through the crypto library alone, as the limit.
 *
 *   node bench/tls-decrypt.ts [--megabytes 64] [--json]
 */
import { createDecipheriv } from 'node:crypto';
import { keyLogOf } from '../test/fixtures/recorded-talk.ts';
import { TlsWriter } from '../test/fixtures/tls-writer.ts';
import { cipherSuite, TAG_BYTES } from '../src/wire/tls/cipher-suites.ts';
import type { TlsEvents } from '../src/wire/tls/events.ts';
import { TlsStream } from '../src/wire/tls/tls-stream.ts';

const ROUNDS = 3;
/** Bytes of a captured segment. */
const SEGMENT_BYTES = 1460;
const SUITES = [0x1301, 0x1302, 0x1303, 0xc02f, 0xc030, 0xcca8];
const RECORD_BYTES = [300, 16_384];

const megabytes = Number(process.argv[process.argv.indexOf('--megabytes') + 1] ?? '') || 64;

const nothing = () => {};

interface Result {
  readonly suite: string;
  readonly recordBytes: number;
  readonly megabytesPerSecond: number;
  readonly recordsPerSecond: number;
  readonly cryptoMegabytesPerSecond: number;
}

function measure(suite: number, recordBytes: number): Result {
  const writer = new TlsWriter(suite);
  const keys = keyLogOf(writer.keyLog);
  const records = Math.ceil((megabytes * 1e6) / recordBytes);
  const content = Buffer.alloc(recordBytes, 'x');
  const bytes = Buffer.concat(Array.from({ length: records }, () => writer.write(1, content)));
  let seconds = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    let read = 0;
    const events: TlsEvents = {
      data: (_direction, chunk) => void (read += chunk.length),
      opaque: (reason) => {
        throw new Error(reason);
      },
      decrypted: nothing,
      gap: nothing,
      lost: nothing,
      end: nothing,
      close: nothing,
      leave: nothing,
    };
    const stream = new TlsStream(keys, events);
    stream.data(0, writer.clientHello, 1);
    stream.data(1, writer.serverFlight, 1);
    const began = performance.now();
    for (let at = 0; at < bytes.length; at += SEGMENT_BYTES)
      stream.data(1, bytes.subarray(at, at + SEGMENT_BYTES), 1);
    seconds = Math.min(seconds, (performance.now() - began) / 1000);
    if (read !== records * recordBytes) throw new Error(`${read} bytes, not ${records * recordBytes}`);
  }
  return {
    suite: cipherSuite(suite)?.name ?? '',
    recordBytes,
    megabytesPerSecond: (records * recordBytes) / seconds / 1e6,
    recordsPerSecond: records / seconds,
    cryptoMegabytesPerSecond: (records * recordBytes) / cryptoSeconds(suite, bytes, records) / 1e6,
  };
}

/** The cipher alone, on the same bytes, whatever comes out. */
function cryptoSeconds(suite: number, bytes: Buffer, records: number): number {
  const aead = cipherSuite(suite)?.aead;
  if (aead === undefined) throw new Error('no such suite');
  const key = Buffer.alloc(aead.keyBytes);
  const nonce = Buffer.alloc(12);
  const size = Math.floor(bytes.length / records);
  const began = performance.now();
  for (let at = 0; at + size <= bytes.length; at += size) {
    const cipher = createDecipheriv(aead.cipher as 'aes-128-gcm', key, nonce, { authTagLength: TAG_BYTES });
    cipher.update(bytes.subarray(at, at + size));
  }
  return (performance.now() - began) / 1000;
}

const results = SUITES.flatMap((suite) => RECORD_BYTES.map((size) => measure(suite, size)));
if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify({ megabytes, results })}\n`);
else
  for (const {
    suite,
    recordBytes,
    megabytesPerSecond,
    recordsPerSecond,
    cryptoMegabytesPerSecond,
  } of results)
    process.stdout.write(
      `${suite.padEnd(46)} records of ${String(recordBytes).padStart(5)}: ${String(Math.round(megabytesPerSecond)).padStart(5)} MB/s, ` +
        `${String(Math.round(recordsPerSecond)).padStart(7)} records/s; the cipher alone ${Math.round(cryptoMegabytesPerSecond)} MB/s\n`,
    );
