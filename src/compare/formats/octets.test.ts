import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collectingContext, contentOf } from '../format-fixture.ts';
import { compareOctets } from './octets.ts';

function differences(primary: string, other: string) {
  const { context, found } = collectingContext();
  compareOctets(contentOf(primary), contentOf(other), 'body', context);
  return found;
}

test('equal bytes do not differ', () => assert.deepEqual(differences('abc', 'abc'), []));

test('bytes of another length differ in it', () =>
  assert.deepEqual(differences('abc', 'ab'), [
    { kind: 'length', path: 'body', risk: 'medium', primary: '3 bytes', other: '2 bytes' },
  ]));

test('bytes of the same length differ in their hash', () =>
  assert.deepEqual(differences('abc', 'abd'), [
    {
      kind: 'value',
      path: 'body',
      risk: 'medium',
      // The SHA-256 of "abc" is the example of FIPS 180-2, appendix B.1.
      primary: '3 bytes, sha256 ba7816bf8f01cfea…',
      other: '3 bytes, sha256 a52d159f262b2c6d…',
    },
  ]));
