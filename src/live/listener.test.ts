import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import tls from 'node:tls';
import { createAuthority } from '../../test/fixtures/certificates.ts';
import { eventually } from '../../test/fixtures/eventually.ts';
import { openHangingPort } from '../../test/fixtures/hanging-port.ts';
import {
  closedPort,
  listenerSettings,
  openListener,
  openPrimary,
  primaryAt,
  readAll,
  readBytes,
} from '../../test/fixtures/live-listener.ts';
import type { OpenListener, RawPrimary } from '../../test/fixtures/live-listener.ts';
import { terminating } from '../../test/fixtures/tls-listener.ts';
import { UserError } from '../kit/errors.ts';
import { ManualClock } from '../kit/manual-clock.ts';
import { createLiveStats } from '../model/live-stats.ts';
import { createTape, decodeOpenNote, FROM_CLIENT } from '../model/tape.ts';
import type { OpenNote, Tape } from '../model/tape.ts';
import { TapeReader } from '../observe/tape-reader.ts';
import { createTicketKeys, loadCertificates } from './certificates.ts';

const RING = 256 * 1024;
const folder = mkdtempSync(join(tmpdir(), 'listener-'));
const authority = createAuthority();
const certificate = authority.issue('local', { ips: ['127.0.0.1'] });
after(() => {
  rmSync(folder, { recursive: true });
  authority[Symbol.dispose]();
});

/** A client and the primary's side of its connection, once the relay between is there. */
async function through(live: OpenListener, primary: RawPrimary): Promise<[client: Socket, upstream: Socket]> {
  const client = await live.connect();
  const upstream = await primary.accept();
  await eventually('the relay is there', () => live.listener.connector.connecting === 0);
  return [client, upstream];
}

/** What a tape holds: a line for each record, and the notes of connections. */
function tapeReader(tape: Tape) {
  const reader = new TapeReader(tape);
  const notes: OpenNote[] = [];
  return {
    notes,
    read(): string[] {
      const lines: string[] = [];
      reader.read(
        {
          open(id, midstream, note) {
            notes.push(decodeOpenNote(Buffer.from(note).toString('latin1')));
            lines.push(`${midstream ? 'midstream' : 'open'} ${id}`);
          },
          data: (id, direction, chunk) =>
            lines.push(
              `${direction === FROM_CLIENT ? '>' : '<'} ${id} ${Buffer.from(chunk).toString('latin1')}`,
            ),
          gap: (id, _direction, bytes) => lines.push(`gap ${id} ${bytes}`),
          end: (id, direction) => lines.push(`end ${direction === FROM_CLIENT ? '>' : '<'} ${id}`),
          close: (id) => lines.push(`close ${id}`),
          leave: (id) => lines.push(`leave ${id}`),
        },
        RING,
      );
      return lines;
    },
  };
}

test('an address that is taken is the fault of the configuration', async () => {
  await using primary = await openPrimary();
  await using first = await openListener(listenerSettings([primary.place]));
  const listen = { kind: 'tcp', host: '127.0.0.1', port: first.port } as const;
  await assert.rejects(
    openListener(listenerSettings([primary.place], { listen })),
    (error) => error instanceof UserError && error.where === 'listeners.test.listen',
  );
});

for (const place of ['tcp', 'unix'] as const) {
  test(`past the limit of all workers together, a connection is closed at accept: ${place}`, async () => {
    await using primary = await openPrimary();
    const path = { kind: 'unix', path: join(folder, 'limit') } as const;
    const settings = listenerSettings([primary.place], {
      connections: 3,
      ...(place === 'unix' ? { listen: path } : {}),
    });
    const openOverAll = new Int32Array(new SharedArrayBuffer(4));
    const stats = createLiveStats();
    await using live = await openListener(settings, { openOverAll, stats });
    const kept = [await through(live, primary), await through(live, primary)];
    // One of another worker.
    Atomics.add(openOverAll, 0, 1);
    const refused = net.connect(
      place === 'unix' ? { path: path.path } : { port: live.port, host: '127.0.0.1' },
    );
    const ending = await readAll(refused);
    assert.equal(ending.kind, place === 'unix' ? 'end' : 'reset');
    assert.deepEqual([live.stat('accepted'), live.stat('refused'), live.stat('open')], [3, 1, 2]);
    Atomics.sub(openOverAll, 0, 1);
    kept.push(await through(live, primary));
    assert.deepEqual([live.stat('refused'), live.stat('open')], [1, 3]);
    for (const socket of kept.flat()) socket.destroy();
    await eventually('all are over', () => live.stat('open') === 0);
    assert.equal(Atomics.load(openOverAll, 0), 0);
  });
}

