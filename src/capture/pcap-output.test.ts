import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { CollectingSink } from '../../test/fixtures/collecting-sink.ts';
import { eventually } from '../../test/fixtures/eventually.ts';
import { ethernet, ipv4, tcpFrame, tcpSegment } from '../../test/fixtures/packet-builder.ts';
import { temporaryFolder } from '../../test/fixtures/temporary-folder.ts';
import { LINK } from '../wire/pcap/frame.ts';
import { createCaptureSource } from './create-source.ts';
import { PcapOutput, READERS_MAX, READER_BYTES_MAX } from './pcap-output.ts';

const MICROS = 1_700_000_000_123_456;
const LOOPBACK = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
const SEGMENT = { from: '10.0.0.1', fromPort: 5000, to: '10.0.0.2', toPort: 80, seq: 1 };

function frameOf(bytes: Uint8Array, more: { linkType?: number; originalBytes?: number } = {}) {
  const { length } = bytes;
  return {
    linkType: LINK.ethernet,
    bytes,
    start: 0,
    end: length,
    originalBytes: length,
    micros: MICROS,
    interfaceId: 0,
    ...more,
  };
}

async function started(): Promise<{ output: PcapOutput; port: number }> {
  const output = new PcapOutput(LOOPBACK);
  await output.start();
  const { address } = output;
  assert.ok(address.kind === 'tcp');
  return { output, port: address.port };
}

async function reader(output: PcapOutput, port: number): Promise<Socket> {
  const before = output.readers;
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  await eventually('a reader', () => output.readers > before);
  return socket;
}

test('what goes in comes out at another tap, cut packets and other link types too', async () => {
  const { output, port } = await started();
  await using _output = output;
  await using source = createCaptureSource({ kind: 'pcap-over-ip', address: { ...LOOPBACK, port } });
  const sink = new CollectingSink();
  await source.start(sink);
  await eventually('a reader', () => output.wanted);
  const frame = tcpFrame({ ...SEGMENT, payload: 'hello' });
  const ip = ipv4({ ...SEGMENT, protocol: 6 }, tcpSegment(SEGMENT));
  output.frame(frameOf(frame.subarray(0, 40), { originalBytes: frame.length }));
  output.frame(frameOf(ip, { linkType: LINK.raw }));
  output.frame(frameOf(ip, { linkType: 147 }));
  await sink.until(() => sink.frames.length === 2);
  assert.deepEqual(sink.frames[0], frame.subarray(0, 40));
  assert.deepEqual(sink.frames[1]?.subarray(12), ethernet(0x0800, ip).subarray(12));
  assert.deepEqual(sink.micros, [MICROS, MICROS]);
  const { frames, unknownLink, dropped } = output.counts;
  assert.deepEqual([frames, unknownLink, dropped], [2, 1, 0]);
});

test('nothing is made while nobody reads', async () => {
  const { output } = await started();
  await using _output = output;
  output.frame(frameOf(tcpFrame(SEGMENT)));
  assert.deepEqual([output.wanted, output.counts.frames], [false, 0]);
});

test('a reader that does not read misses frames, counted, and the others do not', async () => {
  const { output, port } = await started();
  await using _output = output;
  const slow = await reader(output, port);
  slow.pause();
  const quick = await reader(output, port);
  let bytes = 0;
  quick.on('data', (chunk) => (bytes += chunk.length));
  const frame = frameOf(Buffer.alloc(16_384));
  const each = frame.end + 16;
  let sent = 0;
  await eventually('a reader that is behind', async () => {
    // Never more at once than waits for a reader at most.
    for (let i = 0; i < 100; i++) output.frame(frame);
    sent += 100;
    await eventually('the quick one', () => bytes === 24 + sent * each);
    return output.counts.dropped > 0;
  });
  assert.equal(output.counts.frames, sent);
  assert.ok(output.counts.dropped <= sent);
  assert.ok(sent * each > READER_BYTES_MAX);
  // Once it has caught up it goes on, at a whole frame.
  let caughtUp = 0;
  slow.on('data', (chunk) => (caughtUp += chunk.length));
  slow.resume();
  await eventually('all that waited', () => caughtUp === 24 + (sent - output.counts.dropped) * each);
  output.frame(frame);
  sent++;
  await eventually('the next frame', () => caughtUp === 24 + (sent - output.counts.dropped) * each);
  slow.destroy();
  quick.destroy();
});

