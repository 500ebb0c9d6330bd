import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Http2RequestHead, Http2ResponseHead, trailersOf } from './head.ts';
import type { Field } from './static-table.ts';

const START: readonly Field[] = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', 'shop.example:8443'],
  [':path', '/orders?id=1&all'],
];

function without(name: string): readonly Field[] {
  return START.filter((field) => field[0] !== name);
}

function start(changes: Readonly<Record<string, string>>): readonly Field[] {
  return START.map(([name, value]): Field => [name, changes[name] ?? value]);
}

test('reads a request', () => {
  const head = Http2RequestHead.of([
    ...START,
    ['accept', '*/*'],
    ['accept', 'text/html'],
    ['te', 'trailers'],
  ]);
  assert.ok(head !== undefined);
  assert.equal(head.method, 'GET');
  assert.equal(head.scheme, 'https');
  assert.equal(head.authority, 'shop.example:8443');
  assert.equal(head.target, '/orders?id=1&all');
  assert.equal(head.path, '/orders');
  assert.equal(head.query, 'id=1&all');
  assert.equal(head.header('accept'), '*/*');
  assert.equal(head.header(':path'), undefined);
  assert.deepEqual([...head.headers()].length, 3);
});

test('takes the authority from Host where there is no other', () => {
  assert.equal(
    Http2RequestHead.of([...without(':authority'), ['host', 'a.example']])?.authority,
    'a.example',
  );
  assert.equal(Http2RequestHead.of(without(':authority'))?.authority, '');
  assert.ok(Http2RequestHead.of([...START, ['host', 'SHOP.example:8443']]) !== undefined);
});

test('joins cookies that came one by one', () => {
  const head = Http2RequestHead.of([
    ...START,
    ['cookie', 'a=1'],
    ['accept', '*/*'],
    ['cookie', 'b=2'],
    ['cookie', 'c=3'],
  ]);
  assert.deepEqual(head?.fields, [
    ['cookie', 'a=1; b=2; c=3'],
    ['accept', '*/*'],
  ]);
});

test('reads CONNECT, plain and extended', () => {
  const plain = Http2RequestHead.of([
    [':method', 'CONNECT'],
    [':authority', 'a.example:443'],
  ]);
  assert.equal(plain?.target, 'a.example:443');
  assert.equal(plain?.path, '');
  const extended = Http2RequestHead.of([...start({ ':method': 'CONNECT' }), [':protocol', 'websocket']]);
  assert.equal(extended?.protocol, 'websocket');
  assert.equal(extended?.path, '/orders');
  // As HTTP/1.1 asks for one.
  assert.equal(extended?.method, 'GET');
  const other = Http2RequestHead.of([...start({ ':method': 'CONNECT' }), [':protocol', 'connect-udp']]);
  assert.equal(other?.method, 'CONNECT');
});

const IMPROPER: readonly (readonly [name: string, block: readonly Field[]])[] = [
  ['nothing', []],
  ['no method', without(':method')],
  ['no scheme', without(':scheme')],
  ['no path', without(':path')],
  ['an empty path', start({ ':path': '' })],
  ['a path without its slash', start({ ':path': 'orders' })],
  ['* for GET', start({ ':path': '*' })],
  ['a path with a space', start({ ':path': '/a HTTP/1.1' })],
  ['a path with a line end', start({ ':path': '/a\r\nx: y' })],
  ['a method that is no token', start({ ':method': 'GET /' })],
  ['a scheme with a space', start({ ':scheme': 'http ' })],
  ['an authority with user information', start({ ':authority': 'me@a.example' })],
  ['an authority with a line end', start({ ':authority': 'a\r\nb' })],
  ['another host than its authority', [...START, ['host', 'other.example']]],
  ['two hosts', [...without(':authority'), ['host', 'a.example'], ['host', 'b.example']]],
  ['a pseudo-header twice', [...START, [':path', '/']]],
  ['an unknown pseudo-header', [...START, [':secret', 'x']]],
  ['one of an answer', [...START, [':status', '200']]],
  ['a pseudo-header behind a field', [['accept', '*/*'], ...START]],
  ['a name with an upper-case letter', [...START, ['Accept', '*/*']]],
  ['an empty name', [...START, ['', 'x']]],
  ['a name with a space', [...START, ['a b', 'x']]],
  ['a value with a line end', [...START, ['a', 'x\nb: y']]],
  ['a value with a carriage return', [...START, ['a', 'x\ry']]],
  ['a value with NUL', [...START, ['a', 'x\0']]],
  ['a value with a space before it', [...START, ['a', ' x']]],
  ['a value with a tab behind it', [...START, ['a', 'x\t']]],
  ['Connection', [...START, ['connection', 'close']]],
  ['Transfer-Encoding', [...START, ['transfer-encoding', 'chunked']]],
  ['Upgrade', [...START, ['upgrade', 'h2c']]],
  ['TE of another kind', [...START, ['te', 'gzip']]],
  ['content lengths that differ', [...START, ['content-length', '1'], ['content-length', '2']]],
  ['a content length that is no number', [...START, ['content-length', '+1']]],
  ['CONNECT with a path', start({ ':method': 'CONNECT' })],
  ['CONNECT without an authority', [[':method', 'CONNECT']]],
  [':protocol without CONNECT', [...START, [':protocol', 'websocket']]],
];

for (const [name, block] of IMPROPER) {
  test(`a request with ${name} is no proper one`, () => {
    assert.equal(Http2RequestHead.of(block), undefined);
  });
}

test('OPTIONS may ask for *', () => {
  assert.equal(Http2RequestHead.of(start({ ':method': 'OPTIONS', ':path': '*' }))?.path, '*');
});

test('reads an answer', () => {
  const head = Http2ResponseHead.of([
    [':status', '204'],
    ['server', 'x'],
  ]);
  assert.equal(head?.status, 204);
  assert.equal(head.header('server'), 'x');
});

for (const status of ['', '20', '2000', '99', '20x', '099', '600'])
  test(`an answer with the status "${status}" is no proper one`, () => {
    assert.equal(Http2ResponseHead.of([[':status', status]]), undefined);
  });

test('content that announces its length says how long it is', () => {
  const post = start({ ':method': 'POST' });
  assert.equal(Http2RequestHead.of([...post, ['content-length', '12']])?.contentLength, 12);
  assert.equal(
    Http2RequestHead.of([...post, ['content-length', '7'], ['content-length', '7']])?.contentLength,
    7,
  );
  assert.equal(Http2RequestHead.of(post)?.contentLength, undefined);
});

test('trailers have no pseudo-headers', () => {
  const trailers: readonly Field[] = [['grpc-status', '0']];
  assert.deepEqual(trailersOf(trailers), trailers);
  assert.equal(trailersOf([[':status', '200']]), undefined);
});

test('binary metadata that came as bytes is read as Base64', () => {
  const fields: readonly Field[] = [
    ['grpc-status', '5'],
    ['why-bin', '\0\0\r\n\xff'],
    ['empty-bin', '\0'],
    ['other-bin', 'AAH/'],
  ];
  assert.deepEqual(trailersOf(fields), [
    ['grpc-status', '5'],
    ['why-bin', 'AA0K/w'],
    ['empty-bin', ''],
    ['other-bin', 'AAH/'],
  ]);
  for (const [name, value] of [
    ['why', '\0a'],
    ['why-bin', 'a\0'],
    ['why-bin', 'a\r\n'],
  ] as const)
    assert.equal(trailersOf([[name, value]]), undefined);
});
