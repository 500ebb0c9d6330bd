import { parentPort } from 'node:worker_threads';
import { ORDER_FAULTS, STOCK_FAULTS, faultsInTurn } from './faults.ts';
import { Load } from './load.ts';
import type { LoadStats } from './load.ts';
import type { FromThread, StageLoad, ToThread } from './messages.ts';
import { startService } from './service.ts';
import type { Service } from './service.ts';
import { StockLoad } from './stock-load.ts';
import { startStock } from './stock.ts';

/** The thread that the demo's services and their load run in, apart from Understudy's own. */
const port = parentPort;
if (port === null) throw new Error('this file is the start of a thread');
const say = (message: FromThread): void => port.postMessage(message);

/** Three instances of a service; faults strike in the mirror only. */
async function startTrio<Spoil>(start: (spoil: Spoil) => Promise<Service>, right: Spoil, wrong: Spoil) {
  const [primary, control, mirror] = [await start(right), await start(right), await start(wrong)];
  return {
    urls: { primary: primary.url, control: control.url, mirror: mirror.url },
    services: [primary, control, mirror],
  };
}

const orders = await startTrio(startService, (_, reply) => reply, faultsInTurn(ORDER_FAULTS));
const stock = await startTrio(startStock, (_, reply) => reply, faultsInTurn(STOCK_FAULTS));
/** Of ten requests, one more is a call. */
const CALLS_SHARE = 1 / 10;
let loads: readonly [Load, StockLoad] | undefined;
let timer: NodeJS.Timeout | undefined;

function load({ orders: target, stock: stockTarget, requestsPerSecond }: StageLoad): void {
  loads = [
    new Load({ target, requestsPerSecond }),
    new StockLoad(stockTarget, requestsPerSecond * CALLS_SHARE),
  ];
  timer = setInterval(tellStats, 250);
}

function tellStats(): void {
  if (loads === undefined) return;
  const [requests, calls] = [loads[0].stats(), loads[1].stats()];
  const stats: LoadStats = {
    ...requests,
    sent: requests.sent + calls.sent,
    answered: requests.answered + calls.answered,
    failed: requests.failed + calls.failed,
  };
  say({ kind: 'stats', stats });
}

async function end(): Promise<void> {
  clearInterval(timer);
  await Promise.all((loads ?? []).map((one) => one[Symbol.asyncDispose]()));
  tellStats();
  say({ kind: 'quiet' });
}

async function close(): Promise<void> {
  await Promise.all([...orders.services, ...stock.services].map((service) => service[Symbol.asyncDispose]()));
  port?.close();
}

port.on('message', (message: ToThread) => {
  if (message.kind === 'load') load(message.options);
  if (message.kind === 'end') void end();
  if (message.kind === 'close') void close();
});
say({ kind: 'ready', orders: orders.urls, stock: stock.urls });
