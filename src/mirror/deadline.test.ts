import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { requestHead } from '../model/request-head.ts';
import { deadlineOf } from './deadline.ts';

const WISHES: readonly (readonly [wish: string | undefined, afterMs: number])[] = [
  [undefined, 5_000],
  ['1H', 5_000],
  ['2S', 2_000],
  ['1500m', 1_500],
  ['1000u', 1],
  ['0n', 0],
  ['99999999S', 5_000],
  ['100000000m', 5_000],
  ['1.5S', 5_000],
  ['-1S', 5_000],
  ['1s', 5_000],
  ['', 5_000],
];

for (const [wish, afterMs] of WISHES) {
  test(`grpc-timeout ${wish ?? 'missing'} ends a copy after ${afterMs} ms`, () => {
    const head = requestHead('POST', '/', wish === undefined ? [] : [['grpc-timeout', wish]]);
    const request = { id: 'e', head, body: 'chunked', connectionId: 1, onDone: () => {} } as const;
    equal(deadlineOf(request, 1_000, 5_000), 1_000 + afterMs);
  });
}
