import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LineScanner } from './line-scanner.ts';

const fields = (count: number) => Buffer.from(`${'name: value\r\n'.repeat(count)}\r\n`);

function scan(scanner: LineScanner, section: Uint8Array): void {
  scanner.restart('trailers', 1 << 20);
  scanner.scan(section, 0, section.length);
}

test('marks say where names and values begin and end', () => {
  const scanner = new LineScanner();
  scan(scanner, Buffer.from('a: bc\r\nd:\t e \r\n\r\n'));
  assert.equal(scanner.done, true);
  assert.deepEqual(scanner.takeMarks(), [0, 1, 3, 5, 7, 8, 11, 12]);
});

test('the room for the marks of a large head is not kept', () => {
  const scanner = new LineScanner();
  scan(scanner, fields(1000));
  assert.equal(scanner.takeMarks().length, 4000);
  assert.equal(scanner.marks.length, 0);
  scan(scanner, fields(1001));
  assert.equal(scanner.fault?.reason, 'head_too_large');
  scanner.release();
  assert.equal(scanner.marks.length, 0);
  scan(scanner, fields(2));
  scanner.takeMarks();
  assert.equal(scanner.marks.length, 8);
});
