import { parentPort } from 'node:worker_threads';
import { FAULTS, faultsInTurn } from './faults.ts';
import { Load } from './load.ts';
import type { FromThread, ToThread } from './messages.ts';
import { startService } from './service.ts';

/** The thread that the demo's services and its load run in, apart from Understudy's own. */
const port = parentPort;
if (port === null) throw new Error('this file is the start of a thread');
const say = (message: FromThread): void => port.postMessage(message);

const primary = await startService((_, reply) => reply);
const control = await startService((_, reply) => reply);
const mirror = await startService(faultsInTurn(FAULTS));
let load: Load | undefined;
let timer: NodeJS.Timeout | undefined;

async function end(): Promise<void> {
  clearInterval(timer);
  await load?.[Symbol.asyncDispose]();
  if (load !== undefined) say({ kind: 'stats', stats: load.stats() });
  say({ kind: 'quiet' });
}

async function close(): Promise<void> {
  await Promise.all([primary, control, mirror].map((service) => service[Symbol.asyncDispose]()));
  port?.close();
}

port.on('message', (message: ToThread) => {
  if (message.kind === 'load') {
    const sending = new Load(message.options);
    load = sending;
    timer = setInterval(() => say({ kind: 'stats', stats: sending.stats() }), 250);
  }
  if (message.kind === 'end') void end();
  if (message.kind === 'close') void close();
});
say({ kind: 'ready', primary: primary.url, control: control.url, mirror: mirror.url });
