import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import * as fc from 'fast-check';
import type { TlsDirection } from '../../src/wire/tls/events.ts';
import { KeyLog, KeyLogReader } from '../../src/wire/tls/key-log.ts';
import { keyLogOf, ReadTls } from '../fixtures/recorded-talk.ts';
import { createTalkAuthority, recordTlsTalk } from '../fixtures/tls-talk.ts';
import type { TlsTalk } from '../fixtures/tls-talk.ts';

/** UNDERSTUDY_FUZZ_SEED and UNDERSTUDY_FUZZ_MS (for all properties together) look elsewhere and longer. */
const SEED = Number(process.env['UNDERSTUDY_FUZZ_SEED'] ?? 791);
const TOTAL_MS = Number(process.env['UNDERSTUDY_FUZZ_MS'] ?? 6000);

function options(t: TestContext, timeShare: number) {
  t.diagnostic(`seed ${SEED}`);
  return { seed: SEED, numRuns: 10_000_000, interruptAfterTimeLimit: TOTAL_MS * timeShare };
}

const REQUESTS = ['a;', 'b;', 'c;', 'd;', 'e;', 'f;'];

/** Text in which every place is another. */
function numbered(request: string): string {
  const words = request === 'c;' ? 12_000 : 40;
  return Array.from({ length: words }, (_, i) => `${request[0]}${i};`).join('');
}

const PLAINTEXT = [REQUESTS.join(''), REQUESTS.map(numbered).join('')] as const;

async function talks(): Promise<readonly TlsTalk[]> {
  using authority = createTalkAuthority();
  const suites = [
    { maxVersion: 'TLSv1.3', ciphers: 'TLS_AES_128_GCM_SHA256' },
    { maxVersion: 'TLSv1.3', ciphers: 'TLS_CHACHA20_POLY1305_SHA256' },
    { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' },
    { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-CHACHA20-POLY1305' },
  ] as const;
  const found: TlsTalk[] = [];
  for (const suite of suites)
    found.push(await recordTlsTalk(authority, { ...suite, requests: REQUESTS, answer: numbered }));
  return found;
}

/** Follows what was read along what was sent. @returns places that were read */
function checkPlaintext(read: string, sent: string): number {
  let at: number | undefined = 0;
  let known = 0;
  for (const part of read.split(/(\[[^\]]*\])/)) {
    if (part === '') continue;
    if (part.startsWith('[')) {
      // Before the first data a server's tickets may be among what was lost: nobody can tell them from data.
      at = part === '[?]' || at === undefined || known === 0 ? undefined : at + Number(part.slice(1, -1));
      continue;
    }
    if (at === undefined) at = sent.indexOf(part);
    assert.equal(part, sent.slice(at, at + part.length));
    at += part.length;
    known += part.length;
  }
  return known;
}

interface Damage {
  readonly kind: 'drop' | 'flip' | 'cut';
  readonly place: number;
  readonly bytes: number;
}

/** Reads a talk of which some is missing, damaged, or cut into other pieces. */
function readDamaged({ pieces, keyLog }: TlsTalk, damage: readonly Damage[], late: boolean): ReadTls {
  const keys = late ? new KeyLog() : keyLogOf(keyLog);
  const tls = new ReadTls(keys);
  keys.listen(() => tls.stream.wake());
  const total = pieces.reduce((sum, { chunk }) => sum + (chunk?.length ?? 0), 0);
  const holes = damage.map((each) => ({ ...each, place: Math.floor(each.place * total) }));
  let at = 0;
  for (const { direction, chunk } of pieces) {
    if (chunk === undefined) tls.stream.end(direction, ++tls.micros);
    else {
      send(tls, direction, Buffer.from(chunk), at, holes);
      at += chunk.length;
    }
    if (late && at > total / 4) new KeyLogReader(keys).write(Buffer.from(keyLog));
  }
  tls.stream.close(undefined, ++tls.micros);
  tls.stream.expire();
  return tls;
}

function send(
  tls: ReadTls,
  direction: TlsDirection,
  chunk: Buffer,
  at: number,
  holes: readonly Damage[],
): void {
  const end = at + chunk.length;
  const edges = new Set([0, chunk.length]);
  for (const { kind, place, bytes } of holes) {
    if (place >= end || place + bytes <= at) continue;
    if (kind === 'flip' && place >= at)
      chunk[place - at] = (chunk[place - at] as number) ^ (1 + (bytes & 0x7f));
    edges.add(Math.max(0, place - at)).add(Math.min(chunk.length, place + bytes - at));
  }
  const cuts = [...edges].toSorted((a, b) => a - b);
  for (const [i, from] of cuts.entries()) {
    const to = cuts[i + 1];
    if (to === undefined) return;
    const isLost = holes.some(
      ({ kind, place, bytes }) => kind === 'drop' && place <= at + from && place + bytes >= at + to,
    );
    if (isLost) tls.stream.gap(direction, to - from, ++tls.micros);
    else tls.stream.data(direction, chunk.subarray(from, to), ++tls.micros);
  }
}

const place = fc.noBias(fc.nat({ max: 999_999 })).map((part) => part / 1e6);
const bytes = fc.oneof(
  fc.integer({ min: 1, max: 20 }),
  fc.integer({ min: 1, max: 3000 }),
  fc.integer({ min: 1, max: 60_000 }),
);
const damageOf = (...kinds: readonly Damage['kind'][]) =>
  fc.array(fc.record({ kind: fc.constantFrom(...kinds), place, bytes }), { minLength: 1, maxLength: 5 });

test('what is lost is a gap of the right size or of an unknown one, and never other data', async (t) => {
  const recorded = await talks();
  let read = 0;
  let sent = 0;
  let exact = 0;
  let unknown = 0;
  fc.assert(
    fc.property(fc.constantFrom(...recorded), damageOf('drop', 'cut'), fc.boolean(), (talk, damage, late) => {
      const tls = readDamaged(talk, damage, late);
      for (const direction of [0, 1] as const) {
        read += checkPlaintext(tls.plaintext[direction], PLAINTEXT[direction]);
        sent += PLAINTEXT[direction].length;
        exact += tls.plaintext[direction].match(/\[\d+\]/g)?.length ?? 0;
        unknown += tls.plaintext[direction].match(/\[\?\]/g)?.length ?? 0;
      }
      assert.deepEqual([tls.isOver, tls.stream.waits], [true, false]);
    }),
    options(t, 0.5),
  );
  t.diagnostic(`${read} of ${sent} bytes read, ${exact} gaps of known size and ${unknown} of unknown`);
  assert.ok(read > sent / 2 && exact > unknown);
});

test('damaged bytes are no crash, and no data that nobody sent', async (t) => {
  const recorded = await talks();
  let opaque = 0;
  fc.assert(
    fc.property(fc.constantFrom(...recorded), damageOf('drop', 'flip', 'cut'), (talk, damage) => {
      const tls = readDamaged(talk, damage, false);
      for (const direction of [0, 1] as const) {
        const known = tls.plaintext[direction].split(/\[[^\]]*\]/);
        for (const part of known) assert.ok(PLAINTEXT[direction].includes(part));
      }
      if (tls.reason !== undefined) opaque++;
    }),
    options(t, 0.3),
  );
  t.diagnostic(`${opaque} became opaque`);
  assert.ok(opaque > 10);
});

