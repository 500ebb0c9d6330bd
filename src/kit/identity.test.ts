import { equal, notEqual, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { identityOf } from './identity.ts';

test('equal data has one identity, also where it holds bytes', () => {
  const of = (bytes: readonly number[]) => identityOf({ a: [1, { b: Uint8Array.from(bytes) }] });
  equal(of([1, 2]), of([1, 2]));
  notEqual(of([1, 2]), of([1, 3]));
});

test('many bytes make no long text', () => {
  ok(identityOf({ bytes: new Uint8Array(1_000_000) }).length < 200);
});
