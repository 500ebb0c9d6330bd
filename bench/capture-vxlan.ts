/**
 * Whether a receiver of VXLAN loses datagrams: a sender in C gives HTTP/1.1 in VXLAN to `understudy run` on the loopback device,
 * at one rate after the other.
 *
 *   node bench/capture-vxlan.ts [--seconds 5] [--rate 100000] [--json]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { eventually } from '../test/fixtures/eventually.ts';
import { Talk } from '../test/fixtures/packet-builder.ts';
import { freePort } from '../test/fixtures/peers.ts';
import { startUnderstudy } from '../test/fixtures/understudy.ts';
import { compile } from './compile.ts';

const SIDE_BY_SIDE = 200;
const EXCHANGES = 100;
const VNI = 7;
const REQUEST = 'GET /api/orders/12345?expand=items HTTP/1.1\r\nhost: orders.example\r\naccept: */*\r\n\r\n';
const BODY = JSON.stringify({ id: 12_345, state: 'shipped', items: [{ sku: 'A-1', count: 2 }], total: 19.9 });
const ANSWER = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`;
const RATES = [25_000, 50_000, 100_000, 150_000, 200_000];
const RECEIVE_BUFFER = '64MiB';
const SETTLES_WITHIN_MS = 30_000;

interface Load {
  readonly file: Buffer;
  readonly datagrams: number;
  readonly exchanges: number;
}

interface Outcome {
  readonly rate: number;
  readonly sent: number;
  readonly perSecond: number;
  readonly received: number;
  readonly exchanges: number;
  readonly whole: number;
}

/** Whole connections, so many side by side, until there are enough datagrams. */
function makeLoad(wanted: number): Load {
  const head = Buffer.alloc(10);
  head[2] = 0x08;
  head.writeUIntBE(VNI, 6, 3);
  const parts: Buffer[] = [];
  let exchanges = 0;
  const add = (frame: Buffer): void => {
    const datagram = Buffer.concat([head, frame]);
    datagram.writeUInt16BE(datagram.length - 2, 0);
    parts.push(datagram);
  };
  for (let group = 0; parts.length < wanted; group++) {
    const server = `10.1.${group >> 8}.${group & 255}`;
    const talks = Array.from(
      { length: SIDE_BY_SIDE },
      (_, i) => new Talk(10_000 + i, [i * 7919, i * 104_729], server),
    );
    for (const talk of talks) for (const frame of talk.open()) add(frame);
    for (let i = 0; i < EXCHANGES && parts.length < wanted; i++) {
      for (const talk of talks) {
        add(talk.ask(REQUEST));
        add(talk.answer(ANSWER));
      }
      exchanges += SIDE_BY_SIDE;
    }
    for (const talk of talks) for (const side of [0, 1] as const) add(talk.end(side));
  }
  return { file: Buffer.concat(parts), datagrams: parts.length, exchanges };
}

/** Sends a load at a rate to an instance of its own. */
async function measure(sender: string, folder: string, rate: number, seconds: number): Promise<Outcome> {
  const load = makeLoad(rate * seconds);
  const path = join(folder, 'datagrams');
  writeFileSync(path, load.file);
  const port = await freePort();
  await using understudy = await startUnderstudy({
    config: {
      captures: [
        { name: 'vxlan', vxlan: `127.0.0.1:${port}`, vnis: [VNI], serverPorts: [80], buffer: RECEIVE_BUFFER },
      ],
    },
  });
  const child = spawn(sender, [path, '127.0.0.1', String(port), String(load.datagrams), String(rate)]);
  const [said] = await Promise.all([text(child.stdout), once(child, 'close')]);
  const [sent = 0, took = 1] = said.split(' ').map(Number);
  let seen = -1;
  let stable = 0;
  const { packets, completeness } = await eventually(
    'all that came is read',
    async () => {
      const summary = await understudy.summary();
      stable = summary.packets.seen === seen ? stable + 1 : 0;
      seen = summary.packets.seen;
      // Reports come once a second.
      return stable * 20 > 2500 && summary;
    },
    SETTLES_WITHIN_MS,
  );
  const { exchanges } = load;
  return { rate, sent, perSecond: sent / took, received: packets.seen, exchanges, whole: completeness.whole };
}

function option(name: string): number | undefined {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : Number(process.argv[at + 1]);
}

const folder = mkdtempSync(join(tmpdir(), 'understudy-vxlan-'));
try {
  const sender = compile('gcc', 'mirror-sender.c', folder);
  const only = option('rate');
  const outcomes: Outcome[] = [];
  for (const rate of only === undefined ? RATES : [only])
    outcomes.push(await measure(sender, folder, rate, option('seconds') ?? 5));
  if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify(outcomes)}\n`);
  else
    for (const { rate, sent, perSecond, received, exchanges, whole } of outcomes)
      process.stdout.write(
        `${String(rate).padStart(7)} datagrams/s asked, ${String(Math.round(perSecond)).padStart(7)} sent: ${received} of ${sent} received, ${whole} of ${exchanges} exchanges whole\n`,
      );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
