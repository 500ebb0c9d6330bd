import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { CollectingSink } from '../../test/fixtures/collecting-sink.ts';
import { systemClock } from '../kit/clock.ts';
import { createLogger, silentLogger } from '../kit/log.ts';
import { dropsIn, socketDrops } from './socket-drops.ts';
import { TunnelSource } from './tunnel-source.ts';

function settings(more: Partial<ConstructorParameters<typeof TunnelSource>[0]> = {}) {
  return {
    kind: 'vxlan' as const,
    listen: { kind: 'tcp' as const, host: '127.0.0.1', port: 0 },
    vnis: [],
    bufferBytes: 128 * 1024,
    ...more,
  };
}

/** A header with its network identifier, and a text behind it. */
function datagram(vni: number, text: string): Buffer {
  const head = Buffer.alloc(8);
  head[0] = 8;
  head.writeUIntBE(vni, 4, 3);
  return Buffer.concat([head, Buffer.from(text)]);
}

async function send(source: TunnelSource, ...datagrams: readonly Buffer[]): Promise<void> {
  const { ip = '', port = 0 } = source.address ?? {};
  for (const content of datagrams) {
    // A port of its own for each, as senders do for each connection.
    await using socket = createSocket(ip.includes(':') ? 'udp6' : 'udp4');
    await new Promise((resolve) => socket.send(content, port, ip, () => resolve(undefined)));
  }
}

for (const kind of ['vxlan', 'geneve'] as const) {
  for (const host of ['127.0.0.1', '::1']) {
    test(`takes datagrams of ${kind} on ${host}, as large as they can be`, async () => {
      const listen = { kind: 'tcp' as const, host, port: 0 };
      await using source = new TunnelSource(settings({ kind, listen }), systemClock, silentLogger);
      const sink = new CollectingSink();
      await source.start(sink);
      const large = 'x'.repeat(60_000);
      await send(source, datagram(7, 'one'), datagram(8, large), Buffer.from('no'), Buffer.alloc(0));
      await sink.until(() => sink.datagrams.length === 4);
      const found = sink.datagrams.map((content) => content.subarray(8).toString()).toSorted();
      assert.deepEqual(found, ['', '', 'one', large]);
      assert.deepEqual([source.counts.packets, source.counts.bytes], [4, 60_021]);
      assert.ok(Math.abs(sink.batchMicros / 1000 - Date.now()) < 60_000);
      assert.match(source.description, new RegExp(`^${kind} on .*:${source.address?.port}$`));
    });
  }
}

test('lets in the networks that are on the list, and counts the others', async () => {
  await using source = new TunnelSource(settings({ vnis: [7, 0xffffff] }), systemClock, silentLogger);
  const sink = new CollectingSink();
  await source.start(sink);
  await send(source, datagram(6, 'no'), datagram(7, 'yes'), datagram(0xffffff, 'too'));
  await sink.until(() => sink.datagrams.length === 2);
  await source[Symbol.asyncDispose]();
  assert.equal(source.counts.lost.vni, 1);
  assert.equal(await sink.ended, undefined);
});

test('counts what the kernel had no room for, and says how much room there is', async () => {
  const lines: string[] = [];
  const write = (line: string): void => void lines.push(line);
  const log = createLogger({ level: 'info', format: 'json', terminal: false, colour: false, write });
  const bufferBytes = 2 ** 30;
  await using source = new TunnelSource(settings({ bufferBytes }), systemClock, log);
  const sink = new CollectingSink();
  await source.start(sink);
  // A gigabyte is more than any kernel allows by default.
  assert.match(lines.join(''), /rmem_max.*"asked":1073741824/);
  const { bytes } = JSON.parse(lines[0] ?? '') as { bytes: number };
  assert.ok(bytes > 0 && bytes < bufferBytes);
});

test('drops are counted until the end', async () => {
  await using source = new TunnelSource(settings({ bufferBytes: 4096 }), systemClock, silentLogger);
  const sink = new CollectingSink();
  await source.start(sink);
  const { ip = '', port = 0 } = source.address ?? {};
  await using socket = createSocket('udp4');
  // All in one turn, so that nothing is read between.
  socket.connect(port, ip);
  await once(socket, 'connect');
  const sent = Array.from(
    { length: 400 },
    (_, i) => new Promise((resolve) => socket.send(datagram(7, `${i}`.padEnd(1000)), resolve)),
  );
  await Promise.all(sent);
  await source[Symbol.asyncDispose]();
  await sink.ended;
  const { packets, lost } = source.counts;
  assert.ok(lost.kernel > 0);
  assert.ok(packets + lost.kernel <= 400);
});

test('an address in use is not shared, and said', async () => {
  await using first = new TunnelSource(settings(), systemClock, silentLogger);
  await first.start(new CollectingSink());
  const { port = 0 } = first.address ?? {};
  const listen = { kind: 'tcp' as const, host: '127.0.0.1', port };
  await using second = new TunnelSource(settings({ listen }), systemClock, silentLogger);
  await assert.rejects(second.start(new CollectingSink()), { name: 'UserError', message: /EADDRINUSE/ });
});

test('reads drops from the lines of its address only', async () => {
  const table = [
    '   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops',
    ' 1196: 0100007F:12B5 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0000000000000000 5',
    ' 1196: 0100007F:12B5 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0000000000000000 6',
    ' 1197: 0200007F:12B5 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0000000000000000 9',
    ' 1198: 00000000:0000 0100007F:12B5 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0000000000000000 9',
  ].join('\n');
  assert.equal(dropsIn(table, '127.0.0.1', 4789), 11);
  const six =
    ' 1: 00000000000000000000000001000000:12B5 00000000000000000000000000000000:0000 07 0:0 00:0 0 0 0 1 2 0 3';
  assert.equal(dropsIn(six, '::1', 4789), 3);
  assert.equal(await socketDrops('127.0.0.1', 1), 0);
});
