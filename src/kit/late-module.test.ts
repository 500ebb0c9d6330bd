import { equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import * as direct from './crc32c.ts';
import { lateModule } from './late-module.ts';

test('is the same module that others import', () => {
  const late = lateModule<typeof direct>(import.meta.url, './crc32c');
  equal(late().crc32c, direct.crc32c);
  equal(late(), late());
});

test('a path that leads nowhere fails when it is used', () => {
  const late = lateModule<object>(import.meta.url, './nothing');
  throws(late);
});
