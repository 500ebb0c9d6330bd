import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import { connect } from 'node:net';
import { test } from 'node:test';
import { encodeHeaders, encodeNumber, encodeSettings } from '../../src/wire/http2/encode.ts';
import { CLIENT_PREFACE, FRAME } from '../../src/wire/http2/frame.ts';
import { eventually } from '../fixtures/eventually.ts';
import { startHttp2Primary } from '../fixtures/http2-primary.ts';
import { startPrimary } from '../fixtures/primary.ts';
import { oneTap, startUnderstudy } from '../fixtures/understudy.ts';

const REQUESTS = 200;

/** Asks for the same path many times on one connection, up to 20 at once; resolves with the different answers. */
async function ask(port: number, path: string): Promise<readonly string[]> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const answers = new Set<string>();
  let left = REQUESTS;
  const user = async (): Promise<void> => {
    while (left-- > 0) {
      const stream = session.request({ ':path': path, 'x-user': 'ada', cookie: ['a=1', 'b=2'] });
      let text = '';
      for await (const chunk of stream) text += String(chunk);
      answers.add(text);
    }
  };
  await Promise.all(Array.from({ length: 20 }, user));
  const closed = once(session, 'close');
  session.close();
  await closed;
  return [...answers];
}

test('HTTP/2 requests are seen, counted and copied to a mirror of HTTP/1.1', async () => {
  await using primary = await startHttp2Primary();
  await using mirror = await startPrimary();
  await using understudy = await startUnderstudy({
    config: oneTap(`h2c://127.0.0.1:${primary.port}`, mirror.url, {
      policy: { percent: 100, matches: [{ path: { type: 'PathPrefix', value: '/bytes' } }] },
    }),
  });
  deepEqual(await ask(await understudy.port(), '/bytes/5'), ['hello']);
  await eventually('every copy is answered', async () => {
    const [v2] = (await understudy.policy()).mirrors;
    return v2?.responses['2xx'] === REQUESTS;
  });
  const seen = mirror.seen.at(-1);
  deepEqual(
    [mirror.seen.length, seen?.method, seen?.url, seen?.headers['x-user'], seen?.headers['cookie']],
    [REQUESTS, 'GET', '/bytes/5', 'ada', 'a=1; b=2'],
  );
  match(await understudy.metrics(), /understudy_requests_total\{tap="main",protocol="http2"\} 200\n/);
  const { code, result } = await understudy.stop();
  equal(code, 0);
  deepEqual(result.requests, { http1: 0, http2: REQUESTS });
  deepEqual([result.exchanges, result.mirrored, result.incomplete], [REQUESTS, REQUESTS, 0]);
});

test('a client that resets what it asks for is relayed, flagged and not followed; others are', async () => {
  await using primary = await startHttp2Primary();
  await using mirror = await startPrimary();
  await using understudy = await startUnderstudy({
    config: oneTap(`h2c://127.0.0.1:${primary.port}`, mirror.url),
  });
  const port = await understudy.port();
  const attacker = connect(port, '127.0.0.1');
  attacker.on('error', () => {});
  attacker.resume();
  const frames: Buffer[] = [Buffer.from(CLIENT_PREFACE), encodeSettings([])];
  for (let stream = 1; stream < 6000; stream += 2) {
    const request = encodeHeaders(
      stream,
      [
        [':method', 'GET'],
        [':scheme', 'http'],
        [':path', '/endless'],
      ],
      true,
    );
    frames.push(request, encodeNumber(FRAME.resetStream, stream, 8));
  }
  attacker.write(Buffer.concat(frames));
  const tap = await eventually('the reset is seen', async () => {
    const status = await understudy.tap();
    return status.http2Faults.rapid_reset === 1 && status;
  });
  equal(tap.unfollowed.given_up, 1);
  ok(tap.requests.http2 < 1500);
  attacker.destroy();
  deepEqual(await ask(port, '/hello'), ['hello']);
  await eventually(
    'the requests of others are seen',
    async () => (await understudy.tap()).requests.http2 >= tap.requests.http2 + REQUESTS,
  );
  match(await understudy.metrics(), /understudy_http2_faults_total\{tap="main",fault="rapid_reset"\} 1\n/);
  equal((await understudy.stop()).result.observerRestarts, 0);
});
