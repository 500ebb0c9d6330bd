import { equal, ok } from 'node:assert/strict';
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
