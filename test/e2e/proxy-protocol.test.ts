import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { converse } from '../fixtures/conversation.ts';
import { eventually } from '../fixtures/eventually.ts';
import { assertUntouched, openClient, startLoad } from '../fixtures/live-load.ts';
import { missingPeers } from '../fixtures/peers.ts';
import { startPrimary, startRaw } from '../fixtures/primary.ts';
import { oneTap, startUnderstudy } from '../fixtures/understudy.ts';

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`;
const v1 = (source: string): string => `PROXY TCP4 ${source} 127.0.0.1 4321 80\r\n`;

/** Version 2, TCP over IPv4, port 4321. */
function v2(source: string): Buffer {
  const fixed = Buffer.from('0d0a0d0a000d0a515549540a2111000c', 'hex');
  const ends = Buffer.from([...source.split('.').map(Number), 127, 0, 0, 1, 0x10, 0xe1, 0, 80]);
  return Buffer.concat([fixed, ends]);
}

test('addresses that a proxy in front tells decide what is copied, and its headers go nowhere', async () => {
  await using primary = await startPrimary({ capture: true });
  await using mirror = await startPrimary();
  const matches = [{ source: { cidrs: ['10.0.0.0/8', '2001:db8::/32'] } }];
  const config = oneTap(primary.url, mirror.url, { listener: { proxyProtocol: true }, policy: { matches } });
  await using understudy = await startUnderstudy({ config });
  const port = await understudy.port();
  const clients: readonly (readonly [path: string, header: string | Buffer])[] = [
    ['/v1/in', v1('10.1.2.3')],
    ['/v1/out', v1('192.0.2.1')],
    ['/v1/six', 'PROXY TCP6 2001:db8::1 ::1 4321 80\r\n'],
    ['/v1/unknown', 'PROXY UNKNOWN\r\n'],
    ['/v2/in', v2('10.9.9.9')],
    ['/v2/out', v2('11.0.0.1')],
  ];
  for (const [path, header] of clients) {
    const request = Buffer.concat([Buffer.from(header), Buffer.from(get(path))]);
    const directly = await converse(primary.port, get(path));
    deepEqual(await converse(port, request), directly);
    equal(primary.captured.at(-1)?.toString(), get(path));
  }
  await eventually('copies', () => mirror.seen.length >= 3);
  const { code, result } = await understudy.stop();
  equal(code, 0);
  deepEqual(mirror.seen.map(({ url }) => url).toSorted(), ['/v1/in', '/v1/six', '/v2/in']);
  equal(result.notMirrored.not_matched, 3);
});

test('who does not begin with a PROXY header is closed, and counted', async () => {
  await using primary = await startPrimary();
  const listener = { proxyProtocol: true, handshakeTimeout: '500ms' };
  await using understudy = await startUnderstudy({ config: oneTap(primary.url, undefined, { listener }) });
  const port = await understudy.port();
  for (const bytes of [get('/'), 'PROXY TCP4 10.0.0.1', v2('10.0.0.1').subarray(0, 20), '']) {
    const { received, end } = await converse(port, bytes);
    equal(received.length, 0);
    ok(end !== 'open', 'it was closed');
  }
  equal(primary.seen.length, 0);
  await eventually('they are counted', async () => (await understudy.tap()).closed.handshake === 4);
  match(
    await understudy.metrics(),
    /understudy_live_connections_closed_total\{tap="main",reason="handshake"\} 4/,
  );
});

for (const version of ['v1', 'v2'] as const) {
  test(`the primary is told the client's address with ${version}, ahead of the client's bytes`, async () => {
    const received: Buffer[] = [];
    await using primary = await startRaw((socket) => {
      socket.on('data', (chunk: Buffer) => received.push(chunk));
      socket.on('end', () => socket.end());
    });
    const config = oneTap({ endpoints: [primary.url], sendProxyProtocol: version });
    await using understudy = await startUnderstudy({ config });
    const client = openClient(await understudy.port());
    client.socket.end('the bytes');
    await client.ended();
    const bytes = Buffer.concat(received);
    const head = bytes.subarray(0, bytes.length - 9);
    equal(bytes.subarray(-9).toString(), 'the bytes');
    if (version === 'v1') match(head.toString(), /^PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ \d+\r\n$/);
    else match(head.toString('hex'), /^0d0a0d0a000d0a515549540a2111000c7f0000017f000001/);
  });
}

test('from one Understudy to another, with load', async () => {
  await using primary = await startPrimary();
  await using mirror = await startPrimary();
  const policy = { matches: [{ source: { cidrs: ['127.0.0.0/8'] } }], writes: 'mirror' };
  const back = oneTap(primary.url, mirror.url, { listener: { proxyProtocol: true }, policy });
  await using second = await startUnderstudy({ config: back });
  const endpoints = [`http://127.0.0.1:${await second.port()}`];
  await using first = await startUnderstudy({ config: oneTap({ endpoints, sendProxyProtocol: 'v2' }) });
  await using load = await startLoad({ target: await first.port(), primary: primary.port });
  await assertUntouched(load, 200);
  await first.stop();
  const { result } = await second.stop();
  equal(result.pairs.same, result.exchanges);
});

test('curl --haproxy-protocol', { skip: missingPeers('curl') }, async () => {
  await using primary = await startPrimary();
  const config = oneTap(primary.url, undefined, { listener: { proxyProtocol: true } });
  await using understudy = await startUnderstudy({ config });
  const url = `http://127.0.0.1:${await understudy.port()}/from-curl`;
  const { stdout } = await promisify(execFile)('curl', ['-sS', '--haproxy-protocol', url]);
  equal(stdout, 'GET /from-curl \n');
});
