import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Pieces } from './pieces.ts';

test('hands out what was put in, in order, whatever the sizes and ways', () => {
  const step = fc.tuple(
    fc.constantFrom('copy' as const, 'keep' as const),
    fc.oneof(fc.nat({ max: 20 }), fc.nat({ max: 5_000 })),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const pieces = new Pieces();
      const all: Uint8Array[] = [];
      for (const [index, [way, length]] of steps.entries()) {
        const chunk = Buffer.alloc(length, index + 1);
        all.push(Buffer.from(chunk));
        pieces[way](chunk);
        if (way === 'copy') chunk.fill(0);
      }
      const expected = Buffer.concat(all);
      equal(pieces.bytes, expected.length);
      const taken = pieces.take();
      ok(Buffer.concat(taken).equals(expected));
      equal(pieces.bytes, 0);
      equal(pieces.take().length, 0);
    }),
    { seed: 1 },
  );
});

test('many tiny chunks become few pieces', () => {
  const pieces = new Pieces();
  for (let i = 0; i < 100_000; i++) pieces.copy(new Uint8Array(1));
  ok(pieces.take().length < 200);
});

test('a single piece that may be kept is not copied', () => {
  const pieces = new Pieces();
  const piece = new Uint8Array(3);
  pieces.keep(piece);
  equal(pieces.take()[0], piece);
});

test('parts of any size are handed out in order, and what follows is kept behind them', () => {
  const pieces = new Pieces();
  const expected: number[] = [];
  const got: number[] = [];
  let next = 0;
  for (let round = 0; round < 200; round++) {
    const chunk = Uint8Array.from({ length: (round * 97) % 2_500 }, () => next++ % 251);
    expected.push(...chunk);
    if (chunk.length > 0) pieces.copy(chunk);
    for (let i = 0; i < round % 4; i++) {
      const most = 1 + ((round * 31) % 700);
      const part = pieces.next(most);
      if (part === undefined) break;
      ok(part.length > 0 && part.length <= most);
      got.push(...part);
    }
    equal(pieces.bytes, expected.length - got.length);
  }
  for (const part of pieces.take()) got.push(...part);
  deepEqual(got, expected);
  equal(pieces.next(1), undefined);
});