test('more readers than there may be are turned away', async () => {
  const { output, port } = await started();
  await using _output = output;
  const sockets = [];
  for (let i = 0; i < READERS_MAX; i++) sockets.push(await reader(output, port));
  const late = connect(port, '127.0.0.1');
  late.resume();
  await once(late, 'close');
  assert.deepEqual([output.readers, output.counts.refused], [READERS_MAX, 1]);
  for (const socket of sockets) socket.destroy();
});

test('listens on a Unix socket too, and says which address cannot be had', async () => {
  using folder = temporaryFolder();
  const output = new PcapOutput({ kind: 'unix', path: folder.file('socket') });
  await output.start();
  await output[Symbol.asyncDispose]();
  const { output: first, port } = await started();
  await using _first = first;
  await assert.rejects(new PcapOutput({ ...LOOPBACK, port }).start(), {
    name: 'UserError',
    message: /EADDRINUSE/,
  });
});

const skip = spawnSync('tshark', ['--version']).status === 0 ? false : 'tshark is not installed';
test('tshark reads HTTP from it: captured, and decrypted', { skip }, async () => {
  const { output, port } = await started();
  await using _output = output;
  const fields = ['-T', 'fields', '-e', 'tcp.dstport', '-e', 'http.request.uri', '-e', 'http.response.code'];
  const tshark = spawn('tshark', ['-i', `TCP@127.0.0.1:${port}`, '-l', '-Y', 'http', ...fields], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  try {
    await eventually('tshark', () => output.wanted);
    let text = '';
    tshark.stdout.on('data', (chunk) => (text += String(chunk)));
    output.frame(frameOf(tcpFrame({ ...SEGMENT, payload: 'GET /captured HTTP/1.1\r\n\r\n' })));
    const talk = output.conversation({ ip: '10.0.0.1', port: 5001 }, { ip: '10.0.0.2', port: 443 }, MICROS);
    talk.data(0, Buffer.from('GET /decrypted HTTP/1.1\r\nHost: shop\r\n\r\n'), MICROS);
    talk.data(1, Buffer.from('HTTP/1.1 204 No Content\r\n\r\n'), MICROS);
    talk.close(MICROS);
    await eventually('what tshark prints', () => text.split('\n').length > 3, 20_000);
    assert.deepEqual(text.trim().split('\n'), ['80\t/captured\t', '10443\t/decrypted\t', '5001\t\t204']);
  } finally {
    const over = once(tshark, 'exit');
    tshark.kill();
    await over;
  }
});

const skipTcpdump = spawnSync('tcpdump', ['--version']).status === 0 ? false : 'tcpdump is not installed';
test('libpcap reads it from a pipe, as Suricata and Zeek do', { skip: skipTcpdump }, async () => {
  const { output, port } = await started();
  await using _output = output;
  const tcpdump = spawn('tcpdump', ['-nn', '-l', '-t', '-r', '-', 'tcp'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  try {
    (await reader(output, port)).pipe(tcpdump.stdin);
    const talk = output.conversation(
      { ip: '2001:db8::1', port: 5001 },
      { ip: '2001:db8::2', port: 443 },
      MICROS,
    );
    talk.data(0, Buffer.from('GET / HTTP/1.1\r\n\r\n'), MICROS);
    talk.close(MICROS);
    await output[Symbol.asyncDispose]();
    const lines = (await tcpdump.stdout.toArray()).join('').trim().split('\n');
    assert.equal(lines.length, output.counts.frames);
    assert.match(lines[0] ?? '', /^IP6 2001:db8::1\.5001 > 2001:db8::2\.10443: Flags \[S\]/);
    assert.match(lines[3] ?? '', /HTTP: GET \/ HTTP\/1\.1|length 18/);
  } finally {
    tcpdump.kill();
  }
});
