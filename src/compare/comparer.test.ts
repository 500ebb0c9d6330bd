import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { DEFAULT_COMPARE } from '../model/compare-settings.ts';
import type { CompareSettings } from '../model/compare-settings.ts';
import type { Answer } from '../model/difference.ts';
import { createComparer, SAME } from './comparer.ts';
import type { ComparerOptions, Comparison } from './comparer.ts';

const NO_REDACTION = { headers: [], queryParams: [], jsonFields: [] };
const ROUTE = 'GET /orders/{id}';

interface AnswerParts {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | readonly number[];
  readonly trailers?: Answer['trailers'];
}

function answer({ status = 200, headers = {}, body = '', trailers = [] }: AnswerParts): Answer {
  const fields = Object.entries(headers);
  return {
    status,
    header: (name) => fields.find(([key]) => key.toLowerCase() === name)?.[1],
    headers: () => fields,
    body: [typeof body === 'string' ? Buffer.from(body) : Buffer.from(body)],
    trailers,
  };
}

function json(body: string | Uint8Array, more: AnswerParts = {}): AnswerParts {
  return { ...more, body, headers: { 'content-type': 'application/json', ...more.headers } };
}

function compare(
  primary: AnswerParts,
  other: AnswerParts,
  settings: Partial<CompareSettings> = {},
  options: Partial<ComparerOptions> = {},
  method = 'GET',
): Comparison {
  const comparer = createComparer(
    { ...DEFAULT_COMPARE, ...settings },
    { redact: NO_REDACTION, recognise: false, ...options },
  );
  return comparer.compare(answer(primary), answer(other), method, ROUTE);
}

const shown = ({ differences }: Comparison) =>
  differences.map(({ kind, path, risk }) => `${kind} ${path} ${risk}`);

const html = { headers: { 'content-type': 'text/html' } };
const gzip = { headers: { 'content-encoding': 'gzip' } };
const damaged = Buffer.from(gzipSync('{"a":1}')).fill(0xff, 10, 14);
const other = Buffer.from(gzipSync('{"a":2}')).fill(0xff, 10, 14);

const CASES: readonly (readonly [
  name: string,
  primary: AnswerParts,
  other: AnswerParts,
  found: readonly string[],
])[] = [
  ['equal answers', json('{"a":1}'), json('{"a":1}'), []],
  ['other keys first', json('{"a":1,"b":2}'), json('{"b":2, "a":1}'), []],
  ['another value', json('{"a":1}'), json('{"a":2}'), ['value body.a medium']],
  ['another date', json('{}', { headers: { date: 'a' } }), json('{}', { headers: { date: 'b' } }), []],
  ['another request id', { headers: { 'X-Request-Id': 'a' } }, { headers: { 'X-Request-Id': 'b' } }, []],
  ['another length', { headers: { 'content-length': '1' } }, { headers: { 'content-length': '2' } }, []],
  [
    "a header that only one side calls its connection's",
    { headers: { connection: 'x-hop', 'x-hop': '1' } },
    { headers: { connection: 'close', 'x-hop': '1' } },
    ['added header.x-hop low'],
  ],
  [
    'another header',
    { headers: { 'x-build': '1' } },
    { headers: { 'x-build': '2' } },
    ['header header.x-build low'],
  ],
  ['a header that is new', {}, { headers: { 'x-new': '2' } }, ['added header.x-new low']],
  ['another status', { status: 200 }, { status: 201 }, ['status status medium']],
  ['another class', { status: 200 }, { status: 404 }, ['status status high']],
  ['another failure', { status: 500 }, { status: 503 }, ['status status high']],
  [
    'an error page instead of JSON: one difference',
    json('{"a":1}'),
    { ...html, status: 500, body: '<h1>Oh</h1>' },
    ['status status high'],
  ],
  [
    'another status of the same class: the body counts',
    json('{"a":1}', { status: 200 }),
    json('{"a":2}', { status: 201 }),
    ['status status medium', 'value body.a medium'],
  ],
  ['no body any more', json('{"a":1}'), json(''), ['missing body high']],
  ['a body where there was none', json(''), json('{"a":1}'), ['added body low']],
  [
    'compressed otherwise',
    json(gzipSync('{"a":1}'), gzip),
    json(gzipSync('{"a":1}', { level: 0 }), gzip),
    [],
  ],
  [
    'compressed, another value',
    json(gzipSync('{"a":1}'), gzip),
    json(gzipSync('{"a":2}'), gzip),
    ['value body.a medium'],
  ],
  [
    'a body that is not what its coding says',
    json(gzipSync('{"a":1}'), gzip),
    json('{"a":1}', gzip),
    ['type body high'],
  ],
  ['damaged alike, not equal', json(damaged, gzip), json(other, gzip), ['value body medium']],
  ['no JSON on one side', json('{"a":1}'), json('{"a":1'), ['type body high']],
  ['no JSON on both', json('{"a":1'), json('{"b":1'), ['value body medium']],
  ['equally broken', json('{"a":1'), json('{"a":1'), []],
  ['text', { body: 'a\nb\n' }, { body: 'a\nb\n' }, []],
  ['JSON that nothing says is JSON', { body: '{"a":1}' }, { body: '{"a":1.0}' }, []],
  ['what only looks like JSON is text', { body: '{a}' }, { body: '{b}' }, ['value body medium']],
  ['bytes', { body: [0, 1] }, { body: [0, 2] }, ['value body medium']],
  ['a trailer', { trailers: [['x-sum', '1']] }, { trailers: [['x-sum', '2']] }, ['header trailer.x-sum low']],
];
for (const [name, left, right, found] of CASES) {
  test(`${name}: ${found.join(', ') || 'nothing'}`, () => deepEqual(shown(compare(left, right)), found));
}

