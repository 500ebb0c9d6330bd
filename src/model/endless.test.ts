import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { mayBeCut, mayBeEndless, mayStream } from './endless.ts';

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

test('an answer to a call may stream unless its length is known', () => {
  const cases: readonly (readonly [Readonly<Record<string, string>>, boolean])[] = [
    [{ 'content-type': 'application/grpc' }, true],
    [{ 'content-type': 'application/grpc-web-text+proto' }, true],
    [{ 'content-type': 'application/connect+json' }, true],
    [{ 'content-type': 'application/grpc', 'content-length': '0' }, false],
    [{ 'content-type': 'application/json' }, false],
    [{}, false],
  ];
  for (const [fields, expected] of cases) {
    const head = {
      status: 200,
      header: (name: string) => fields[name],
      headers: () => Object.entries(fields),
    };
    deepEqual([mayStream(head), mayBeCut(head), mayBeEndless(head)], [expected, expected, false]);
  }
});
