import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { decodeRecords, encodeRecord } from './message-record.ts';
import type { MessageRecord } from './message-record.ts';

const RECORDS: readonly MessageRecord[] = [
  { kind: 'text', payload: Buffer.from('{"a":1}') },
  { kind: 'lost' },
  { kind: 'binary', payload: Buffer.alloc(0) },
  { kind: 'close', by: 'server', code: 4001, reason: 'größer', received: 3 },
];

test('what is written is read back, up to where it is cut', () => {
  const encoded = RECORDS.map(encodeRecord);
  const bytes = Buffer.concat(encoded);
  deepEqual(decodeRecords(bytes), RECORDS);
  for (let end = 0; end < bytes.length; end++) {
    let whole = 0;
    let at = 0;
    for (const record of encoded) if ((at += record.length) <= end) whole++;
    deepEqual(decodeRecords(bytes.subarray(0, end)), RECORDS.slice(0, whole));
  }
});
