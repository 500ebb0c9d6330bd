import { deepEqual, equal, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import http2 from 'node:http2';
import { test } from 'node:test';
import { openCopyServer } from '../fixtures/copy-server.ts';
import type { Reply, SeenRequest } from '../fixtures/copy-server.ts';
import { eventually } from '../fixtures/eventually.ts';
import { oneTap, startUnderstudy } from '../fixtures/understudy.ts';

const REQUESTS = 200;

/** The same answer for the same request, from primary and mirror. */
function answer({ url, body }: SeenRequest): Reply {
  return { body: `${url}: ${body.toString('latin1')}`, trailers: { 'x-sum': String(body.length) } };
}

async function askHttp2(port: number): Promise<void> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  let left = REQUESTS;
  const user = async (): Promise<void> => {
    while (left-- > 0) {
      const stream = session.request(
        { ':method': 'POST', ':path': '/echo?x=1', cookie: ['a=1', 'b=2'] },
        { waitForTrailers: true },
      );
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-end': '1' }));
      stream.end('content');
      let text = '';
      for await (const chunk of stream) text += String(chunk);
      equal(text, '/echo?x=1: content');
    }
  };
  await Promise.all(Array.from({ length: 20 }, user));
  session.close();
}

async function askHttp1(port: number): Promise<void> {
  for (let i = 0; i < REQUESTS; i++) {
    const asked = request({
      port,
      host: '127.0.0.1',
      method: 'POST',
      path: '/echo?x=1',
      headers: { cookie: 'a=1; b=2' },
    });
    asked.setHeader('transfer-encoding', 'chunked');
    asked.addTrailers({ 'x-end': '1' });
    asked.end('content');
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of response) text += String(chunk);
    equal(text, '/echo?x=1: content');
  }
}

const CLIENTS = [
  ['HTTP/2', 'h2c', askHttp2],
  ['HTTP/1.1', 'http1', askHttp1],
] as const;

for (const [client, kind, ask] of CLIENTS) {
  test(`requests of ${client} are copied over HTTP/2, and both sides' answers are the same`, async () => {
    await using primary = await openCopyServer(kind, answer);
    await using mirror = await openCopyServer('h2c', answer);
    const scheme = kind === 'h2c' ? 'h2c' : 'http';
    await using understudy = await startUnderstudy({
      config: oneTap(`${scheme}://127.0.0.1:${primary.port}`, `h2c://127.0.0.1:${mirror.port}`, {
        policy: { percent: 100, writes: 'mirror' },
      }),
    });
    await ask(await understudy.port());
    await eventually('every pair is compared', async () => {
      const [v2] = (await understudy.policy()).mirrors;
      return v2?.pairs.same === REQUESTS;
    });
    equal(mirror.seen.length, REQUESTS);
    for (const { version, method, url, fields, body, trailers } of mirror.seen) {
      deepEqual([version, method, url, body.toString()], ['2.0', 'POST', '/echo?x=1', 'content']);
      deepEqual(
        fields.filter(([name]) => name === 'cookie'),
        [['cookie', 'a=1; b=2']],
      );
      deepEqual(trailers, { 'x-end': '1' });
    }
    equal(mirror.sockets.length, 1);
    const { code, result } = await understudy.stop();
    equal(code, 0);
    ok(result.mirrored === REQUESTS && result.incomplete === 0);
  });
}
