/**
 * What a packet tap sees of live HTTP, and what the users notice of it: wrk and h2load in one network namespace, nginx in another,
 * a cable between them, and `understudy run` with an interface capture of nginx's end. All share this machine's cores. Needs
 * root.
 *
 *   node bench/capture-live.ts [--seconds 5] [--connections 32] [--json]
 */
import { eventually } from '../test/fixtures/eventually.ts';
import { HTTP1_PORT, nginxIn } from '../test/fixtures/namespace-traffic.ts';
import { missingNamespaces, Network, printed } from '../test/fixtures/namespaces.ts';
import type { Namespace } from '../test/fixtures/namespaces.ts';
import { findPeer } from '../test/fixtures/peers.ts';
import { startUnderstudy } from '../test/fixtures/understudy.ts';
import type { Understudy } from '../test/fixtures/understudy.ts';

const SERVICE = '10.66.0.2';
const ORIGIN = `http://${SERVICE}:${HTTP1_PORT}/n/1`;
/** Rates that are tried one after the other until one loses an exchange, requests per second; then between the last two. */
const RATES = [2500, 5000, 10_000, 15_000, 20_000, 25_000, 30_000, 40_000, 50_000, 60_000, 80_000];
const HALVINGS = 2;
const SETTLES_WITHIN_MS = 60_000;
/** Longer than the time between two reports. */
const REST_MS = 2500;

interface Outcome {
  readonly requests: number;
  readonly perSecond: number;
  /** Exchanges that the tap saw whole. */
  readonly whole: number;
  readonly packetsLost: number;
  /** How long after the load the last exchange was told of, seconds; reports come once a second. More is a backlog. */
  readonly behindSeconds: number;
}

function option(name: string, otherwise: number): number {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
}

const seconds = option('seconds', 5);
const connections = option('connections', 32);

function figure(pattern: RegExp, text: string): number {
  const found = pattern.exec(text)?.[1];
  if (found === undefined) throw new Error(`no ${pattern} in: ${text}`);
  return Number(found);
}

/** As fast as it can. */
function wrk(client: Namespace): { readonly requests: number; readonly perSecond: number } {
  const text = client.run('wrk', '-t1', `-c${connections}`, `-d${seconds}`, ORIGIN);
  return {
    requests: figure(/(\d+) requests in/, text),
    perSecond: figure(/Requests\/sec:\s+([\d.]+)/, text),
  };
}

/** At a rate. */
function h2load(client: Namespace, rate: number): { readonly requests: number; readonly perSecond: number } {
  const perClient = String(rate / connections);
  const each = Math.round((rate / connections) * seconds);
  const args = ['--h1', '-t1', `-c${connections}`, `-n${each * connections}`, `--rps=${perClient}`, ORIGIN];
  const text = client.run('h2load', ...args);
  return { requests: figure(/requests: (\d+) total/, text), perSecond: figure(/, ([\d.]+) req\/s/, text) };
}

/** Lets the load run, and waits until the tap has nothing more to say. */
async function observed(
  understudy: Understudy,
  load: () => { readonly requests: number; readonly perSecond: number },
): Promise<Outcome> {
  const before = await understudy.summary();
  const { requests, perSecond } = load();
  const ended = performance.now();
  let changed = ended;
  let exchanges = -1;
  const after = await eventually(
    'the tap has come to rest',
    async () => {
      const summary = await understudy.summary();
      if (summary.exchanges !== exchanges) changed = performance.now();
      ({ exchanges } = summary);
      return performance.now() - changed > REST_MS && summary;
    },
    SETTLES_WITHIN_MS,
  );
  return {
    requests,
    perSecond,
    whole: after.completeness.whole - before.completeness.whole,
    packetsLost: after.packets.lost - before.packets.lost,
    behindSeconds: (changed - ended) / 1000,
  };
}

