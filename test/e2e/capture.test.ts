import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, get } from 'node:https';
import type { Server } from 'node:https';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RunResult } from '../../src/cli/run-result.ts';
import type { CaptureStatus } from '../../src/model/capture-status.ts';
import { encodePcapHead, encodePcapRecord } from '../../src/wire/pcap/encode.ts';
import { createAuthority } from '../fixtures/certificates.ts';
import type { Authority } from '../fixtures/certificates.ts';
import { eventually } from '../fixtures/eventually.ts';
import { Talk } from '../fixtures/packet-builder.ts';
import { missingPeers } from '../fixtures/peers.ts';
import { startPrimary } from '../fixtures/primary.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import type { ThreadFault } from '../fixtures/thread-fault.ts';
import { spawnTied, startUnderstudy } from '../fixtures/understudy.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const LAUNCHER = join(ROOT, 'bin', 'understudy');
/** Captures that nobody here made stand beside the repository; see its README for what is in them. */
const CAPTURES = join(ROOT, '..', 'shared', 'captures');
const NO_RIGHTS = process.getuid?.() === 0 ? missingPeers('tcpdump') : 'only root may capture';

/** `understudy run` with these flags until it ends by itself. */
async function run(...args: readonly string[]): Promise<{ code: number | null; result: RunResult }> {
  const child = spawnTied(LAUNCHER, ['run', '--admin', 'off', '--json', ...args]);
  const { code, result } = await child.ended();
  return { code, result };
}

function captureOf({ taps }: RunResult, at = 0): CaptureStatus {
  const captures = taps.filter((tap) => tap.kind === 'capture');
  const found = captures[at];
  ok(found, `there are ${captures.length} captures`);
  return found;
}

/** Files: packets, requests in HTTP/1.1, and why exchanges are not whole. Where tshark sees others, `test/conformance` says why. */
const FILES: readonly (readonly [file: string, packets: number, requests: number, cut: number])[] = [
  ['vxlan-encapsulated-http.pcap', 12, 1, 0],
  ['vxlan-aws-mirror.pcap', 100, 0, 0],
  ['geneve-many-options.pcap', 10, 1, 0],
  ['erspan-I.pcap', 42, 0, 0],
  ['http-bro.org.pcap', 751, 31, 1],
  ['http-100-continue.pcap', 66, 1, 0],
  ['http-smuggle-request.pcap', 23, 2, 0],
  ['http-starting-with-reply.pcapng', 18, 2, 0],
  ['webattack-rce.pcap', 797, 797, 797],
  ['webattack-sqli.pcap', 94, 9, 0],
  ['synscan.pcap', 2011, 0, 0],
];

test('a run of files ends with them, and says what was in each', async () => {
  const flags = FILES.flatMap(([file]) => ['--capture', join(CAPTURES, file)]);
  const { code, result } = await run(...flags);
  equal(code, 0);
  equal(result.ended, 'end');
  deepEqual(
    FILES.map(([file], at) => {
      const { packets, requests, state, completeness } = captureOf(result, at);
      equal(state, 'over');
      return [file, packets, requests.http1, completeness.cut];
    }),
    FILES,
  );
  const sum = (at: 1 | 2 | 3): number => FILES.reduce((total, row) => total + row[at], 0);
  equal(result.packets.seen, sum(1));
  equal(result.requests.http1, sum(2));
  equal(result.exchanges, sum(2));
  equal(result.incomplete, sum(3));
  equal(result.completeness.guessed, 2);
  equal(result.completeness.whole + result.completeness.cut + result.completeness.guessed, result.exchanges);
});

test('standard input is read as a file is', async () => {
  const child = spawnTied('/bin/sh', [
    '-c',
    `exec "$0" run --admin off --json --capture - < "$1"`,
    LAUNCHER,
    join(CAPTURES, 'webattack-sqli.pcap'),
  ]);
  const { code, result } = await child.ended();
  equal(code, 0);
  equal(result.requests.http1, 9);
});

test('what is no capture is named, and what is cut is counted', async () => {
  await using folder = await temporaryFolder();
  const whole = readFileSync(join(CAPTURES, 'webattack-sqli.pcap'));
  writeFileSync(folder.file('cut.pcap'), whole.subarray(0, whole.length - 10));
  writeFileSync(folder.file('text.pcap'), 'not a capture at all, but long enough to look at');
  const { code, result } = await run(
    '--capture',
    folder.file('cut.pcap'),
    '--capture',
    folder.file('text.pcap'),
  );
  equal(code, 0);
  const cut = captureOf(result, 0);
  deepEqual([cut.state, cut.fileFaults['cut_record'], cut.packets], ['over', 1, 93]);
  const text = captureOf(result, 1);
  deepEqual([text.state, text.fileFaults['bad_magic'], text.packets], ['failed', 1, 0]);
  match(text.problem ?? '', /text\.pcap/);
});

