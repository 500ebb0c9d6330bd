import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { recordRequests, recordResponses } from '../../../test/fixtures/http1-recorder.ts';
import type { Http1RequestHead } from './head.ts';

const latin1 = (text: string) => Buffer.from(text, 'latin1');

function requestHead(text: string): Http1RequestHead {
  const [head] = recordRequests([latin1(text)]).heads;
  assert.ok(head);
  return head;
}

describe('targets', () => {
  for (const [method, target, path, query, authority] of [
    ['GET', '/', '/', '', 'h'],
    ['GET', '/a/b?c=d?e&f', '/a/b', 'c=d?e&f', 'h'],
    ['GET', '/a?', '/a', '', 'h'],
    ['GET', '//x/y', '//x/y', '', 'h'],
    ['GET', '/a://b?c', '/a://b', 'c', 'h'],
    ['GET', 'http://x:1/y?z', '/y', 'z', 'x:1'],
    ['GET', 'http://x', '/', '', 'x'],
    ['GET', 'http://x?z/q', '/', 'z/q', 'x'],
    ['GET', 'https+v1.0://[::1]:8/', '/', '', '[::1]:8'],
    ['OPTIONS', '*', '*', '', 'h'],
    ['CONNECT', 'x:443', '', '', 'x:443'],
  ] as const) {
    test(`${method} ${target}`, () => {
      const head = requestHead(`${method} ${target} HTTP/1.1\r\nHost: h\r\n\r\n`);
      assert.deepEqual(
        [head.method, head.target, head.path, head.query, head.authority],
        [method, target, path, query, authority],
      );
      // Asked for in another order, and again.
      const again = requestHead(`${method} ${target} HTTP/1.1\r\nHost: h\r\n\r\n`);
      assert.deepEqual(
        [again.query, again.authority, again.path, again.path],
        [query, authority, path, path],
      );
    });
  }

  test('without Host there is no authority', () => {
    assert.equal(requestHead('GET / HTTP/1.0\r\n\r\n').authority, '');
  });
});

describe('fields', () => {
  const text =
    'GET / HTTP/1.1\r\nHost: h\r\nX-One:1\r\nEmpty:\r\nx-one: \t two  words\t \r\nUtf8: \xc3\xbc\r\nSpace:  \r\n\r\n';
  const head = requestHead(text);

  test('come in order, names as sent, values without the white space around them', () => {
    assert.deepEqual(
      [...head.headers()],
      [
        ['Host', 'h'],
        ['X-One', '1'],
        ['Empty', ''],
        ['x-one', 'two  words'],
        ['Utf8', '\xc3\xbc'],
        ['Space', ''],
      ],
    );
    assert.equal(head.fieldCount, 6);
  });

  test('are found by lower-case name, the first of several', () => {
    assert.equal(head.header('x-one'), '1');
    assert.equal(head.header('empty'), '');
    assert.equal(head.header('x-on'), undefined);
    assert.equal(head.header('x-ones'), undefined);
    // In ASCII, `[` and `{` differ in the bit in which upper case differs from lower case.
    assert.equal(requestHead('GET / HTTP/1.1\r\nHost: h\r\n^a: 1\r\n\r\n').header('~a'), undefined);
  });

  test('can be looked at by index without making strings', () => {
    assert.deepEqual([head.name(3), head.value(3), head.nameLength(3)], ['x-one', 'two  words', 5]);
    assert.equal(head.nameIs(1, 'x-one'), true);
    assert.equal(head.nameIs(2, 'x-one'), false);
    assert.equal(head.valueIs(3, 'two  words'), true);
    assert.equal(head.valueIs(3, 'two  word'), false);
  });

  test('bytes are the head as it was sent, without what stood around it', () => {
    assert.deepEqual(head.bytes, latin1(text));
    assert.deepEqual(requestHead(`\r\n${text}`).bytes, latin1(text));
    const post = 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n';
    assert.deepEqual(requestHead(`${post}hi`).bytes, latin1(post));
    assert.notEqual(head.bytes, head.bytes);
  });
});

test('a response head tells version, status and reason', () => {
  for (const [line, version, status, reason] of [
    ['HTTP/1.1 200 OK', '1.1', 200, 'OK'],
    ['HTTP/1.0 404 Not  found \xfc', '1.0', 404, 'Not  found \xfc'],
    ['HTTP/1.1 204 ', '1.1', 204, ''],
    ['HTTP/1.1 304', '1.1', 304, ''],
  ] as const) {
    const text = `${line}\r\nServer: x\r\n\r\n`;
    const [head] = recordResponses([latin1(text)], ['GET']).heads;
    assert.ok(head);
    assert.deepEqual([head.version, head.status, head.reason], [version, status, reason]);
    assert.deepEqual([...head.headers()], [['Server', 'x']]);
    assert.deepEqual(head.bytes, latin1(text));
  }
});

const answerHeads: readonly (readonly [
  what: string,
  left: string,
  right: string,
  differing: readonly string[] | undefined,
])[] = [
  ['the same', 'A: 1\r\nDate: x\r\n', 'A: 1\r\nDate: x\r\n', []],
  ['names in another case and white space around values', 'a: 1\r\n', 'A:  1 \r\n', []],
  ['two values', 'A: 1\r\nDate: x\r\nB: 2\r\n', 'A: 1\r\nDATE: y\r\nB: 22\r\n', ['b', 'date']],
  ['another order', 'A: 1\r\nB: 2\r\n', 'B: 2\r\nA: 1\r\n', undefined],
  ['one more', 'A: 1\r\n', 'A: 1\r\nB: 2\r\n', undefined],
  ['none', '', '', []],
  [
    'whether the connection stays open',
    'Connection: close\r\nA: 1\r\n',
    'Connection: Keep-Alive\r\nA: 1\r\n',
    [],
  ],
  ['that said by one side', 'A: 1\r\n', 'Connection: close\r\nA: 1\r\nKeep-Alive: timeout=5\r\n', []],
  ['that said by the other', 'Keep-Alive: max=1\r\nA: 1\r\nConnection: close\r\n', 'A: 2\r\n', ['a']],
  ['that said elsewhere', 'Connection: close\r\nA: 1\r\n', 'A: 1\r\nConnection: close\r\n', []],
  ['fields of a connection', 'Connection: A\r\nA: 1\r\n', 'Connection: close\r\nA: 1\r\n', ['connection']],
  ['fields of one connection', 'Connection: A\r\nA: 1\r\n', 'A: 1\r\n', undefined],
];
for (const [what, left, right, differing] of answerHeads) {
  test(`tells which fields of two heads differ: ${what}`, () => {
    const [a, b] = [left, right].map(
      (fields) => recordResponses([latin1(`HTTP/1.1 204 x\r\n${fields}\r\n`)], ['GET']).heads[0],
    );
    assert.ok(a !== undefined && b !== undefined);
    assert.deepEqual(a.differingFields(b), differing);
  });
}