test('workers share an address, and a limit', async () => {
  await using primary = await openPrimary();
  const openOverAll = new Int32Array(new SharedArrayBuffer(4));
  const settings = listenerSettings([primary.place], { connections: 20 });
  await using first = await openListener(settings, { openOverAll, shared: true });
  const listen = { kind: 'tcp', host: '127.0.0.1', port: first.port } as const;
  await using second = await openListener(settings, { openOverAll, shared: true, listen, firstId: 2 });
  const clients = Array.from({ length: 30 }, () => net.connect(first.port, '127.0.0.1'));
  for (const client of clients) client.on('error', () => {});
  const over = (name: 'accepted' | 'refused' | 'open') => first.stat(name) + second.stat(name);
  await eventually('all were accepted', () => over('accepted') === 30);
  assert.deepEqual([over('refused'), over('open'), Atomics.load(openOverAll, 0)], [10, 20, 20]);
  for (const client of clients) client.resetAndDestroy();
  await eventually('all are over', () => over('open') === 0);
  assert.equal(Atomics.load(openOverAll, 0), 0);
});

test('a client whose primary cannot be reached is reset, and counted', async () => {
  await using live = await openListener(listenerSettings([await closedPort()]));
  const client = await live.connect();
  client.write('x');
  assert.equal((await readAll(client)).kind, 'reset');
  assert.deepEqual([live.stat('unreachable'), live.stat('open')], [1, 0]);
});

test('a connection on which nothing passes is closed; one that is used stays', async () => {
  await using primary = await openPrimary();
  const clock = new ManualClock();
  const settings = listenerSettings([primary.place], { idleTimeoutMs: 10_000 });
  await using live = await openListener(settings, {}, clock);
  const [idle] = await through(live, primary);
  const [used, usedAtPrimary] = await through(live, primary);
  const ending = readAll(idle);
  for (let second = 0; second < 9; second++) clock.advance(1000);
  assert.equal(live.stat('idleClosed'), 0);
  usedAtPrimary.write('x');
  await readBytes(used, 1);
  clock.advance(2000);
  await ending;
  assert.deepEqual([live.stat('idleClosed'), live.stat('open')], [1, 1]);
  used.write('y');
  assert.equal(String(await readBytes(usedAtPrimary, 1)), 'y');
  used.destroy();
});

test('draining accepts nothing more, closes what is quiet after an answer, and waits for the rest', async () => {
  await using primary = await openPrimary();
  const clock = new ManualClock();
  await using live = await openListener(listenerSettings([primary.place]), {}, clock);
  const [answered, answeredAtPrimary] = await through(live, primary);
  const [waiting, waitingAtPrimary] = await through(live, primary);
  answered.write('q');
  await readBytes(answeredAtPrimary, 1);
  answeredAtPrimary.write('a');
  await readBytes(answered, 1);
  waiting.write('q');
  await readBytes(waitingAtPrimary, 1);
  let drained = false;
  const draining = live.listener.drain(8000).then(() => (drained = true));
  await assert.rejects(live.connect(), { code: 'ECONNREFUSED' });
  const quiet = readAll(answered);
  clock.advance(2100);
  assert.deepEqual((await quiet).kind, 'end');
  answered.destroy();
  await eventually('one is left', () => live.stat('open') === 1);
  clock.advance(3000);
  assert.equal(drained, false);
  waitingAtPrimary.end('a');
  const last = await readAll(waiting);
  assert.deepEqual([String(last.bytes), last.kind], ['a', 'end']);
  waiting.end();
  await draining;
});

