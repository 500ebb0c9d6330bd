import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeHeaders, encodeNumber, encodeSettings, frame } from './encode.ts';
import { beginsWithFrames } from './frame-chain.ts';
import { FLAG, FRAME } from './frame.ts';

const REQUEST = encodeHeaders(5, [[':method', 'GET']], true);
const PING = frame(FRAME.ping, FLAG.ack, 0, Buffer.alloc(8));
const WINDOW = encodeNumber(FRAME.windowUpdate, 0, 1000);
const DATA = frame(FRAME.data, 0, 5, Buffer.alloc(300, 'x'));
const OPEN_BLOCK = frame(FRAME.headers, 0, 5, Buffer.of(0x82));
const REST = frame(FRAME.continuation, FLAG.endHeaders, 5, Buffer.of(0x84));
const cut = (whole: Buffer): Buffer => whole.subarray(0, whole.length - 1);

const chunks: readonly (readonly [
  name: string,
  parts: readonly Buffer[],
  client: boolean,
  server: boolean,
])[] = [
  ['a request', [REQUEST], true, true],
  ['an acknowledgement', [PING], true, true],
  ['a window', [WINDOW], true, true],
  ['settings', [encodeSettings([[3, 100]])], true, true],
  ['content', [DATA, DATA], true, true],
  ['a header block in two frames', [OPEN_BLOCK, REST], true, true],
  ['three frames and part of a fourth', [WINDOW, REQUEST, DATA, cut(DATA)], true, true],
  ['three frames and part of a head', [WINDOW, REQUEST, DATA, DATA.subarray(0, 5)], true, true],
  ['a stream that a server opened', [encodeHeaders(2, [[':status', '200']], true)], false, true],
  ['what a server promises', [frame(FRAME.pushPromise, FLAG.endHeaders, 1, Buffer.alloc(9))], false, true],
  ['what a client prefers', [frame(0x10, 0, 0, Buffer.alloc(9))], true, false],
  ['two frames and part of a third', [WINDOW, REQUEST, cut(DATA)], false, false],
  ['part of a frame', [cut(REQUEST)], false, false],
  ['less than a head', [REQUEST.subarray(0, 8)], false, false],
  ['nothing', [], false, false],
  ['what lies behind the first octet', [REQUEST.subarray(1), DATA], false, false],
  ['a start line', [Buffer.from('GET / HTTP/1.1\r\n\r\n')], false, false],
  ['a continuation of nothing', [REST], false, false],
  ['a header block that something else interrupts', [OPEN_BLOCK, PING, REST], false, false],
  [
    'a continuation of another block',
    [OPEN_BLOCK, frame(FRAME.continuation, 4, 7, Buffer.of(0x84))],
    false,
    false,
  ],
  ['an unknown type', [frame(0x0b, 0, 0, Buffer.alloc(4))], false, false],
  ['unknown flags', [frame(FRAME.ping, 0x40, 0, Buffer.alloc(8))], false, false],
  ['a ping of seven octets', [frame(FRAME.ping, 0, 0, Buffer.alloc(7))], false, false],
  ['content of no stream', [frame(FRAME.data, 0, 0, Buffer.alloc(7))], false, false],
  ['settings of a stream', [frame(FRAME.settings, 0, 1, Buffer.alloc(6))], false, false],
  ['settings that are cut', [frame(FRAME.settings, 0, 0, Buffer.alloc(7))], false, false],
  [
    'an acknowledgement that sets something',
    [frame(FRAME.settings, FLAG.ack, 0, Buffer.alloc(6))],
    false,
    false,
  ],
  ['the reserved bit', [Buffer.from('000008060080000000' + '00'.repeat(8), 'hex')], false, false],
];
for (const [name, parts, client, server] of chunks) {
  test(`${name}: ${client ? '' : 'not '}of a client, ${server ? '' : 'not '}of a server`, () => {
    const chunk = Buffer.concat(parts);
    assert.deepEqual([beginsWithFrames(chunk, true), beginsWithFrames(chunk, false)], [client, server]);
  });
}
