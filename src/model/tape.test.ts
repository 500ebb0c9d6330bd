import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONTROL, createTape, decodeOpenNote, encodeOpenNote, unreadBytes, viewTape } from './tape.ts';
import type { OpenNote } from './tape.ts';

const NOTE: OpenNote = {
  slot: 7,
  offsets: [4_294_967_295, 0],
  sourceIp: 'fe80::1%eth0',
  sourcePort: 65_535,
  destinationIp: '10.0.0.2',
  destinationPort: 80,
  tls: true,
  principal: 'spiffe://prod/ns/shop/sa/web',
};

const principals = ['', 'a\nb', 'ü€😀', '%41%', 'x'.repeat(2000)];
for (const principal of principals) {
  test(`the note of a connection survives as octets: ${JSON.stringify(principal.slice(0, 20))}`, () => {
    const octets = Buffer.from(encodeOpenNote({ ...NOTE, principal }), 'latin1');
    assert.deepEqual(decodeOpenNote(octets.toString('latin1')), { ...NOTE, principal });
  });
}

test('half a character in a name cannot stop the live worker', () => {
  const { principal } = decodeOpenNote(encodeOpenNote({ ...NOTE, principal: 'a\ud800b' }));
  assert.equal(principal, 'a\ufffdb');
});

test('a tape is a power of two within its limits', () => {
  for (const bytes of [0, 1000, 2 ** 17, 2 ** 18 + 8, 2 ** 31])
    assert.throws(() => createTape(1, bytes, 1), RangeError, `${bytes}`);
  assert.equal(createTape(1, 2 ** 18, 1).ringBytes, 2 ** 18);
});

test('the parts of a tape do not overlap, whatever the number of slots', () => {
  for (const slots of [1, 3, 100, 65_536]) {
    const { control, counters, answers, ring } = viewTape(createTape(1, 2 ** 18, slots));
    const parts = [control, counters, answers, ring];
    for (const [index, part] of parts.entries()) {
      const next = parts[index + 1];
      if (next !== undefined) assert.ok(part.byteOffset + part.byteLength <= next.byteOffset, `${slots}`);
    }
    assert.equal(answers.length, slots * 4);
    assert.deepEqual([ring.length, ring.byteOffset % 8], [2 ** 18, 0]);
  }
});

test('unread bytes are right across the wrap of the counts', () => {
  const { control } = viewTape(createTape(1, 2 ** 18, 1));
  Atomics.store(control, CONTROL.tail, -100);
  Atomics.store(control, CONTROL.head, 50);
  assert.equal(unreadBytes(control), 150);
});