test('a source that cannot be had is refused before anything starts', async () => {
  const child = spawnTied(LAUNCHER, ['run', '--admin', 'off', '--capture', '/nowhere/x.pcap']);
  const { code } = await child.ended();
  equal(code, 64);
  match(child.stderr(), /\/nowhere\/x\.pcap/);
});

test('a request of which bytes are missing is never copied as a whole one', async () => {
  await using folder = await temporaryFolder();
  const read: (string | undefined)[] = [];
  const mirror = createHttpServer((request, response) => {
    request.on('error', () => {}).resume();
    request.on('end', () => {
      read.push(request.url);
      response.end('ok');
    });
  });
  mirror.listen(0, '127.0.0.1');
  await once(mirror, 'listening');
  const { port } = mirror.address() as AddressInfo;
  const talk = new Talk(40_000);
  const open = talk.open();
  const head = talk.ask('POST /cut HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234');
  const lost = talk.ask('56789');
  const answer = talk.answer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  const whole = talk.ask('GET /whole HTTP/1.1\r\nHost: a\r\n\r\n');
  const answered = talk.answer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  ok(lost.length > 0);
  writeFileSync(folder.file('hole.pcap'), pcapOf([...open, head, answer, whole, answered]));
  const { result } = await run(
    '--capture',
    folder.file('hole.pcap'),
    '--mirror',
    `http://127.0.0.1:${port}`,
    '--writes',
    'mirror',
  );
  mirror.close();
  deepEqual(read, ['/whole']);
  deepEqual(captureOf(result).completeness, { whole: 1, cut: 1, guessed: 0 });
  equal(captureOf(result).missingBytes['lost'], 5);
  const copies = result.policies[0]?.mirrors[0];
  equal(copies?.notMirrored.tape_gap, 1);
  // The answer to the whole one is compared; nothing is said of the other.
  equal((copies?.pairs.same ?? 0) + (copies?.pairs.different ?? 0), 1);
});

test('requests of a file are copied, and only those that are whole', async () => {
  await using mirror = await startPrimary();
  const { code, result } = await run(
    '--capture',
    join(CAPTURES, 'http-bro.org.pcap'),
    '--mirror',
    mirror.url,
    '--writes',
    'mirror',
  );
  equal(code, 0);
  const [policy] = result.policies;
  const copies = policy?.mirrors[0];
  equal(policy?.matched, 31);
  equal(copies?.mirrored, 31);
  equal(mirror.seen.length, 31);
  // One answer of the capture is cut: nothing is said of its pair.
  equal(copies?.pairs.incomplete, 1);
  equal((copies?.pairs.same ?? 0) + (copies?.pairs.different ?? 0), 30);
});

test(
  'traffic of an interface is copied and compared, beside a live path that knows nothing of it',
  { skip: NO_RIGHTS },
  async () => {
    await using primary = await startPrimary();
    await using mirror = await startPrimary();
    const capture = {
      name: 'port',
      interface: 'lo',
      filter: `tcp port ${primary.port}`,
      serverPorts: [primary.port],
    };
    await using understudy = await startUnderstudy({
      config: {
        captures: [capture],
        policies: [{ name: 'copy', taps: ['port'], mirrors: [{ name: 'v2', url: mirror.url }] }],
      },
    });
    for (let i = 0; i < 20; i++) await (await fetch(`${primary.url}/bytes/${i}`)).arrayBuffer();
    await eventually('all are compared', async () => {
      const { mirrors } = await understudy.policy('copy');
      return mirrors[0]?.pairs.same === 20;
    });
    equal(primary.seen.length, 20);
    equal(mirror.seen.length, 20);
    const status = await understudy.capture('port');
    equal(status.state, 'running');
    equal(status.completeness.whole, 20);
    equal(status.lost['kernel'], 0);
    match(await understudy.metrics(), /understudy_capture_packets_total\{tap="port"\} [1-9]/);
    const { code, result } = await understudy.stop();
    equal(code, 0);
    equal(result.completeness.whole, 20);
  },
);

