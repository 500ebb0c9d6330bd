import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request as httpRequest } from 'node:http';
import { createInterface } from 'node:readline';
import { PassThrough, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { ExampleSource } from '../../test/fixtures/admin-source.ts';
import { exampleSummary } from '../../test/fixtures/status.ts';
import { Broadcast } from '../kit/broadcast.ts';
import { silentLogger } from '../kit/log.ts';
import type { AdminEvent } from '../model/status.ts';
import { streamEvents } from './event-stream.ts';
import type { AdminLimits } from './server.ts';
import { startAdmin } from './server.ts';

const LOOPBACK = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
const FIRST: AdminEvent = { type: 'summary', at: 1, summary: exampleSummary };

function resumed(policy: string): AdminEvent {
  return { type: 'policy-resumed', at: 2, policy };
}

async function start(limits: Partial<AdminLimits> = {}) {
  const source = new ExampleSource();
  const admin = await startAdmin({ listen: LOOPBACK, token: undefined, source, log: silentLogger, limits });
  return { source, admin, [Symbol.asyncDispose]: () => admin[Symbol.asyncDispose]() };
}

async function open(url: string): Promise<IncomingMessage> {
  const request = httpRequest(`${url}/api/v1/events`, { agent: false });
  request.end();
  const [response] = await once(request, 'response');
  return response;
}

/** Names and data of the events as they come. */
async function* eventsOf(response: IncomingMessage): AsyncGenerator<readonly [string, unknown]> {
  let name = '';
  for await (const line of createInterface(response)) {
    if (line.startsWith('event: ')) name = line.slice(7);
    if (line.startsWith('data: ')) yield [name, JSON.parse(line.slice(6))];
  }
}

test('a reader gets a summary at once and then what happens', async () => {
  await using running = await start();
  const response = await open(running.admin.url);
  equal(response.headers['content-type'], 'text/event-stream');
  const events = eventsOf(response);
  const first = await events.next();
  equal(first.value?.[0], 'summary');
  running.source.published.publish(resumed('orders-v2'));
  deepEqual((await events.next()).value, ['policy-resumed', resumed('orders-v2')]);
  response.destroy();
});

test('readers past the limit are refused, and a reader that leaves makes room', async () => {
  await using running = await start({ eventReaders: 1 });
  const first = await open(running.admin.url);
  const second = await open(running.admin.url);
  equal(second.statusCode, 503);
  match(await text(second), /readers/);
  first.destroy();
  let third = await open(running.admin.url);
  // The server learns of the first one's end a moment later.
  while (third.statusCode === 503) {
    third.destroy();
    third = await open(running.admin.url);
  }
  equal(third.statusCode, 200);
  third.destroy();
});

test(
  'a reader that does not read is cut off, and the source keeps nothing for it',
  { timeout: 20_000 },
  async () => {
    await using running = await start({ idleMs: 100 });
    const response = await open(running.admin.url);
    response.pause();
    const long = 'x'.repeat(100_000);
    let published = 0;
    while (running.source.published.readers > 0) {
      running.source.published.publish(resumed(long));
      published += 1;
      await new Promise((resolve) => setImmediate(resolve));
    }
    ok(published > 8, 'some were taken before the reader was slow');
    response.destroy();
  },
);

test('the end of the server ends every stream', async () => {
  const running = await start();
  const response = await open(running.admin.url);
  const ended = new Promise((resolve) => response.on('close', resolve));
  response.on('error', () => {});
  response.resume();
  await running.admin[Symbol.asyncDispose]();
  await ended;
  equal(running.source.published.readers, 0);
});

test('a slow reader is told how much it has missed', async () => {
  const broadcast = new Broadcast<AdminEvent>(2);
  const { signal } = new AbortController();
  const subscription = broadcast.subscribe(signal);
  for (const policy of ['a', 'b', 'c', 'd', 'e']) broadcast.publish(resumed(policy));
  broadcast.close();
  const out = new PassThrough();
  await streamEvents(out, FIRST, subscription, signal);
  out.end();
  const names = [...(await text(out)).matchAll(/^(?:event: (.*)|data: (\{"type":"dropped".*))$/gm)].map(
    (found) => found[1] ?? found[2],
  );
  deepEqual(names, [
    'summary',
    'dropped',
    '{"type":"dropped","events":3}',
    'policy-resumed',
    'policy-resumed',
  ]);
});

test('waits for a reader whose buffer is full', async () => {
  const broadcast = new Broadcast<AdminEvent>();
  const { signal } = new AbortController();
  const writes: string[] = [];
  const releases: (() => void)[] = [];
  const out = new Writable({
    highWaterMark: 1,
    write(chunk, _encoding, done) {
      writes.push(String(chunk));
      releases.push(done);
    },
  });
  const subscription = broadcast.subscribe(signal);
  const streaming = streamEvents(out, FIRST, subscription, signal);
  for (const policy of ['a', 'b']) broadcast.publish(resumed(policy));
  broadcast.close();
  equal(writes.length, 1);
  while (writes.length < 3) {
    releases.pop()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  releases.pop()?.();
  await streaming;
  match(writes[2] ?? '', /"policy":"b"/);
});

test('text that came from outside cannot end an event early', async () => {
  const out = new PassThrough();
  const broadcast = new Broadcast<AdminEvent>();
  const { signal } = new AbortController();
  const subscription = broadcast.subscribe(signal);
  broadcast.publish(resumed('x\n\nevent: forged\r\ndata: 1'));
  broadcast.close();
  await streamEvents(out, FIRST, subscription, signal);
  out.end();
  const names = (await text(out)).split(/\r\n|\n|\r/).filter((line) => line.startsWith('event: '));
  deepEqual(names, ['event: summary', 'event: policy-resumed']);
});