test('draining with nothing open is over at once', async () => {
  await using live = await openListener(listenerSettings([await closedPort()]));
  await live.listener.drain(1000);
});

test('what passes is taped: who, the bytes, the ends', async () => {
  await using primary = await openPrimary();
  await using live = await openListener(listenerSettings([primary.place]));
  const tape = createTape(1, RING, 100);
  const reader = tapeReader(tape);
  live.listener.observe([tape]);
  const [client, upstream] = await through(live, primary);
  client.end('question');
  await readAll(upstream);
  upstream.end('answer');
  await readAll(client);
  await eventually('it is over', () => live.stat('open') === 0);
  assert.deepEqual(reader.read(), ['open 1', '> 1 question', 'end > 1', '< 1 answer', 'end < 1', 'close 1']);
  assert.deepEqual(reader.notes[0]?.sourceIp, '127.0.0.1');
  assert.deepEqual(reader.notes[0]?.destinationPort, live.port);
});

test('on another tape, connections are taken in where they turn to a new request', async () => {
  await using primary = await openPrimary();
  await using live = await openListener(listenerSettings([primary.place]));
  const first = createTape(1, RING, 100);
  const firstReader = tapeReader(first);
  live.listener.observe([first]);
  const [client, upstream] = await through(live, primary);
  client.write('q1');
  await readBytes(upstream, 2);
  const second = createTape(2, RING, 100);
  const reader = tapeReader(second);
  live.listener.observe([second]);
  client.write('more');
  await readBytes(upstream, 4);
  upstream.write('a1');
  await readBytes(client, 2);
  assert.deepEqual(reader.read(), []);
  client.write('q2');
  await readBytes(upstream, 2);
  assert.deepEqual(reader.read(), ['midstream 1', '> 1 q2']);
  assert.deepEqual(reader.notes[0]?.offsets, [6, 2]);
  // The same tape again changes nothing; none stops.
  live.listener.observe([second]);
  upstream.write('a2');
  await readBytes(client, 2);
  assert.deepEqual(reader.read(), ['< 1 a2']);
  live.listener.observe([]);
  client.write('q3');
  await readBytes(upstream, 2);
  assert.deepEqual([reader.read(), firstReader.read()], [[], ['open 1', '> 1 q1']]);
  client.destroy();
});

test('connections are spread over all tapes, whatever the number of workers', async () => {
  await using primary = await openPrimary();
  for (const [workers, perWorker] of [
    [1, 2],
    [2, 2],
    [4, 2],
    [3, 3],
    [2, 4],
  ] as const) {
    await using live = await openListener(listenerSettings([primary.place]), { idStep: workers });
    const tapes = Array.from({ length: perWorker }, (_, index) => createTape(index, RING, 100));
    const readers = tapes.map(tapeReader);
    live.listener.observe(tapes);
    const clients = [];
    for (let i = 0; i < 24; i++) clients.push((await through(live, primary))[0]);
    const opened = readers.map((reader) => reader.read().length);
    assert.equal(
      opened.reduce((sum, count) => sum + count, 0),
      24,
    );
    assert.ok(Math.min(...opened) > 0, `${workers} workers: ${opened}`);
    for (const client of clients) client.destroy();
  }
});

test('slots are used again, so that their numbers stay below the limit', async () => {
  await using primary = await openPrimary();
  await using live = await openListener(listenerSettings([primary.place], { connections: 4 }));
  const tape = createTape(1, RING, 4);
  const reader = tapeReader(tape);
  live.listener.observe([tape]);
  for (let round = 0; round < 10; round++) {
    const clients = [];
    for (let i = 0; i < 4; i++) clients.push((await through(live, primary))[0]);
    for (const client of clients) client.resetAndDestroy();
    await eventually('all are over', () => live.stat('open') === 0);
  }
  reader.read();
  assert.deepEqual(new Set(reader.notes.map(({ slot }) => slot)), new Set([0, 1, 2, 3]));
  assert.deepEqual([reader.notes.length, live.stat('refused')], [40, 0]);
});

