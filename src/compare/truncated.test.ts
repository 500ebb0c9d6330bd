import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { DEFAULT_COMPARE } from '../model/compare-settings.ts';
import type { Answer } from '../model/difference.ts';
import { createComparer } from './comparer.ts';

function answer(type: string, body: string | Buffer, truncated: boolean, coding?: string): Answer {
  const fields = { 'content-type': type, ...(coding && { 'content-encoding': coding }) };
  return {
    status: 200,
    header: (name) => Object.entries(fields).find(([field]) => field === name)?.[1],
    headers: () => Object.entries(fields),
    body: [Buffer.from(body)],
    truncated,
  };
}

function found(left: Answer, right: Answer): readonly string[] {
  const redact = { headers: [], queryParams: [], jsonFields: [] };
  const comparer = createComparer(DEFAULT_COMPARE, { redact, recognise: false });
  return comparer
    .compare(left, right, 'GET', 'GET /s')
    .differences.map(({ kind, path }) => `${path} ${kind}`);
}

const LINES = '{"n":1}\n{"n":2}\n{"text":"größer"}\n';
const EVENTS = 'data: {"n":1}\n\ndata: {"n":2}\n\ndata: größer\n\n';

for (const [type, text] of [
  ['application/x-ndjson', LINES],
  ['text/event-stream', EVENTS],
] as const) {
  test(`${type} that was cut anywhere does not differ from the whole`, () => {
    const bytes = Buffer.from(text);
    for (let end = 0; end <= bytes.length; end++) {
      const cut = answer(type, bytes.subarray(0, end), true);
      deepEqual(found(cut, answer(type, bytes, false)), [], `${end}`);
      deepEqual(found(answer(type, bytes, false), cut), [], `${end}`);
      deepEqual(found(cut, answer(type, bytes.subarray(0, 5), true)), [], `${end}`);
    }
  });

  test(`${type} that was cut still shows what differs before`, () => {
    const changed = text.replace('"n":1', '"n":7');
    const path = type === 'text/event-stream' ? 'body[].data.n' : 'body[].n';
    deepEqual(found(answer(type, text, true), answer(type, changed, true)), [`${path} value`]);
  });

  test(`${type}: a side that has ended is shorter than one that has not and has more`, () => {
    const first = type === 'text/event-stream' ? 'data: {"n":1}\n\n' : '{"n":1}\n';
    deepEqual(found(answer(type, text, true), answer(type, first, false)), ['body length']);
    deepEqual(found(answer(type, text, true), answer(type, first, true)), []);
  });
}

test('a cut within a coding is no fault of it', () => {
  const zipped = gzipSync(LINES.repeat(100));
  const cut = answer('application/x-ndjson', zipped.subarray(0, -30), true, 'gzip');
  deepEqual(found(cut, answer('application/x-ndjson', zipped, false, 'gzip')), []);
});

test('of what is no sequence of records nothing is said once it was cut', () => {
  const cut = answer('application/json', '{"a":1', true);
  deepEqual(found(cut, answer('application/json', '{"a":1,"b":2}', false)), []);
});
