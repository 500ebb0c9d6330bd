/**
 * How the store does over a long run: size against its cap, rows, memory and time. Feeds 5 million exchanges through the
 * store's thread, as fast as it takes them: `raw` as they come (the store itself chooses what it keeps), or as an observer
 * chooses them (`sampled`: every thousandth match, and of each finding the first ones and a few a second).
 *
 *   node bench/store-soak.ts [--exchanges 5000000] [--cap 64] [--mode raw|sampled] [--json]
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { silentLogger } from '../src/kit/log.ts';
import type { RecordedExchange } from '../src/model/recording.ts';
import { DEFAULT_STORE } from '../src/model/settings.ts';
import { differing, testAnswer, testMinute, testVerdict } from '../src/store/fixtures.ts';
import { StoreClient } from '../src/workers/store.ts';

const BATCH = 500;
/** One in so many differs, at one of so many paths: most findings are seen again and again, new ones keep coming. */
const DIFFERS_EACH = 10;
const FINDINGS = 10_000;
/** What observers pass on: of matches one in so many, of a finding that is known one in so many. */
const MATCH_EACH = 1000;
const KNOWN_EACH = 50;
/** Exchanges a second that the counts by the minute are made for. */
const RATE = 5000;
const AT = 1_800_000_000_000;

interface Result {
  readonly mode: string;
  readonly exchanges: number;
  readonly offered: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly capMiB: number;
  readonly peakMiB: number;
  readonly rows: number;
  readonly dropped: number;
  readonly rssMiB: number;
  readonly state: string;
}

let state = 12_345;
function random(): number {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
  return state / 2 ** 32;
}

/** Bodies of some 2 KiB, of which a part is alike, as answers of one service are. */
const FILLER = JSON.stringify(
  Array.from({ length: 20 }, (_, i) => ({ sku: `A-${i}`, count: i, name: 'a thing that can be ordered' })),
);

function exchangeOf(index: number): RecordedExchange {
  const differs = index % DIFFERS_EACH === 0;
  // Few findings are frequent and many are rare.
  const path = `body.items[].f${Math.floor(FINDINGS * random() ** 3)}`;
  const primary = testAnswer(`{"id":${index},"token":"${random()}${random()}","items":${FILLER}}`);
  return differing(`${index.toString(36)}`, differs ? [path] : [], { at: AT + index, primary });
}

/** Whether an observer would pass it on. */
function passes(index: number, known: Set<string>, exchange: RecordedExchange): boolean {
  const path = exchange.others[0]?.differences[0]?.path;
  if (path === undefined) return index % MATCH_EACH === 2;
  if (known.has(path)) return random() * KNOWN_EACH < 1;
  known.add(path);
  return true;
}

function bytesIn(folder: string): number {
  return readdirSync(folder).reduce(
    (sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}

async function soak(mode: string, exchanges: number, maxBytes: number): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-soak-'));
  const settings = { ...DEFAULT_STORE, file: join(folder, 'store.db'), maxBytes };
  const known = new Set<string>();
  let offered = 0;
  let peak = 0;
  const watch = setInterval(() => (peak = Math.max(peak, bytesIn(folder))), 10);
  try {
    await using client = await StoreClient.start({ settings, log: silentLogger });
    const start = performance.now();
    for (let index = 0; index < exchanges;) {
      const batch: RecordedExchange[] = [];
      const first = index;
      while (batch.length < BATCH && index < exchanges && index - first < RATE) {
        const exchange = exchangeOf(index++);
        if (mode === 'raw' || passes(index, known, exchange)) batch.push(exchange);
      }
      offered += batch.length;
      client.write({
        exchanges: batch,
        minutes: [testMinute({ at: AT + Math.floor(index / RATE / 60) * 60_000 })],
        verdicts: [testVerdict(`${index} `.repeat(2000))],
      });
      // As fast as the store takes them: the queue would turn away what is more.
      await client.flush();
      peak = Math.max(peak, bytesIn(folder));
    }
    const seconds = (performance.now() - start) / 1000;
    const status = client.status();
    return {
      mode,
      exchanges,
      offered,
      seconds: Math.round(seconds * 10) / 10,
      perSecond: Math.round(exchanges / seconds),
      capMiB: maxBytes / 2 ** 20,
      peakMiB: Math.round((peak / 2 ** 20) * 10) / 10,
      rows: status.exchanges,
      dropped: status.dropped,
      rssMiB: Math.round(process.memoryUsage().rss / 2 ** 20),
      state: status.error ?? status.state,
    };
  } finally {
    clearInterval(watch);
    rmSync(folder, { recursive: true, force: true });
  }
}

const { values } = parseArgs({
  options: {
    exchanges: { type: 'string', default: '5000000' },
    cap: { type: 'string', default: '64' },
    mode: { type: 'string', default: 'sampled' },
    json: { type: 'boolean', default: false },
  },
});
const result = await soak(values.mode, Number(values.exchanges), Number(values.cap) * 2 ** 20);
if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
else
  for (const [name, value] of Object.entries(result)) process.stdout.write(`${name.padEnd(10)} ${value}\n`);
process.exitCode = result.peakMiB <= result.capMiB && result.dropped === 0 ? 0 : 1;