/** tshark on the same interface, with the same load: answers that it lists. */
async function tsharkSees(service: Namespace, client: Namespace): Promise<Outcome | undefined> {
  if (findPeer('tshark') === undefined) return undefined;
  const filter = [
    '-i',
    'eth0',
    '-n',
    '-l',
    '-Y',
    'http.response',
    '-T',
    'fields',
    '-e',
    'http.response.code',
  ];
  const tshark = service.spawn('tshark', [...filter, `tcp port ${HTTP1_PORT}`]);
  await printed(tshark, /Capturing on/);
  const { requests, perSecond } = wrk(client);
  const ended = performance.now();
  let changed = ended;
  let lines = -1;
  await eventually(
    'tshark has come to rest',
    async () => {
      const before = lines;
      lines = tshark.stdout().split('200').length - 1;
      if (lines !== before) changed = performance.now();
      return performance.now() - changed > REST_MS;
    },
    120_000,
  );
  tshark.process.kill('SIGINT');
  await tshark.exited();
  const packetsLost = Number(/(\d+) packets? dropped/.exec(tshark.stderr())?.[1] ?? 0);
  return { requests, perSecond, whole: lines, packetsLost, behindSeconds: (changed - ended) / 1000 };
}

async function highestRate(understudy: Understudy, client: Namespace): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  const isWhole = async (rate: number): Promise<boolean> => {
    const outcome = await observed(understudy, () => h2load(client, rate));
    outcomes.push(outcome);
    // A rate that the load or nginx cannot reach says nothing about the tap.
    return outcome.whole === outcome.requests && outcome.perSecond > rate * 0.9;
  };
  let good = 0;
  let bad: number | undefined;
  for (const rate of RATES) {
    if (!(await isWhole(rate))) {
      bad = rate;
      break;
    }
    good = rate;
  }
  for (let i = 0; i < HALVINGS && bad !== undefined && good > 0; i++) {
    const middle = Math.round((good + bad) / 2);
    if (await isWhole(middle)) good = middle;
    else bad = middle;
  }
  return outcomes;
}

const missing = missingNamespaces('nginx', 'wrk', 'h2load', 'tcpdump');
if (missing !== false) {
  process.stderr.write(`${missing}\n`);
  process.exit(64);
}

await using network = new Network();
const client = network.add('client');
const service = network.add('service');
network.link([client, 'eth0', '10.66.0.1/24'], [service, 'eth0', `${SERVICE}/24`]);
await using _site = await nginxIn(service);
const without = wrk(client).perSecond;
const theirs = await tsharkSees(service, client);
const understudy = await startUnderstudy({
  config: {
    captures: [
      {
        name: 'live',
        interface: 'eth0',
        namespace: service.name,
        filter: `tcp port ${HTTP1_PORT}`,
        serverPorts: [HTTP1_PORT],
      },
    ],
  },
});
try {
  const full = await observed(understudy, () => wrk(client));
  const steps = await highestRate(understudy, client);
  const highest = Math.max(
    0,
    ...steps.filter(({ whole, requests }) => whole === requests).map(({ perSecond }) => perSecond),
  );
  if (process.argv.includes('--json')) {
    process.stdout.write(`${JSON.stringify({ without, full, steps, highest, tshark: theirs })}\n`);
  } else {
    const line = (
      name: string,
      { requests, perSecond, whole, packetsLost, behindSeconds }: Outcome,
    ): string =>
      `${name.padEnd(22)} ${String(Math.round(perSecond)).padStart(8)} requests/s, ${whole} of ${requests} whole, ${packetsLost} packets lost by the capture, ${behindSeconds.toFixed(1)} s behind\n`;
    process.stdout.write(
      `${'wrk without a tap'.padEnd(22)} ${String(Math.round(without)).padStart(8)} requests/s\n`,
    );
    if (theirs !== undefined) process.stdout.write(line('wrk, tshark', theirs));
    process.stdout.write(line('wrk, understudy', full));
    for (const step of steps) process.stdout.write(line('h2load, understudy', step));
    process.stdout.write(`highest rate without a lost exchange: ${Math.round(highest)} requests/s\n`);
  }
} finally {
  await understudy[Symbol.asyncDispose]();
}
