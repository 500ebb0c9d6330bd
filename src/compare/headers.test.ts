import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerOf, collectingContext } from './format-fixture.ts';
import { compareHeaders, compareTrailers } from './headers.ts';

type Lines = readonly string[];

const read = (lines: Lines) =>
  lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()] as const);

function differences(primary: Lines, other: Lines, volatile: 'presence' | 'value' = 'presence') {
  const { context, found } = collectingContext();
  compareHeaders(answerOf(read(primary)), answerOf(read(other)), context, { volatile });
  return found.map(({ kind, path, risk }) => `${kind} ${path} ${risk}`);
}

const cookieAnswer = (value: string) => answerOf([['Set-Cookie', value]]);
const statusAnswer = (value: string) => answerOf([], [['Grpc-Status', value]]);

const same: readonly (readonly [fact: string, primary: Lines, other: Lines])[] = [
  ['names in another case', ['Content-Type: text/html'], ['content-type: text/html']],
  ['another order of fields', ['a: 1', 'b: 2'], ['b: 2', 'a: 1']],
  ['framing', ['Content-Length: 5'], ['Transfer-Encoding: chunked']],
  ['fields of the connection', ['Keep-Alive: timeout=5', 'Connection: keep-alive'], ['Connection: close']],
  ['fields that Connection names', ['Connection: x-hop, close', 'X-Hop: 1'], []],
  ['dates', ['Date: Sun, 22 Nov 2026 19:50:21 GMT'], ['Date: Sun, 22 Nov 2026 20:50:21 GMT']],
  ['request ids of any form', ['X-Request-Id: 17'], ['x-request-id: b81d5e02-77aa-4c39-9d10-5e0f6a7b8c9d']],
  ['parts of traces', ['X-B3-TraceId: 1'], ['X-B3-TraceId: 2']],
  ['entity tags', ['ETag: "a"'], ['ETag: W/"b"']],
  ['lists on one line or several', ['Vary: a', 'Vary: B'], ['vary: b,A']],
  ['directives in any order', ['Cache-Control: no-cache, max-age=0'], ['cache-control: max-age=0,No-Cache']],
  ['members of links', ['Link: <a,b>; rel=x, <c>; rel=y'], ['Link: <c>; rel=y, <a,b>; rel=x']],
  ['repeated fields as one list', ['X-A: 1', 'X-A: 2'], ['X-A: 1, 2']],
  [
    'charsets in any case',
    ['Content-Type: text/html; charset=UTF-8'],
    ['Content-Type: TEXT/HTML;charset="utf-8"'],
  ],
  [
    'boundaries',
    ['Content-Type: multipart/mixed; boundary=a'],
    ['Content-Type: multipart/mixed; boundary=b'],
  ],
  [
    'nonces of a policy',
    ["Content-Security-Policy: default-src 'self'; script-src 'nonce-abc' x"],
    ["content-security-policy: script-src x 'nonce-d/=='; default-src 'self'"],
  ],
  [
    'values and expiry of cookies',
    ['Set-Cookie: sid=a; Path=/; HttpOnly; Expires=Sun, 22 Nov 2026 19:50:21 GMT'],
    ['Set-Cookie: sid=b; expires=Mon, 23 Nov 2026 19:50:21 GMT; httponly; path=/'],
  ],
  [
    'volatile values in other fields',
    ['Location: /orders/3f2a8c1e-9b4d-4e6f-8a1b-2c3d4e5f6071'],
    ['Location: /orders/b81d5e02-77aa-4c39-9d10-5e0f6a7b8c9d'],
  ],
];
for (const [fact, primary, other] of same) {
  test(`no difference: ${fact}`, () => {
    assert.deepEqual(differences(primary, other), []);
    assert.deepEqual(differences(other, primary), []);
  });
}

const unlike: readonly (readonly [primary: Lines, other: Lines, expected: Lines])[] = [
  [['Content-Type: text/html'], [], ['missing header.content-type high']],
  [[], ['Content-Type: text/html'], ['added header.content-type low']],
  [['Location: /a'], [], ['missing header.location high']],
  [['Location: /a'], ['Location: /b'], ['header header.location medium']],
  [['X-Build: 1'], ['X-Build: 2'], ['header header.x-build low']],
  [['X-Build: 1'], [], ['missing header.x-build low']],
  [['Date: x'], [], ['missing header.date low']],
  [['Access-Control-Allow-Origin: *'], [], ['missing header.access-control-allow-origin medium']],
  [['Vary: a, b'], ['Vary: a'], ['header header.vary medium']],
  [['Allow: GET'], ['Allow: get'], ['header header.allow medium']],
  [['Cache-Control: max-age=60'], ['Cache-Control: max-age=0'], ['header header.cache-control medium']],
  [
    ['Content-Type: text/html; charset=utf-8'],
    ['Content-Type: text/html'],
    ['header header.content-type medium'],
  ],
  [['Set-Cookie: a=1', 'Set-Cookie: b=1'], ['Set-Cookie: a=2'], ['missing header.set-cookie high']],
  [['Set-Cookie: a=1'], ['Set-Cookie: a=1', 'Set-Cookie: c=1'], ['added header.set-cookie low']],
  [['Set-Cookie: a=1; Secure'], ['Set-Cookie: a=1'], ['header header.set-cookie medium']],
  [
    ['Set-Cookie: a=1; Expires=Sun, 22 Nov 2026 19:50:21 GMT'],
    ['Set-Cookie: a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT'],
    ['header header.set-cookie medium'],
  ],
  [['X-A: 1, 2'], ['X-A: 2, 1'], ['header header.x-a low']],
];
for (const [primary, other, expected] of unlike) {
  test(`${primary.join(' | ')} ↔ ${other.join(' | ')}: ${expected.join()}`, () =>
    assert.deepEqual(differences(primary, other), expected));
}

test('values of volatile fields count when asked for', () => {
  assert.deepEqual(differences(['ETag: "a"'], ['ETag: "b"'], 'value'), ['header header.etag low']);
  assert.deepEqual(differences(['Set-Cookie: a=1'], ['Set-Cookie: a=2'], 'value'), [
    'header header.set-cookie medium',
  ]);
});

test('values of cookies are not shown', () => {
  const { context, found } = collectingContext();
  compareHeaders(cookieAnswer('sid=secret; Secure'), cookieAnswer('sid=secret'), context, {
    volatile: 'value',
  });
  assert.deepEqual(
    found.map(({ primary, other }) => [primary, other]),
    [['sid=…; secure', 'sid=…']],
  );
});

test('trailers are compared alike', () => {
  const { context, shown } = collectingContext();
  compareTrailers(statusAnswer('0'), statusAnswer('13'), context, { volatile: 'presence' });
  assert.deepEqual(shown(), ['header trailer.grpc-status']);
});

test('stops when no more differences are kept', () => {
  const { context, found } = collectingContext({ limits: { differences: 3 } });
  const many = Array.from({ length: 1000 }, (_, i) => [`x-${i}`, 'a'] as const);
  compareHeaders(answerOf(many), answerOf([]), context, { volatile: 'presence' });
  assert.equal(found.length, 3);
});