test('nothing is one and the same', () => {
  equal(compare(json('{"a":1}'), json('{"a":1}')), SAME);
  equal(compare(json('{"a":1}'), json('{"a":1 }')), SAME);
});

test('codings that differ are one difference of the header, not of the body', () => {
  const left = json(gzipSync('{"a":1}'), gzip);
  const right = json(brotliCompressSync('{"a":1}'), { headers: { 'content-encoding': 'br' } });
  deepEqual(
    compare(left, right).differences.map(({ path }) => path),
    ['header.content-encoding'],
  );
});

for (const [method, status] of [
  ['HEAD', 200],
  ['GET', 304],
  ['GET', 204],
] as const) {
  test(`the body of ${status} to ${method} says nothing`, () => {
    equal(compare({ status, body: 'a' }, { status, body: 'b' }, {}, {}, method), SAME);
  });
}

const ignoreA = (route: string | undefined) => [{ path: 'body.a', kinds: [], route }];

test('ignored differences are counted, and those of another route are not ignored', () => {
  const left = json('{"a":1,"b":1}');
  const right = json('{"a":2,"b":2}');
  const ignored = compare(left, right, { ignore: ignoreA(ROUTE) });
  deepEqual(shown(ignored), ['value body.b medium']);
  equal(ignored.ignored, 1);
  equal(compare(left, right, { ignore: ignoreA('GET /') }).differences.length, 2);
  deepEqual(compare(json('{"a":1}'), json('{"a":2}'), { ignore: ignoreA(undefined) }), {
    differences: [],
    more: 0,
    ignored: 1,
  });
});

test('volatile headers are compared by value where asked', () => {
  const headers = { volatile: 'value' } as const;
  const found = compare({ headers: { date: 'a' } }, { headers: { date: 'b' } }, { headers });
  deepEqual(
    found.differences.map(({ path }) => path),
    ['header.date'],
  );
});

test('a body that is ignored is not looked at', () => {
  const ignore = [{ path: 'body.**', kinds: [], route: undefined }];
  equal(compare(json('{"a":1}'), json('{"a":2}'), { ignore }), SAME);
});

test('values that look volatile are compared by their form where asked', () => {
  const left = json('{"at":"2026-05-01T10:00:00Z","id":"8f14e45f-ceea-467f-a0e6-1b2f3c4d5e6f"}');
  const right = json('{"at":"2026-05-01T10:00:03Z","id":"6512bd43-d9ca-4a6e-8c1b-9f8e7d6c5b4a"}');
  equal(compare(left, right).differences.length, 2);
  equal(compare(left, right, {}, { recognise: true }), SAME);
});

test('numbers within the tolerance of the first rule that fits are alike', () => {
  const tolerance = [
    { path: 'body.exact', absolute: 0, relative: 0 },
    { path: 'body.*', absolute: 0, relative: 0.01 },
  ];
  const found = compare(json('{"a":100,"b":1,"exact":100}'), json('{"a":101,"b":2,"exact":101}'), {
    tolerance,
  });
  deepEqual(shown(found), ['value body.b medium', 'value body.exact medium']);
});

test('redacted fields and secret headers are not shown', () => {
  const left = json('{"user":{"pin":1}}', { headers: { authorization: 'left' } });
  const right = json('{"user":{"pin":2}}', { headers: { authorization: 'right' } });
  const redact = { ...NO_REDACTION, jsonFields: ['user.pin'] };
  const { differences } = compare(left, right, {}, { redact });
  equal(differences.length, 2);
  for (const difference of differences) equal(difference.primary, '(redacted)', difference.path);
});

test('bodies past the limit of values are compared as text', () => {
  const limits = { ...DEFAULT_COMPARE.limits, values: 3 };
  for (const left of ['[1,2]', '[1,2,4]']) {
    const found = compare(json(left), json('[1,2,3]'), { limits });
    deepEqual(shown(found), ['value body medium']);
    equal(found.differences[0]?.primary, left);
  }
});