test('bytes of any kind are no crash', (t) => {
  const piece = fc.tuple(
    fc.constantFrom<TlsDirection>(0, 1),
    fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.uint8Array({ maxLength: 200 }).map((body) => record(22, body)),
      fc
        .uint8Array({ maxLength: 200 })
        .map((body) => record(22, Buffer.concat([Buffer.from([1, 0, 0, body.length]), body]))),
      fc
        .uint8Array({ maxLength: 200 })
        .map((body) => record(22, Buffer.concat([Buffer.from([2, 0, 0, body.length]), body]))),
      fc.uint8Array({ maxLength: 200 }).map((body) => record(23, body)),
      fc.constant(record(20, Buffer.of(1))),
      fc.nat({ max: 5000 }),
    ),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const tls = new ReadTls(new KeyLog());
      for (const [direction, content] of pieces)
        if (typeof content === 'number') tls.stream.gap(direction, content, ++tls.micros);
        else tls.stream.data(direction, content, ++tls.micros);
      tls.stream.close(undefined, ++tls.micros);
      tls.stream.expire();
      assert.deepEqual([tls.plaintext.join('').replaceAll('[?]', ''), tls.isOver], ['', true]);
    }),
    options(t, 0.1),
  );
});

test('a key log of any text is no crash, and costs no more memory than its limit', (t) => {
  const line = fc.oneof(
    fc.string(),
    fc
      .tuple(
        fc.constantFrom('CLIENT_RANDOM', 'CLIENT_TRAFFIC_SECRET_0', 'EXPORTER_SECRET', 'RSA', '__proto__'),
        fc.constantFrom(1, 64, 65),
        fc.constantFrom(64, 96, 128),
        fc.nat({ max: 9 }),
      )
      .map(
        ([label, random, secret, digit]) => `${label} ${String(digit).repeat(random)} ${'a'.repeat(secret)}`,
      ),
  );
  fc.assert(
    fc.property(fc.array(line), fc.integer({ min: 1, max: 300 }), (lines, size) => {
      const log = new KeyLog({ sessions: 3 });
      const reader = new KeyLogReader(log);
      const text = Buffer.from(lines.join('\n'));
      for (let at = 0; at < text.length; at += size) reader.write(text.subarray(at, at + size));
      reader.end();
      assert.ok(log.size <= 3);
    }),
    options(t, 0.1),
  );
});

function record(type: number, body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([type, 3, 3, body.length >> 8, body.length & 0xff]), body]);
}
