import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { addressText, isLocal, isLoopbackHost } from './address.ts';

test('writes addresses the way they are configured', () => {
  equal(addressText({ kind: 'tcp', host: '127.0.0.1', port: 80 }), '127.0.0.1:80');
  equal(addressText({ kind: 'tcp', host: '::1', port: 80 }), '[::1]:80');
  equal(addressText({ kind: 'tcp', host: 'localhost', port: 80 }), 'localhost:80');
  equal(addressText({ kind: 'unix', path: '/run/x.sock' }), 'unix:/run/x.sock');
});

for (const host of [
  'localhost',
  'LOCALHOST',
  'app.localhost',
  '127.0.0.1',
  '127.9.8.7',
  '::1',
  '::ffff:127.0.0.1',
]) {
  test(`${host} is loopback`, () => equal(isLoopbackHost(host), true));
}

// `127.0.0.1.evil.example` and the like are names that anyone may point anywhere.
for (const host of [
  '',
  '0.0.0.0',
  '::',
  '10.0.0.1',
  '127.0.0.1.evil.example',
  'localhost.evil.example',
  '127',
  '::127.0.0.1.x',
]) {
  test(`"${host}" is not loopback`, () => equal(isLoopbackHost(host), false));
}

test('a Unix socket is local', () => {
  equal(isLocal({ kind: 'unix', path: '/x' }), true);
  equal(isLocal({ kind: 'tcp', host: '0.0.0.0', port: 1 }), false);
});
