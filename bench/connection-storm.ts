/**
 * Opens and drops 100,000 connections, in several rude ways, while users are served, and prints as JSON what that cost.
 * Ends with 1 when a user noticed, or when anything was left behind. Usage: node bench/connection-storm.ts [count]
 */
import { converse } from '../test/fixtures/conversation.ts';
import { eventually } from '../test/fixtures/eventually.ts';
import { startLoad } from '../test/fixtures/live-load.ts';
import { startPrimary } from '../test/fixtures/primary.ts';
import { oneTap, startUnderstudy } from '../test/fixtures/understudy.ts';

const AT_ONCE = 100;
const REST_MS = 30_000;

/** What is dropped after what was sent. One in five ends properly: more would use up the local ports. */
const WAYS: readonly (readonly [bytes: string, reset: boolean])[] = [
  ['', true],
  ['', false],
  ['GET /bytes/300 HTTP/1.1\r\nHo', true],
  ['GET /bytes/300 HTTP/1.1\r\nHost: a\r\n\r\n', true],
  ['POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n12', true],
];

const count = Number(process.argv[2] ?? 100_000);
await using primary = await startPrimary();
await using mirror = await startPrimary();
await using understudy = await startUnderstudy({
  config: oneTap(primary.url, mirror.url, { policy: { writes: 'mirror' } }),
});
const port = await understudy.port();
const load = await startLoad({ target: port, primary: primary.port });
const rssBefore = understudy.rssBytes();
let rssMost = rssBefore;
let begun = 0;
const watch = setInterval(() => {
  rssMost = Math.max(rssMost, understudy.rssBytes());
  if (process.stderr.isTTY) process.stderr.write(`\r${begun}`);
}, 200);
const started = performance.now();
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    while (begun < count) {
      const [bytes, reset] = WAYS[begun++ % WAYS.length] ?? ['', true];
      await converse(port, bytes, reset ? { reset } : { halfClose: true });
    }
  }),
);
const seconds = (performance.now() - started) / 1000;
clearInterval(watch);
const users = await load.stop();
const left = await eventually(
  'nothing is left',
  async () => {
    const { connections, observers } = await understudy.tap();
    const followed = observers.reduce((sum, observer) => sum + observer.connections, 0);
    return connections.open + followed + primary.open === 0 && { open: 0, followed: 0, atPrimary: 0 };
  },
  REST_MS,
).catch(() => undefined);
const { observerRestarts, tapeDroppedBytes } = await understudy.summary();
const result = {
  connections: count,
  seconds: Math.round(seconds * 10) / 10,
  perSecond: Math.round(count / seconds),
  users: { answers: users.answers, errors: users.errors, slowestMs: Math.round(users.slowestMs) },
  rssMiB: [rssBefore, rssMost, understudy.rssBytes()].map((bytes) => Math.round(bytes / 2 ** 20)),
  left: left ?? 'connections',
  observerRestarts,
  tapeDroppedBytes,
};
process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
process.exitCode = users.errors.length === 0 && left !== undefined && observerRestarts === 0 ? 0 : 1;
