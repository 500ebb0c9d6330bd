import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sniffClient, sniffHttp2Server } from './sniff.ts';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

for (const [expected, text] of [
  ['more', ''],
  ['more', 'G'],
  ['more', 'GET'],
  ['http1', 'GET '],
  ['http1', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['http1', 'M-SEARCH * HTTP/1.1\r\n'],
  ['http1', '\r\nGET /'],
  ['more', '\r'],
  ['more', '\r\n'],
  ['more', '\r\nPOST'],
  ['http1', 'PRINT / HTTP/1.1'],
  ['http1', 'PRI * HTTP/1.1'],
  ['more', 'P'],
  ['more', 'PRI'],
  ['more', PREFACE.slice(0, -1)],
  ['http2', PREFACE],
  ['http2', `${PREFACE}\0\0\x12\x04`],
  ['more', '\x16'],
  ['more', '\x16\x03\x01\x02\0'],
  ['tls', '\x16\x03\x01\x02\0\x01'],
  ['tls', '\x16\x03\x03\x02\0\x01\0\x01'],
  ['other', '\x16\x02'],
  ['other', '\x16\x03\x01\x02\0\x02'],
  ['other', '\x17\x03\x03'],
  ['other', ' GET / HTTP/1.1'],
  ['other', '\r\r'],
  ['other', '\r\n\r\nGET /'],
  ['other', '\r\n /'],
  ['other', 'SSH-2.0-OpenSSH_9\r\n'],
  ['other', 'GET\t/'],
  ['other', '\x05\x01\0'],
  ['more', 'A'.repeat(32)],
  ['http1', `${'A'.repeat(32)} `],
  ['other', 'A'.repeat(33)],
] as const) {
  test(`${expected}: ${JSON.stringify(text)}`, () => {
    assert.equal(sniffClient(Buffer.from(text, 'latin1')), expected);
  });
}

const servers: readonly (readonly [name: string, hex: string, expected: boolean])[] = [
  ['settings', '000006040000000000000100001000', true],
  ['empty settings', '000000040000000000', true],
  ['the first octets of settings', '000012', true],
  ['an acknowledgement', '000000040100000000', false],
  ['settings on a stream', '000000040000000001', false],
  ['another frame', '000008060000000000', false],
  ['an answer of HTTP/1.1', '485454502f', false],
];
for (const [name, hex, expected] of servers) {
  test(`${name} ${expected ? 'may be' : 'is not'} what an HTTP/2 server says first`, () => {
    assert.equal(sniffHttp2Server(Buffer.from(hex, 'hex')), expected);
  });
}
