import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { temporaryFolder } from '../../../test/fixtures/temporary-folder.ts';
import { encodePcapHead, encodePcapRecord } from '../pcap/encode.ts';
import { LINK } from '../pcap/frame.ts';
import { TcpConversation, encodeTcpFrame } from './encode.ts';
import type { Endpoint } from './encode.ts';
import { ethernetForm } from './ethernet-form.ts';
import { PacketDecoder } from './packet-decoder.ts';
import { TCP_FLAG } from './packet.ts';

const MICROS = 1_700_000_000_000_000;
const CLIENT: Endpoint = { ip: '10.1.2.3', port: 50_000 };
const SERVER: Endpoint = { ip: '10.4.5.6', port: 10_443 };
const CLIENT6: Endpoint = { ip: '2001:db8::1', port: 50_001 };
const SERVER6: Endpoint = { ip: '2001:db8::2', port: 10_443 };
const skip = spawnSync('tshark', ['--version']).status === 0 ? false : 'tshark is not installed';

/** Fields that tshark finds in frames, a line for each packet. */
function tshark(frames: readonly Uint8Array[], ...options: readonly string[]): string[] {
  using folder = temporaryFolder();
  const path = folder.file('frames.pcap');
  const records = frames.map((bytes, i) => encodePcapRecord({ bytes, micros: MICROS + i }));
  writeFileSync(path, Buffer.concat([encodePcapHead(LINK.ethernet), ...records]));
  const check = ['-o', 'tcp.check_checksum:TRUE', '-o', 'ip.check_checksum:TRUE'];
  const output = execFileSync('tshark', ['-r', path, ...check, ...options], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return output.toString().trimEnd().split('\n');
}

function conversation(client: Endpoint, server: Endpoint): { talk: TcpConversation; frames: Uint8Array[] } {
  const frames: Uint8Array[] = [];
  const talk = new TcpConversation(client, server, MICROS, (frame) => void frames.push(frame));
  return { talk, frames };
}

function decoded(bytes: Uint8Array) {
  const decoder = new PacketDecoder();
  const frame = {
    linkType: LINK.ethernet,
    bytes,
    start: 0,
    end: bytes.length,
    originalBytes: bytes.length,
    micros: 0,
    interfaceId: 0,
  };
  assert.ok(decoder.frame(frame));
  return decoder.packet;
}

test('a frame says what it was told, in both versions of IP', () => {
  for (const [from, to, version] of [
    [CLIENT, SERVER, 4],
    [CLIENT6, SERVER6, 6],
    [CLIENT, SERVER6, 6],
  ] as const) {
    const payload = Buffer.from('hello');
    const packet = decoded(
      encodeTcpFrame(from, to, { seq: 2 ** 32 + 7, ack: -1, flags: TCP_FLAG.ack, payload }),
    );
    assert.deepEqual(
      [packet.version, packet.sourcePort, packet.destinationPort],
      [version, from.port, to.port],
    );
    assert.deepEqual([packet.seq, packet.ack, packet.flags, packet.payloadBytes], [7, -1, TCP_FLAG.ack, 5]);
  }
});

test('refuses what cannot be an address or a packet', () => {
  const segment = { seq: 0, ack: 0, flags: 0, payload: new Uint8Array(0) };
  assert.throws(() => encodeTcpFrame({ ip: 'somewhere', port: 1 }, SERVER, segment), RangeError);
  assert.throws(
    () => encodeTcpFrame(CLIENT, SERVER, { ...segment, payload: new Uint8Array(65_500) }),
    RangeError,
  );
});

test('checksums are right for tshark, with any payload', { skip }, () => {
  const payloads = [0, 1, 2, 3, 1459, 16_384, 65_000].map((length) => Buffer.alloc(length, 0xff));
  const frames = payloads.flatMap((payload) =>
    [
      [CLIENT, SERVER],
      [CLIENT6, SERVER6],
    ].map(([from = CLIENT, to = SERVER]) =>
      encodeTcpFrame(from, to, { seq: 0xffffffff, ack: 0xffffffff, flags: TCP_FLAG.ack, payload }),
    ),
  );
  const lines = tshark(frames, '-T', 'fields', '-e', 'tcp.checksum.status', '-e', 'ip.checksum.status');
  assert.deepEqual(
    lines.map((line) => line.trimEnd()),
    frames.map((_, i) => (i % 2 === 0 ? '1\t1' : '1')),
  );
});

test('tshark reads HTTP out of a conversation, whole and without complaint', { skip }, () => {
  for (const [client, server] of [
    [CLIENT, SERVER],
    [CLIENT6, SERVER6],
  ] as const) {
    const { talk, frames } = conversation(client, server);
    const body = 'x'.repeat(100_000);
    talk.data(0, Buffer.from('GET /orders HTTP/1.1\r\nHost: shop.example\r\n\r\n'), MICROS + 1);
    talk.data(1, Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`), MICROS + 2);
    talk.close(MICROS + 3);
    talk.data(0, Buffer.from('late'), MICROS + 4);
    const fields = [
      '-T',
      'fields',
      '-e',
      'http.request.uri',
      '-e',
      'http.response.code',
      '-e',
      'http.content_length',
    ];
    const lines = tshark(frames, '-Y', 'http', ...fields).map((line) => line.trim());
    assert.deepEqual(lines, ['/orders', '200\t100000']);
    assert.deepEqual(tshark(frames, '-Y', 'tcp.analysis.flags || tcp.checksum.status == 0'), ['']);
    // 31: handshake, data and both ends.
    assert.equal(tshark(frames, '-T', 'fields', '-e', 'tcp.completeness').at(-1), '31');
  }
});

test('what is missing is seen as missing', { skip }, () => {
  const { talk, frames } = conversation(CLIENT, SERVER);
  talk.data(0, Buffer.from('before'), MICROS);
  talk.gap(0, 1000);
  talk.data(0, Buffer.from('after'), MICROS);
  assert.equal(tshark(frames, '-Y', 'tcp.analysis.lost_segment', '-T', 'fields', '-e', 'tcp.len')[0], '5');
});

const IP = Buffer.from(
  encodeTcpFrame(CLIENT, SERVER, { seq: 1, ack: 2, flags: TCP_FLAG.ack, payload: Buffer.from('hello') }),
).subarray(14);
const FORMS: readonly (readonly [name: string, linkType: number, head: string])[] = [
  ['Ethernet', LINK.ethernet, '000000000001 000000000002 0800'],
  ['Linux cooked', LINK.linuxCooked, '0000 0001 0006 000000000000 0000 0800'],
  ['Linux cooked, version 2', LINK.linuxCooked2, '0800 0000 00000001 0001 00 06 0000000000000000'],
  ['BSD loopback', LINK.null, '02000000'],
  ['OpenBSD loopback', LINK.loop, '00000002'],
  ['raw IP', LINK.raw, ''],
];
for (const [name, linkType, text] of FORMS) {
  test(`${name} becomes Ethernet`, () => {
    const head = Buffer.from(text.replaceAll(' ', ''), 'hex');
    const bytes = Buffer.concat([Buffer.alloc(3), head, IP]);
    const frame = {
      linkType,
      bytes,
      start: 3,
      end: bytes.length,
      originalBytes: 0,
      micros: 0,
      interfaceId: 0,
    };
    const found = ethernetForm(frame);
    assert.ok(found !== undefined);
    const packet = decoded(Buffer.concat([found.head, bytes.subarray(found.start)]));
    assert.deepEqual([packet.sourcePort, packet.seq, packet.payloadBytes], [50_000, 1, 5]);
    for (let end = 3; end < 3 + head.length + 1; end++) ethernetForm({ ...frame, end });
  });
}

test('what is not known has no form', () => {
  const bytes = Buffer.alloc(40);
  const frame = { bytes, start: 0, end: 40, originalBytes: 40, micros: 0, interfaceId: 0 };
  for (const linkType of [LINK.raw, LINK.null, LINK.linuxCooked, 9999])
    assert.equal(ethernetForm({ ...frame, linkType }), undefined);
});