/** What goes to and from a port of this machine. */
function loopback(name: string, port: number): object {
  return { name, interface: 'lo', filter: `tcp port ${port}` };
}

test(
  'captures change with the configuration, and those that stay the same go on',
  { skip: NO_RIGHTS },
  async () => {
    await using one = await startPrimary();
    await using two = await startPrimary();
    await using understudy = await startUnderstudy({ config: { captures: [loopback('a', one.port)] } });
    const reloaded = async (count: number): Promise<void> => {
      await eventually(
        'it is in force',
        async () => (await understudy.summary()).configReloads.reloaded === count,
        15_000,
      );
    };
    await (await fetch(one.url)).arrayBuffer();
    await eventually('it is counted', async () => (await understudy.capture('a')).exchanges === 1);
    understudy.configure({ captures: [loopback('a', one.port), loopback('b', two.port)] });
    await reloaded(1);
    await (await fetch(one.url)).arrayBuffer();
    await (await fetch(two.url)).arrayBuffer();
    await eventually('both are counted', async () => {
      const [a, b] = [await understudy.capture('a'), await understudy.capture('b')];
      return a.exchanges === 2 && b.exchanges === 1;
    });
    understudy.configure({ captures: [loopback('b', one.port)] });
    await reloaded(2);
    equal((await understudy.summary()).captures, 1);
    await (await fetch(one.url)).arrayBuffer();
    await eventually('the new source is read', async () => (await understudy.capture('b')).exchanges === 1);
  },
);

