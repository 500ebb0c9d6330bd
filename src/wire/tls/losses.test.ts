import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyLogOf, ReadTls } from '../../../test/fixtures/recorded-talk.ts';
import { TlsWriter } from '../../../test/fixtures/tls-writer.ts';
import { RECORD } from './record.ts';

const SUITES: readonly (readonly [name: string, suite: number])[] = [
  ['TLS 1.3 with AES-GCM', 0x1301],
  ['TLS 1.3 with ChaCha20', 0x1303],
  ['TLS 1.2 with AES-GCM', 0xc030],
  ['TLS 1.2 with ChaCha20', 0xcca8],
];

/** A connection up to its first application data. */
function opened(suite: number): { writer: TlsWriter; tls: ReadTls } {
  const writer = new TlsWriter(suite);
  const tls = new ReadTls(keyLogOf(writer.keyLog)).read([
    { direction: 0, chunk: writer.clientHello },
    { direction: 1, chunk: writer.serverFlight },
    { direction: 0, chunk: writer.clientFlight },
  ]);
  assert.equal(tls.reason, undefined);
  return { writer, tls };
}

const text = (length: number) => Buffer.from('0123456789'.repeat(Math.ceil(length / 10)).slice(0, length));

for (const [name, suite] of SUITES) {
  test(`${name}: a gap within one record is a gap of its plaintext`, () => {
    const { writer, tls } = opened(suite);
    const story: string[] = [];
    for (const size of [1, 5, 100, 16_384]) {
      const { length } = writer.write(0, text(size));
      for (const [from, to] of [
        [5, 6],
        [length - 1, length],
        [5, length],
      ] as const) {
        const record = writer.write(1, text(size));
        tls.stream.data(1, record.subarray(0, from), 1);
        tls.stream.gap(1, to - from, 1);
        tls.stream.data(1, Buffer.concat([record.subarray(to), writer.write(1, Buffer.from('next'))]), 1);
        story.push(`1:[${size}]`, '1:next');
      }
    }
    assert.deepEqual(tls.story, story);
  });

  test(`${name}: a gap over whole records has their exact size`, () => {
    const { writer, tls } = opened(suite);
    const first = writer.write(1, text(500));
    const lost = [1, 300, 16_384, 2, 16_384, 77].map((size) => writer.write(1, text(size)));
    const last = writer.write(1, Buffer.from('last'));
    const bytes = Buffer.concat([first, ...lost, last]);
    // From within the first record to the end of those that are lost.
    tls.stream.data(1, bytes.subarray(0, 100), 1);
    tls.stream.gap(1, bytes.length - last.length - 100, 2);
    tls.stream.data(0, writer.write(0, Buffer.from('meanwhile')), 3);
    assert.deepEqual([tls.plaintext, tls.stream.waits], [['', ''], true]);
    tls.stream.data(1, last, 4);
    const size = 500 + 1 + 300 + 16_384 + 2 + 16_384 + 77;
    assert.deepEqual(tls.story, [`1:[${size}]`, '0:meanwhile', '1:last']);
    assert.deepEqual(tls.times, [2, 3, 4]);
    assert.equal(tls.stream.waits, false);
  });

  test(`${name}: a record is found behind a loss that ends within another one`, () => {
    const { writer, tls } = opened(suite);
    const lost = [400, 400, 400].map((size) => writer.write(1, text(size)));
    const bytes = Buffer.concat([...lost, writer.write(1, Buffer.from('last'))]);
    tls.stream.data(1, bytes.subarray(0, 3), 1);
    tls.stream.gap(1, 900, 2);
    for (const octet of bytes.subarray(903)) tls.stream.data(1, Buffer.of(octet), 3);
    assert.deepEqual(tls.story, ['1:[1200]', '1:last']);
  });

  test(`${name}: what was never found is lost, and the connection over with it`, () => {
    const { writer, tls } = opened(suite);
    tls.stream.data(1, writer.write(1, Buffer.from('first')), 1);
    tls.stream.gap(1, 50, 2);
    tls.stream.data(0, writer.write(0, Buffer.from('more')), 3);
    tls.stream.end(1, 4);
    tls.stream.close(undefined, 5);
    assert.deepEqual(tls.story, ['1:first', '1:[?]', '0:more', '1:']);
    assert.deepEqual([tls.isOver, tls.stream.waits, tls.stream.heldBytes], [true, false, 0]);
  });

  test(`${name}: more records than are tried are too many`, () => {
    const { writer, tls } = opened(suite);
    let lost = 0;
    for (let i = 0; i < 3000; i++) lost += writer.write(1, text(10)).length;
    tls.stream.gap(1, lost, 2);
    tls.stream.data(1, writer.write(1, Buffer.from('last')), 3);
    assert.deepEqual([tls.story, tls.stream.waits], [[], false]);
    tls.stream.data(0, writer.write(0, Buffer.from('more')), 4);
    assert.deepEqual([tls.story, tls.stream.waits], [[], true]);
    tls.stream.expire();
    assert.deepEqual([tls.story, tls.stream.waits], [['1:[?]', '0:more'], false]);
  });

  test(`${name}: a record that does not fit ends what can be read`, () => {
    const { writer, tls } = opened(suite);
    const record = writer.write(0, Buffer.from('first'));
    record[record.length - 1] = (record[record.length - 1] ?? 0) ^ 1;
    tls.stream.data(0, record, 1);
    assert.equal(tls.reason, 'undecryptable');
    tls.stream.data(0, writer.write(0, Buffer.from('more')), 2);
    tls.stream.close(0, 3);
    assert.deepEqual([tls.story, tls.isOver], [[], true]);
  });
}