test('a reload leaves open connections where they are, and sends new ones elsewhere', async () => {
  await using before = await openPrimary();
  await using now = await openPrimary();
  const settings = listenerSettings([before.place]);
  await using live = await openListener(settings);
  const [old, oldAtPrimary] = await through(live, before);
  live.listener.reload({ ...settings, primary: primaryAt([now.place]) }, undefined);
  const [next] = await through(live, now);
  old.write('still');
  assert.equal(String(await readBytes(oldAtPrimary, 5)), 'still');
  old.destroy();
  next.destroy();
});

test('the primary is told the client in a PROXY header, ahead of everything', async () => {
  await using primary = await openPrimary();
  await using live = await openListener(
    listenerSettings([], { primary: primaryAt([primary.place], { sendProxyProtocol: 'v1' }) }),
  );
  const client = await live.connect();
  client.end('GET');
  const { bytes } = await readAll(await primary.accept());
  assert.equal(String(bytes), `PROXY TCP4 127.0.0.1 127.0.0.1 ${client.localPort} ${live.port}\r\nGET`);
  assert.equal(live.stat('bytesFromClients'), 3);
});

for (const way of ['a reset', 'a close', 'garbage'] as const) {
  test(`a TLS client that ends with ${way} while the primary is being connected to`, async () => {
    const settings = terminating([certificate]);
    const { bundle } = await loadCertificates(settings, createTicketKeys());
    await using hanging = await openHangingPort();
    await using primary = await openPrimary();
    const clock = new ManualClock();
    await using live = await openListener(
      listenerSettings([hanging.port, primary.place], { tls: settings }),
      { certificates: bundle },
      clock,
    );
    const raw = await live.connect();
    const client = tls.connect({ socket: raw, ca: [], rejectUnauthorized: false });
    client.on('error', () => {});
    await once(client, 'secureConnect');
    await eventually('it connects', () => live.listener.connector.connecting === 1);
    if (way === 'a reset') raw.resetAndDestroy();
    else if (way === 'a close') raw.destroy();
    else raw.write('this is no TLS record at all');
    // The listener hears of it while nobody reads from this client: nothing tells when.
    let looks = 0;
    await eventually('some turns of its loop', () => ++looks > 3);
    clock.advance(5100);
    const upstream = await primary.accept();
    await readAll(upstream);
    upstream.destroy();
    await eventually('it is over', () => live.stat('open') === 0);
    raw.destroy();
  });
}

test('a client behind a proxy that has ended its side while the primary is being connected to', async () => {
  await using hanging = await openHangingPort();
  await using primary = await openPrimary();
  const clock = new ManualClock();
  const settings = listenerSettings([hanging.port, primary.place], { proxyProtocol: true });
  await using live = await openListener(settings, {}, clock);
  const client = await live.connect();
  client.end('PROXY UNKNOWN\r\n');
  await eventually('it connects', () => live.listener.connector.connecting === 1);
  clock.advance(5100);
  const upstream = await primary.accept();
  assert.equal((await readAll(upstream)).kind, 'end');
  upstream.end('bye');
  assert.equal(String((await readAll(client)).bytes), 'bye');
  await eventually('it is over', () => live.stat('open') === 0);
});

test('a plain client that goes away while the primary is being connected to leaves nothing behind', async () => {
  await using hanging = await openHangingPort();
  await using primary = await openPrimary();
  const clock = new ManualClock();
  await using live = await openListener(listenerSettings([hanging.port, primary.place]), {}, clock);
  const client = await live.connect();
  await eventually('it connects', () => live.listener.connector.connecting === 1);
  client.resetAndDestroy();
  clock.advance(5100);
  const upstream = await primary.accept();
  assert.equal((await readAll(upstream)).kind, 'reset');
  await eventually('it is over', () => live.stat('open') === 0);
});

test('disposing ends everything at once, arrivals and connects too', async () => {
  await using hanging = await openHangingPort();
  const live = await openListener(listenerSettings([hanging.port]));
  const client = await live.connect();
  await eventually('it connects', () => live.listener.connector.connecting === 1);
  await live[Symbol.asyncDispose]();
  await readAll(client);
  assert.equal(live.stat('open'), 0);
});