test('a mirror session of a cloud is a tap, and networks that are not let in are counted', async () => {
  const port = await freeUdpPort();
  await using mirror = await startPrimary();
  await using understudy = await startUnderstudy({
    config: {
      captures: [{ name: 'vpc', vxlan: `127.0.0.1:${port}`, vnis: [7] }],
      policies: [
        {
          name: 'copy',
          matches: [{ destination: { services: ['orders'] } }],
          mirrors: [{ name: 'v2', url: mirror.url }],
        },
      ],
      services: [{ name: 'orders', addresses: ['10.0.0.2:80'] }],
    },
  });
  const session = createSocket('udp4');
  const send = (vni: number, path: string, server: string): void => {
    const talk = new Talk(40_000, [1000, 5000], server);
    const frames = [
      ...talk.open(),
      talk.ask(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`),
      talk.answer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'),
    ];
    for (const frame of frames)
      session.send(Buffer.concat([Buffer.from([8, 0, 0, 0, 0, 0, vni, 0]), frame]), port, '127.0.0.1');
  };
  send(7, '/ours', '10.0.0.2');
  send(7, '/not-orders', '10.0.0.3');
  send(8, '/theirs', '10.0.0.2');
  const status = await eventually('all are counted', async () => {
    const found = await understudy.capture('vpc');
    return found.exchanges === 2 && found.lost['vni'] === 5 ? found : undefined;
  });
  session.close();
  equal(status.completeness.whole, 2);
  equal(status.tunnels['vxlan'], 10);
  await eventually('the copy has come', () => mirror.seen.length === 1);
  deepEqual(
    mirror.seen.map(({ url }) => url),
    ['/ours'],
  );
  const { code } = await understudy.stop();
  equal(code, 0);
});

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

const FAULTS: readonly (readonly [fault: ThreadFault, reason: RegExp])[] = [
  ['throw', /a planted error/],
  ['spin', /no sign of life for \d+ s/],
];
for (const [fault, reason] of FAULTS) {
  test(
    `a capture's thread, ${fault}: it is replaced, and what it has counted stays`,
    { skip: NO_RIGHTS },
    async () => {
      await using primary = await startPrimary();
      await using understudy = await startUnderstudy({
        config: {
          captures: [{ name: 'port', interface: 'lo', filter: `tcp port ${primary.port}` }],
          observer: { stall: '1s' },
        },
        faults: true,
      });
      const exchange = async (): Promise<void> => void (await (await fetch(primary.url)).arrayBuffer());
      await exchange();
      await eventually('it is counted', async () => (await understudy.summary()).exchanges === 1);
      await understudy.plant('capture', fault);
      await eventually(
        'it runs again',
        async () =>
          (await understudy.capture()).observers[0]?.restarts === 1 &&
          (await understudy.capture()).state === 'running',
        15_000,
      );
      ok(understudy.log().some((line) => reason.test(String(line['reason']))));
      await exchange();
      await eventually('it goes on', async () => (await understudy.summary()).exchanges === 2);
    },
  );
}

test('a file is not read a second time when its thread fails', async () => {
  await using folder = await temporaryFolder();
  const file = folder.file('slow.pcap');
  const two = readFileSync(join(CAPTURES, 'webattack-sqli.pcap'));
  writeFileSync(file, two);
  await using understudy = await startUnderstudy({
    config: { captures: [{ name: 'slow', file, pace: 'recorded' }] },
    faults: true,
  });
  await understudy.plant('capture', 'throw');
  const { code, result } = await understudy.ended();
  equal(code, 0);
  const slow = captureOf(result);
  equal(slow.state, 'failed');
  match(slow.problem ?? '', /a planted error; it is not read a second time/);
});

test(
  'TLS is decrypted with a key log that grows, and given out in the clear',
  { skip: NO_RIGHTS },
  async () => {
    await using folder = await temporaryFolder();
    using authority = createAuthority();
    const keyLog = folder.file('keys.log');
    const server = await startHttps(authority);
    server.on('keylog', (line: Buffer) => appendFileSync(keyLog, line));
    const { port } = server.address() as AddressInfo;
    await using mirror = await startPrimary();
    const capture = {
      name: 'port',
      interface: 'lo',
      filter: `tcp port ${port}`,
      keyLog,
      output: '127.0.0.1:0',
    };
    await using understudy = await startUnderstudy({
      config: {
        captures: [capture],
        policies: [{ name: 'copy', mirrors: [{ name: 'v2', url: mirror.url }] }],
      },
    });
    const given = understudy.log().find(({ message }) => /given out/.test(message));
    const [host, outPort] = String(given?.['address']).split(':');
    const reader = connect(Number(outPort), host);
    const packets: Buffer[] = [];
    reader.on('data', (chunk) => packets.push(Buffer.from(chunk)));
    await eventually('the head has come', () => Buffer.concat(packets).length >= 24);
    for (const path of ['/one', '/two']) equal(await ask(port, path), `you asked for ${path}`);
    await eventually('they are copied', () => mirror.seen.length === 2);
    deepEqual(
      mirror.seen.map(({ url }) => url),
      ['/one', '/two'],
    );
    await eventually('it is counted', async () => {
      const { tls, completeness } = await understudy.capture('port');
      return tls.decrypted === 2 && completeness.whole === 2;
    });
    await eventually('it is given out', () => Buffer.concat(packets).includes('you asked for /two'));
    ok(Buffer.concat(packets).includes('GET /one HTTP/1.1'));
    reader.destroy();
    server.close();
    server.closeAllConnections();
  },
);

test(
  'TLS without its keys is opaque, and counted by the name that was asked for',
  { skip: NO_RIGHTS },
  async () => {
    using authority = createAuthority();
    const server = await startHttps(authority);
    const { port } = server.address() as AddressInfo;
    const capture = { name: 'port', interface: 'lo', filter: `tcp port ${port}` };
    await using understudy = await startUnderstudy({ config: { captures: [capture] } });
    await ask(port, '/');
    const { tls, unfollowed } = await eventually('it is counted', async () => {
      const status = await understudy.capture('port');
      return status.tls.names.length === 0 ? undefined : status;
    });
    deepEqual(tls.names, [{ name: 'orders.example', connections: 1 }]);
    deepEqual([tls.connections, tls.decrypted, tls.opaque['no_keys']], [1, 0, 1]);
    equal(unfollowed.opaque_tls, 1);
    server.close();
    server.closeAllConnections();
  },
);

/** Answers with what it was asked for. */
async function startHttps(authority: Authority): Promise<Server> {
  authority.issue('orders', { dns: ['orders.example'] });
  const pem = (name: string): Buffer => readFileSync(join(authority.folder, name));
  const server = createServer({ cert: pem('orders.crt'), key: pem('orders.key') }, (request, response) =>
    response.end(`you asked for ${request.url}`),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function ask(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get({
      port,
      path,
      host: '127.0.0.1',
      servername: 'orders.example',
      rejectUnauthorized: false,
      agent: false,
    });
    request.on('error', reject);
    request.on('response', async (response) => resolve(String(Buffer.concat(await response.toArray()))));
  });
}

/** A capture file of Ethernet frames, a millisecond apart. */
function pcapOf(frames: readonly Uint8Array[]): Uint8Array {
  const records = frames.map((bytes, at) => encodePcapRecord({ bytes, micros: 1e15 + at * 1000 }));
  return Buffer.concat([encodePcapHead(1), ...records]);
}