test('padding is no data, and makes the size of a loss unknown', () => {
  const { writer, tls } = opened(0x1302);
  tls.stream.data(0, writer.write(0, Buffer.from('padded'), { padding: 300 }), 1);
  const lost = writer.write(0, Buffer.from('lost'));
  tls.stream.data(0, lost.subarray(0, 10), 2);
  tls.stream.gap(0, lost.length - 10, 3);
  tls.stream.data(0, writer.write(0, Buffer.from('last')), 4);
  assert.deepEqual(tls.story, ['0:padded', '0:[?]', '0:last']);
});

test('a KeyUpdate that was lost is made good', () => {
  const { writer, tls } = opened(0x1301);
  const update = writer.updateKeys(1);
  tls.stream.gap(1, update.length, 1);
  tls.stream.data(1, writer.write(1, Buffer.from('first')), 2);
  // Within a loss of more records nobody knows how many there were of which.
  const more = [writer.write(1, text(50)), writer.updateKeys(1), writer.write(1, text(50))];
  tls.stream.gap(1, Buffer.concat(more).length, 3);
  tls.stream.data(1, writer.write(1, Buffer.from('last')), 4);
  assert.deepEqual(tls.story, ['1:[?]', '1:first', '1:[?]', '1:last']);
});

test('keys that are updated without end', () => {
  const { writer, tls } = opened(0x1301);
  for (let i = 0; i < 1024; i++) tls.stream.data(1, writer.updateKeys(1), 1);
  tls.stream.data(1, writer.write(1, Buffer.from('first')), 2);
  assert.deepEqual([tls.story, tls.reason], [['1:first'], undefined]);
  tls.stream.data(1, writer.updateKeys(1), 3);
  assert.equal(tls.reason, 'limit');
});

test('a loss of the end of the handshake costs no data', () => {
  for (const suite of [0x1301, 0xc030]) {
    const writer = new TlsWriter(suite);
    const tls = new ReadTls(keyLogOf(writer.keyLog)).read([
      { direction: 0, chunk: writer.clientHello },
      { direction: 1, chunk: writer.serverFlight },
    ]);
    tls.stream.gap(0, writer.clientFlight.length, 1);
    tls.stream.data(0, writer.write(0, Buffer.from('first')), 2);
    assert.deepEqual([tls.story, tls.reason], [['0:first'], undefined]);
  }
});

test('data that was lost with the end of the handshake is not passed over in silence', () => {
  for (const suite of [0x1301, 0xc030]) {
    const writer = new TlsWriter(suite);
    const tls = new ReadTls(keyLogOf(writer.keyLog)).read([
      { direction: 0, chunk: writer.clientHello },
      { direction: 1, chunk: writer.serverFlight },
    ]);
    // Every record has its head, and nothing behind it.
    const records = [
      writer.clientFlight.subarray(0, 6),
      writer.clientFlight.subarray(6),
      writer.write(0, text(9)),
    ];
    for (const record of records) {
      tls.stream.data(0, record.subarray(0, 5), 1);
      tls.stream.gap(0, record.length - 5, 2);
    }
    tls.stream.data(0, writer.write(0, Buffer.from('second')), 3);
    tls.stream.data(0, writer.write(0, Buffer.from('third')), 4);
    assert.deepEqual([tls.story, tls.reason], [['0:[?]', '0:second', '0:third'], undefined]);
  }
});

test('a close_notify ends a direction, and what follows is nothing', () => {
  const { writer, tls } = opened(0x1301);
  tls.stream.data(1, writer.write(1, Buffer.of(1, 0), { type: RECORD.alert }), 1);
  tls.stream.data(1, writer.write(1, Buffer.from('late')), 2);
  tls.stream.end(1, 3);
  assert.deepEqual([tls.story, tls.ended], [['1:'], [false, true]]);
});
