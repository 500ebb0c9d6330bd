import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { createRecordRedaction } from './record-redaction.ts';

const redaction = createRecordRedaction({
  headers: ['x-customer'],
  queryParams: ['token'],
  jsonFields: ['user.email'],
});

test('secrets are never recorded, whatever the policy says', () => {
  const { headers } = createRecordRedaction({ headers: [], queryParams: [], jsonFields: [] });
  deepEqual(
    headers([
      ['Authorization', 'Bearer x'],
      ['SET-COOKIE', 'session=1'],
      ['Accept', '*/*'],
    ]),
    [
      ['Authorization', 'redacted'],
      ['SET-COOKIE', 'redacted'],
      ['Accept', '*/*'],
    ],
  );
});

test('what the policy names is not recorded', () => {
  deepEqual(redaction.headers([['X-Customer', 'ada']]), [['X-Customer', 'redacted']]);
  equal(redaction.target('/a?token=1&page=2'), '/a?token=redacted&page=2');
  deepEqual(redaction.headers([['Location', 'https://h/a?token=1']]), [
    ['Location', 'https://h/a?token=redacted'],
  ]);
  equal(
    redaction
      .body([['content-type', 'application/json']], Buffer.from('{"user":{"email":"a@b"},"n":1}'), '/a')
      ?.toString(),
    '{"user":{"email":"redacted"},"n":1}',
  );
});

const hidden: readonly (readonly [
  what: string,
  fields: readonly (readonly [string, string])[],
  body: string,
])[] = [
  [
    'compressed',
    [
      ['content-type', 'application/json'],
      ['content-encoding', 'gzip'],
    ],
    'x',
  ],
  ['broken', [['content-type', 'application/json']], '{"user":{"email":"a@b"'],
];
for (const [what, fields, body] of hidden) {
  test(`a body that may hold such a field and is ${what} is left out`, () => {
    equal(redaction.body(fields, Buffer.from(body), '/a'), undefined);
  });
}
