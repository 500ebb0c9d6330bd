import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Authority } from '../../test/fixtures/certificates.ts';
import { GET, ObservedTap, OK } from '../../test/fixtures/observed-tap.ts';
import type { Piece } from '../../test/fixtures/recorded-talk.ts';
import { createTalkAuthority, recordTlsTalk } from '../../test/fixtures/tls-talk.ts';
import type { TlsTalk } from '../../test/fixtures/tls-talk.ts';
import { PacketDecoder } from '../wire/packet/packet-decoder.ts';
import { TcpConnection } from '../wire/tcp/connection.ts';
import { KeyLog, KeyLogReader } from '../wire/tls/key-log.ts';
import { DecryptingEvents } from './decrypting-events.ts';
import type { TlsLimits } from './decrypting-events.ts';

let authority: Authority;
let talk: TlsTalk;
before(async () => {
  authority = createTalkAuthority();
  talk = await recordTlsTalk(authority, { requests: [GET('/a'), GET('/b')], answer: () => OK('hello') });
});
after(() => authority[Symbol.dispose]());

/** An observer behind decryption, fed by hand; time goes on by a microsecond with each piece. */
class DecryptedTap {
  readonly tap = new ObservedTap();
  readonly keyLog = new KeyLog();
  readonly unwanted: number[] = [];
  readonly events: DecryptingEvents;
  micros = 1000;

  constructor(limits: Partial<TlsLimits> = {}) {
    this.events = new DecryptingEvents({
      tap: 'test',
      observer: this.tap.observer,
      keyLog: this.keyLog,
      limits,
      giveUp: (id) => this.unwanted.push(id),
    });
  }

  get story(): readonly string[] {
    return this.tap.story;
  }

  get counts() {
    return this.events.counts;
  }

  open(id = 1, midstream = false): this {
    this.events.open(new TcpConnection(id, midstream, 'syn', new PacketDecoder().packet, true));
    return this;
  }

  send(pieces: readonly Piece[], id = 1): this {
    for (const { direction, chunk } of pieces)
      if (chunk === undefined) this.events.end(id, direction, ++this.micros);
      else this.events.data(id, direction, chunk, ++this.micros);
    return this;
  }

  text(direction: 0 | 1, text: string, id = 1): this {
    return this.send([{ direction, chunk: Buffer.from(text, 'latin1') }], id);
  }

  close(id = 1): this {
    this.events.close(id, undefined, ++this.micros);
    return this;
  }

  /** The key log grows. */
  log(text: string): this {
    new KeyLogReader(this.keyLog).write(Buffer.from(text));
    return this;
  }
}

const STORY = ['GET /a 200', 'GET /b 200'];

/** Where in the talk the second request stands: the last thing that the client sends is its close_notify. */
function secondRequest(): number {
  const sent = talk.pieces.flatMap(({ direction, chunk }, i) => (direction === 0 && chunk ? [i] : []));
  return sent.at(-2) ?? 0;
}

function opaqueOf({ counts, events }: DecryptedTap) {
  const reasons = Object.entries(counts.opaque).filter(([, count]) => count > 0);
  return [Object.fromEntries(reasons), Object.fromEntries(events.opaqueNames)];
}

test('exchanges of a TLS connection, with its secrets', () => {
  const tap = new DecryptedTap().log(talk.keyLog).open().send(talk.pieces).close();
  assert.deepEqual(tap.story, STORY);
  assert.equal(tap.tap.sink.seen[0]?.exchange.connection.tls, true);
  assert.deepEqual([tap.counts.decrypted, tap.counts.waited], [{ tls12: 0, tls13: 1 }, 0]);
  assert.deepEqual([tap.events.connections, tap.tap.observer.connections, tap.unwanted], [0, 0, []]);
});

test('a connection that is over before its secrets are written', () => {
  const tap = new DecryptedTap().open().send(talk.pieces).close();
  assert.deepEqual([tap.story, tap.events.waiting], [[], 1]);
  assert.ok(tap.events.heldBytes > 0);
  tap.log(talk.keyLog);
  assert.deepEqual([tap.story, tap.events.waiting, tap.events.heldBytes], [STORY, 0, 0]);
  // As long as the packets took, not as long as the secrets did.
  const times = tap.tap.sink.seen[0]?.exchange.times;
  assert.ok(times !== undefined && times.requestStart > 1000 && times.responseEnd < 1100);
});

test('secrets that do not come within the time', () => {
  const tap = new DecryptedTap({ waitMicros: 500 }).open().send(talk.pieces);
  tap.events.advance(1400);
  assert.equal(tap.events.waiting, 1);
  tap.events.advance(1600);
  assert.deepEqual([tap.events.waiting, tap.events.heldBytes, tap.unwanted], [0, 0, [1]]);
  assert.deepEqual(opaqueOf(tap), [{ no_keys: 1 }, { 'shop.example': 1 }]);
  tap.close().log(talk.keyLog);
  assert.deepEqual([tap.story, tap.events.connections], [[], 0]);
});

test('other connections make the time go on', () => {
  const tap = new DecryptedTap({ waitMicros: 500 }).open().send(talk.pieces);
  tap.micros = 5000;
  tap.open(2).send(talk.pieces.slice(0, 1), 2);
  assert.deepEqual([tap.counts.opaque.no_keys, tap.unwanted], [1, [1]]);
});

