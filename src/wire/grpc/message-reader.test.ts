import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { array, assert, constantFrom, integer, property, tuple, uint8Array } from 'fast-check';
import { PrefixedMessageReader, prefixed } from './message-reader.ts';

test('messages come out as they went in, wherever the stream is cut', () => {
  assert(
    property(
      array(tuple(uint8Array({ maxLength: 40 }), constantFrom(0, 1, 0x80))),
      array(integer({ min: 1, max: 13 }), { minLength: 1 }),
      (messages, cuts) => {
        const stream = Buffer.concat(messages.map(([payload, flags]) => prefixed(payload, flags)));
        const reader = new PrefixedMessageReader(40);
        const read: unknown[] = [];
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const length = cuts[turn % cuts.length] ?? 1;
          for (const { flags, payload } of reader.push(stream.subarray(at, at + length)) ?? [])
            read.push([payload.toString('hex'), flags]);
          at += length;
        }
        deepEqual(
          read,
          messages.map(([payload, flags]) => [Buffer.from(payload).toString('hex'), flags]),
        );
        equal(reader.atEnd, true);
      },
    ),
  );
});

test('a message that is too long is refused before any of it is kept', () => {
  const reader = new PrefixedMessageReader(10);
  equal(reader.push(prefixed(new Uint8Array(11)).subarray(0, 5)), undefined);
});

test('a stream that ends within a prefix or a message is not at its end', () => {
  const reader = new PrefixedMessageReader(10);
  deepEqual(reader.push(Uint8Array.of(0, 0)), []);
  equal(reader.atEnd, false);
  deepEqual(reader.push(Uint8Array.of(0, 0, 2, 7)), []);
  equal(reader.atEnd, false);
  equal(reader.push(Uint8Array.of(8))?.[0]?.payload.toString('hex'), '0708');
  equal(reader.atEnd, true);
});
