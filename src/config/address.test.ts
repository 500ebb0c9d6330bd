import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { UserError } from '../kit/errors.ts';
import { addressText } from '../model/address.ts';
import { isHost, parseAddress, parseEndpoint } from './address.ts';

for (const text of [
  '127.0.0.1:8080',
  '0.0.0.0:0',
  '[::]:8080',
  '[::ffff:10.0.0.1]:1',
  'localhost:65535',
  'a_b.c-d.example.:1',
  'unix:/run/a b.sock',
]) {
  test(`takes the address ${text}`, () => assert.equal(addressText(parseAddress(text)), text));
}

for (const text of [
  '',
  ':',
  '80',
  'a',
  'a:',
  'a:x',
  'a:65536',
  'a:-1',
  'a:1:2',
  '::1',
  '[::1]',
  '[::1',
  '[a]:1',
  '[]:1',
  'a b:1',
  '-a:1',
  '1.2.3.4.5:1',
  '256.1.1.1:1',
  'http://a:1',
  'unix:',
  'unix:a',
  `unix:/${'a'.repeat(120)}`,
  'a:1\n',
  `${'a'.repeat(64)}:1`,
]) {
  test(`refuses the address ${JSON.stringify(text.slice(0, 30))}`, () => {
    assert.throws(() => parseAddress(text), UserError);
  });
}

for (const [url, address, protocol, tls] of [
  ['http://a:3000', 'a:3000', 'http1', false],
  ['http://a', 'a:80', 'http1', false],
  ['http://a/', 'a:80', 'http1', false],
  ['https://a', 'a:443', 'http1', true],
  ['h2c://[::1]', '[::1]:80', 'h2c', false],
  ['unix:/run/a.sock', 'unix:/run/a.sock', 'http1', false],
  ['unix:///run/a.sock', 'unix:/run/a.sock', 'http1', false],
] as const) {
  test(`takes the URL ${url}`, () => {
    const endpoint = parseEndpoint(url);
    assert.deepEqual(
      [addressText(endpoint.address), endpoint.protocol, endpoint.tls, endpoint.url],
      [address, protocol, tls, url],
    );
  });
}

for (const url of [
  '',
  'a',
  'a:1',
  'http:',
  'http://',
  'http:///x',
  'http://:80',
  'http://a:0',
  'http://a:',
  'http://a/b',
  'http://a?b',
  'http://a#b',
  'http://u:p@a',
  'HTTP://a',
  'ws://a',
  'http://a b',
  'http://a\\b',
  'http://[::1',
  'https://a:99999',
  'http://a/\n',
  'h2://a',
]) {
  test(`refuses the URL ${JSON.stringify(url)}`, () => {
    assert.throws(() => parseEndpoint(url), UserError);
  });
}

test('an address without a host is every IPv4 interface', () => {
  assert.deepEqual(parseAddress(':8080'), { kind: 'tcp', host: '0.0.0.0', port: 8080 });
});

test('property: text is read or refused with a UserError', () => {
  const part = fc.constantFrom(
    'http',
    '://',
    ':',
    '[',
    ']',
    '@',
    '/',
    'a',
    '1',
    '.',
    'unix:',
    '::',
    '\0',
    ' ',
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
      for (const parse of [parseAddress, parseEndpoint]) {
        try {
          parse(parts.join(''));
        } catch (error) {
          assert.ok(error instanceof UserError);
        }
      }
    }),
  );
});

test('hosts are names and IP addresses', () => {
  for (const host of ['a', 'a.b', 'a.b.', '1.2.3.4', '::1', 'a1', '1a.b', 'xn--gr-hoa'])
    assert.ok(isHost(host), host);
  for (const host of [
    '',
    '.',
    'a..b',
    '-a',
    'a-',
    '1.2.3',
    '[::1]',
    'a:1',
    'a/b',
    'ü',
    `${'a.'.repeat(130)}a`,
  ]) {
    assert.ok(!isHost(host), host);
  }
});