test('more than may wait of one connection, or of all', () => {
  const one = new DecryptedTap({ waitBytes: 500 }).open().send(talk.pieces);
  assert.deepEqual([opaqueOf(one)[0], one.events.heldBytes], [{ no_keys: 1 }, 0]);
  const all = new DecryptedTap({ heldBytes: 6000 });
  for (let id = 1; id <= 10; id++) all.open(id).send(talk.pieces, id);
  assert.ok(all.events.heldBytes <= 6000 && all.events.waiting > 0);
  assert.equal(all.counts.opaque.no_keys + all.events.waiting, 10);
  // The longest wait ended first.
  assert.deepEqual(
    all.unwanted,
    [...all.unwanted].toSorted((a, b) => a - b),
  );
  assert.equal(all.unwanted[0], 1);
});

test('nothing waits when the key log is complete, or the input over', () => {
  const complete = new DecryptedTap({ waitMicros: 0 }).open().send(talk.pieces);
  assert.deepEqual([opaqueOf(complete)[0], complete.events.waiting], [{ no_keys: 1 }, 0]);
  const over = new DecryptedTap().open().send(talk.pieces);
  over.events.leave(1, 2000);
  over.events.finish();
  assert.deepEqual([opaqueOf(over)[0], over.events.waiting, over.events.connections], [{ no_keys: 1 }, 0, 0]);
});

test('what is no TLS goes to the observer as it is', () => {
  const tap = new DecryptedTap().open().text(0, GET('/plain')).text(1, OK()).close();
  assert.deepEqual([tap.story, tap.counts.connections], [['GET /plain 200'], 0]);
  const odd = new DecryptedTap().open().text(0, '\x16').text(0, 'GET').text(1, 'x').close();
  assert.deepEqual([odd.tap.counts.opaque.other, odd.counts.connections], [1, 0]);
  const silent = new DecryptedTap().open().close();
  assert.equal(silent.tap.observer.connections, 0);
});

test('a ClientHello whose bytes come one by one', () => {
  const [hello, ...rest] = talk.pieces;
  const octets = [...(hello?.chunk ?? [])].map((octet): Piece => ({ direction: 0, chunk: Buffer.of(octet) }));
  const tap = new DecryptedTap().log(talk.keyLog).open().send(octets).send(rest).close();
  assert.deepEqual(tap.story, STORY);
});

test('TLS whose begin was not captured', () => {
  const later = new DecryptedTap().log(talk.keyLog).open(1, true).send(talk.pieces.slice(4)).close();
  assert.deepEqual([later.story, opaqueOf(later)], [[], [{ midstream: 1 }, { '': 1 }]]);
  const oneSided = new DecryptedTap().open().send(talk.pieces.filter(({ direction }) => direction === 1));
  assert.deepEqual([opaqueOf(oneSided)[0], oneSided.unwanted], [{ handshake_lost: 1 }, [1]]);
  const lost = new DecryptedTap().log(talk.keyLog).open();
  lost.events.gap(1, 0, 700, true, 1000);
  lost.send(talk.pieces.slice(2)).close();
  assert.deepEqual([lost.story, opaqueOf(lost)[0]], [[], { midstream: 1 }]);
});

test('too many connections, and too many names', () => {
  const tap = new DecryptedTap({ connections: 1 }).log(talk.keyLog);
  tap.open(1).send(talk.pieces.slice(0, 2)).open(2).send(talk.pieces, 2).close(2);
  tap.send(talk.pieces.slice(2)).close();
  assert.deepEqual([tap.story, opaqueOf(tap)], [STORY, [{ limit: 1 }, { 'shop.example': 1 }]]);
  const nameless = new DecryptedTap({ names: 0, waitMicros: 0 }).open().send(talk.pieces);
  assert.deepEqual(opaqueOf(nameless)[1], { '': 1 });
});

test('behind a loss of unknown size a connection is taken in anew', () => {
  const tap = new DecryptedTap({ waitMicros: 10 }).log(talk.keyLog).open();
  const second = secondRequest();
  // The begin of the second request's record is lost, and nothing tells for how long.
  tap.send(talk.pieces.slice(0, second));
  tap.events.gap(1, 0, 3, true, ++tap.micros);
  tap.send(talk.pieces.slice(second + 1, second + 2));
  assert.deepEqual([tap.story, tap.events.waiting], [['GET /a 200'], 1]);
  tap.events.advance(2000);
  assert.deepEqual([tap.counts.lost, tap.events.waiting, tap.counts.opaque.no_keys], [1, 0, 0]);
  tap.close();
  assert.deepEqual([tap.story, tap.tap.observer.connections], [['GET /a 200'], 0]);
});

test('a loss in an idle connection can wait', () => {
  const tap = new DecryptedTap({ waitMicros: 10 })
    .log(talk.keyLog)
    .open()
    .send(talk.pieces.slice(0, secondRequest()));
  tap.events.gap(1, 0, 3, true, ++tap.micros);
  tap.events.advance(1e9);
  assert.deepEqual([tap.counts.lost, tap.events.waiting], [0, 0]);
  tap.close();
  assert.deepEqual([tap.counts.lost, tap.events.connections], [1, 0]);
});
