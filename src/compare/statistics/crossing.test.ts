import { ok } from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { crossing } from './crossing.ts';

test('a crossing is found on its outer side, whatever the slope and direction', () => {
  const shapes: readonly ((x: number) => number)[] = [
    (x) => x,
    (x) => x ** 3,
    (x) => Math.expm1(30 * x),
    (x) => (x > 0 ? Number.POSITIVE_INFINITY : -1),
    (x) => Math.atan(1000 * x),
  ];
  fc.assert(
    fc.property(
      fc.constantFrom(...shapes),
      fc.double({ min: -1, max: 1, noNaN: true }),
      fc.double({ min: 1e-3, max: 2, noNaN: true }),
      fc.double({ min: 1e-3, max: 2, noNaN: true }),
      fc.boolean(),
      (shape, root, inwards, outwards, mirrored) => {
        const sign = mirrored ? -1 : 1;
        const excess = (x: number): number => shape(sign * (x - root));
        const found = crossing(excess, root - sign * inwards, root + sign * outwards, 1e-6);
        ok(excess(found) >= 0);
        ok(Math.abs(found - root) <= 4e-6 * (inwards + outwards), `${found} is not ${root}`);
      },
    ),
    { seed: 4 },
  );
});
