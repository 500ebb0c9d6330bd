import { deepEqual, equal } from 'node:assert/strict';
import type { LookupAddress, LookupOptions, lookup as systemLookup } from 'node:dns';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { test } from 'node:test';
import { systemClock } from '../kit/clock.ts';
import { ManualClock } from '../kit/manual-clock.ts';
import { createLookup } from './lookup.ts';

type Answer = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void;

/** A resolver that answers when told to. */
function createResolver(): { asked: Answer[]; resolve: typeof systemLookup } {
  const asked: Answer[] = [];
  const resolve = (_name: string, _options: LookupOptions, callback: Answer): void =>
    void asked.push(callback);
  return { asked, resolve: resolve as unknown as typeof systemLookup };
}

const local = [{ address: '127.0.0.1', family: 4 }];

test('asks once, however many wait', () => {
  const { asked, resolve } = createResolver();
  const lookup = createLookup(new ManualClock(), resolve);
  const got: unknown[] = [];
  for (let i = 0; i < 100; i++) lookup('m', { all: true }, (_error, addresses) => got.push(addresses));
  lookup('m', {}, (_error, address, family) => got.push([address, family]));
  equal(asked.length, 1);
  asked[0]?.(null, local);
  equal(got.length, 101);
  deepEqual(got.slice(99), [local, ['127.0.0.1', 4]]);
});

test('asks again after a second, also after an error', async () => {
  const clock = new ManualClock();
  const { asked, resolve } = createResolver();
  const lookup = createLookup(clock, resolve);
  const errors: unknown[] = [];
  const ask = (): void => lookup('m', { all: true }, (error) => errors.push(error));
  ask();
  asked[0]?.(Object.assign(new Error('no'), { code: 'ENOTFOUND' }), []);
  ask();
  await new Promise(setImmediate);
  equal(asked.length, 1);
  equal(errors.length, 2);
  clock.advance(1_000);
  ask();
  equal(asked.length, 2);
});

test('serves a real connect by name', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = connect({ host: 'localhost', port, lookup: createLookup(systemClock) });
  await once(socket, 'connect');
  socket.destroy();
  server.close();
});
