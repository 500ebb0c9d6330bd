import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { beginCopy, openMirror, openRawServer, until, wordOf } from '../../test/fixtures/mirror-driver.ts';
import type { DrivenCopy, MirrorWish } from '../../test/fixtures/mirror-driver.ts';
import { ManualClock } from '../kit/manual-clock.ts';
import type { Copy } from '../model/copy.ts';

const GET = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n';
const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: application/grpc-web\r\nTransfer-Encoding: chunked\r\n\r\n';
const LIMITS = { timeoutMs: 1_000, streamTimeoutMs: 10_000 };

function begun({ copy }: DrivenCopy): Copy {
  if (typeof copy === 'string') throw new Error(`refused: ${copy}`);
  return copy;
}

/** A copy of a call whose mirror has sent so much of its answer. */
async function opened(answer: string, wish: MirrorWish = {}) {
  const clock = new ManualClock();
  const server = await openRawServer({});
  const mirror = openMirror(server.port, {
    ...wish,
    limits: { ...LIMITS, ...wish.limits },
    options: { clock },
  });
  const driven = beginCopy(mirror, GET);
  await server.untilReceived(0, /\r\n\r\n$/);
  server.sockets[0]?.write(answer);
  await until(() => mirror.stats.bytesIn >= answer.length);
  return {
    ...driven,
    live: begun(driven),
    mirror,
    server,
    clock,
    async [Symbol.asyncDispose]() {
      await mirror[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function bodyOf({ outcome }: DrivenCopy): Promise<readonly [string, boolean | undefined] | string> {
  const over = await outcome;
  if (over.kind !== 'answered') return wordOf(over);
  return [Buffer.concat(over.answer.body).toString(), over.answer.truncated];
}

test("while the live answer to a call is open the mirror's may be too, until it is cut", async () => {
  await using call = await opened(`${HEAD}3\r\nabc\r\n`);
  call.live.answering();
  call.clock.advance(9_000);
  equal(call.over(), undefined);
  call.clock.advance(1_100);
  deepEqual(await bodyOf(call), ['abc', true]);
  deepEqual([call.mirror.stats.failures.timeout, call.mirror.stats.breaker], [0, 'closed']);
});

test('from the end of the live answer on the timeout holds again', async () => {
  await using call = await opened(`${HEAD}3\r\nabc\r\n`);
  call.live.answering();
  call.clock.advance(5_000);
  call.live.answered(3);
  call.clock.advance(900);
  equal(call.over(), undefined);
  call.clock.advance(300);
  equal(await bodyOf(call), 'timeout');
});

test('an answer to a call runs into the timeout where nothing is known of the live one', async () => {
  await using call = await opened(HEAD);
  call.clock.advance(1_200);
  equal(await bodyOf(call), 'timeout');
});

test('a mirror that says nothing at all to an open call is late once that would be cut', async () => {
  await using call = await opened('');
  call.live.answering();
  call.clock.advance(9_000);
  equal(call.over(), undefined);
  call.clock.advance(1_100);
  equal(await bodyOf(call), 'timeout');
});

test('who leaves an open call gets what the mirror has sent, and waits for its head no longer than the timeout', async () => {
  await using call = await opened(`${HEAD}3\r\nabc\r\n`);
  call.live.answering();
  call.clock.advance(5_000);
  call.live.cut();
  deepEqual(await bodyOf(call), ['abc', true]);

  await using silent = await opened('');
  silent.live.answering();
  silent.clock.advance(5_000);
  silent.live.cut();
  silent.clock.advance(900);
  equal(silent.over(), undefined);
  silent.clock.advance(300);
  equal(await bodyOf(silent), 'timeout');
});

test('an answer to a call that is too long is cut there', async () => {
  await using call = await opened(`${HEAD}8\r\nabcdefgh\r\n`, { limits: { bodyBytes: 4 } });
  deepEqual(await bodyOf(call), ['abcdefgh', true]);
});
