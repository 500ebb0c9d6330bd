import assert from 'node:assert/strict';
import { test } from 'node:test';
import { table } from './table.ts';

test('columns line up, the first to the left, the others to the right', () => {
  assert.equal(
    table(
      ['name', 'µs'],
      [
        ['a', '7.5'],
        ['longer', '–'],
      ],
    ),
    ['| name   |  µs |', '| ------ | --: |', '| a      | 7.5 |', '| longer |   – |'].join('\n'),
  );
});
