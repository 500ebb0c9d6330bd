import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { mayBeEndless } from './endless.ts';

test('knows sequences of records without a length', () => {
  const cases: readonly (readonly [Readonly<Record<string, string>>, boolean])[] = [
    [{ 'content-type': 'text/event-stream; charset=utf-8' }, true],
    [{ 'content-type': 'Application/X-NDJSON' }, true],
    [{ 'content-type': 'application/json-seq' }, true],
    [{ 'content-type': 'text/event-stream', 'content-length': '5' }, false],
    [{ 'content-type': 'application/json' }, false],
    [{ 'content-type': 'text/plain' }, false],
    [{}, false],
  ];
  for (const [fields, expected] of cases)
    equal(
      mayBeEndless({ status: 200, header: (name) => fields[name], headers: () => Object.entries(fields) }),
      expected,
      JSON.stringify(fields),
    );
});
