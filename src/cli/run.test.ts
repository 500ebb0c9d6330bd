import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext as NodeTestContext } from 'node:test';
import type { TestContext } from '../../test/fixtures/cli-context.ts';
import { cliContext } from '../../test/fixtures/cli-context.ts';
import { examplePolicy, exampleSummary } from '../../test/fixtures/status.ts';
import { exampleVerdict, passVerdict, undecidedVerdict } from '../../test/fixtures/verdict.ts';
import { ManualClock } from '../kit/manual-clock.ts';
import { dispatch } from './dispatch.ts';

const QUICK_START = [
  'run',
  '--listen',
  '127.0.0.1:8080',
  '--primary',
  'http://127.0.0.1:3000',
  '--mirror',
  'http://127.0.0.1:3001',
];

function temporaryFolder(t: NodeTestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-run-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Resolves when the runtime has been asked for this. */
function called(context: TestContext, call: string): Promise<void> {
  return new Promise((resolve) => {
    context.runtime.onCall = (name) => {
      if (name === call) resolve();
    };
  });
}

/** Waits until the command listens for signals. */
async function listening(context: TestContext): Promise<void> {
  while (context.started.length === 0) await new Promise((resolve) => setImmediate(resolve));
}

test('starts what the flags say, drains at SIGTERM, disposes and exits with 0', async () => {
  const context = cliContext();
  const code = dispatch([...QUICK_START, '--drain', '5s', '--percent', '10'], context);
  await listening(context);
  const draining = called(context, 'drain');
  context.signals.emit('SIGTERM');
  await draining;
  context.runtime.drained();
  equal(await code, 0);
  deepEqual(context.runtime.calls, ['drain', 'dispose']);
  const [settings] = context.started;
  equal(settings?.drainMs, 5000);
  equal(settings?.policies[0]?.mirrors[0]?.endpoint.url, 'http://127.0.0.1:3001');
  deepEqual(context.signals.eventNames(), []);
});

test('a second Ctrl-C ends without waiting for the drain', async () => {
  const clock = new ManualClock();
  const context = cliContext({ clock });
  const code = dispatch(QUICK_START, context);
  await listening(context);
  const draining = called(context, 'drain');
  context.signals.emit('SIGINT');
  await draining;
  clock.advance(1000);
  context.signals.emit('SIGINT');
  equal(await code, 0);
  deepEqual(context.runtime.calls, ['drain', 'dispose']);
});

test('without a file SIGHUP ends it: the terminal is gone', async () => {
  const context = cliContext();
  const code = dispatch(QUICK_START, context);
  await listening(context);
  context.runtime.drained();
  context.signals.emit('SIGHUP');
  equal(await code, 0);
});

test('is quiet in a pipe, and with --json says its result in one line of the agreed fields', async () => {
  const context = cliContext();
  context.runtime.drained();
  const code = dispatch([...QUICK_START, '--until', '1-requests', '--json'], context);
  equal(await code, 0);
  const { out } = context.printed();
  equal(out.split('\n').length, 2);
  const result = JSON.parse(out);
  equal(result.ended, 'until');
  deepEqual(result.requests, { http1: 120, http2: 0 });
  equal(result.exchanges, 119);
  equal(result.incomplete, 1);
  equal(result.incompleteByReason.ambiguous, 1);
  equal(result.mirrored, 90);
  equal(result.notMirrored.unsafe_method, 20);
  equal(result.heldWrites, 20);
  deepEqual(result.pairs, { same: 80, different: 7, incomplete: 1 });
  equal(result.policies[0].mirrors[0].name, 'v2');
});

test('prints nothing on a pipe without --json', async () => {
  const context = cliContext();
  context.runtime.drained();
  equal(await dispatch([...QUICK_START, '--until', '1-requests'], context), 0);
  equal(context.printed().out, '');
  // The log is where a service manager looks.
  const lines = context.printed().err.trimEnd().split('\n');
  const [first, second] = lines.map((line) => JSON.parse(line));
  deepEqual([first.message, first.tap, first.address], ['listening', 'orders', '127.0.0.1:8080']);
  equal(second.url, 'http://127.0.0.1:9900');
});

test('on a terminal says what listens where and what is copied, and at the end what was done', async () => {
  const context = cliContext({ terminal: true });
  context.runtime.drained();
  equal(await dispatch([...QUICK_START, '--until', '1-requests'], context), 0);
  const { out } = context.printed();
  match(out, /^orders: 127\.0\.0\.1:8080 → http:\/\/127\.0\.0\.1:3000, http/);
  match(
    out,
    /policy orders-v2: 100 % of what it matches → v2 \(http:\/\/127\.0\.0\.1:3001\); writes are held back/,
  );
  match(out, /admin: http:\/\/127\.0\.0\.1:9900/);
  match(
    out,
    /v2 http:\/\/127\.0\.0\.1:3001: 90 copied, 20 writes held back, not copied: 10 \(not_matched 10\)/,
  );
});

test('--json on a terminal prints the JSON and nothing else', async () => {
  const context = cliContext({ terminal: true });
  context.runtime.drained();
  equal(await dispatch([...QUICK_START, '--until', '1-requests', '--json'], context), 0);
  JSON.parse(context.printed().out);
});

test('--until end waits for the taps to end', async () => {
  const context = cliContext();
  context.runtime.drained();
  const code = dispatch([...QUICK_START, '--until', 'end', '--json'], context);
  await listening(context);
  context.runtime.finish();
  equal(await code, 0);
  equal(JSON.parse(context.printed().out).ended, 'end');
});

test('--until waits until there are enough', async () => {
  const context = cliContext();
  context.runtime.drained();
  const code = dispatch([...QUICK_START, '--until', '500-pairs', '--json'], context);
  await listening(context);
  deepEqual(context.runtime.calls, []);
  context.runtime.current = { ...exampleSummary, pairs: { same: 400, different: 100, incomplete: 0 } };
  equal(await code, 0);
  equal(JSON.parse(context.printed().out).pairs.same, 400);
});

test('a runtime that cannot go on is an internal error', async () => {
  const context = cliContext();
  const code = dispatch(QUICK_START, context);
  await listening(context);
  context.runtime.fail(new Error('broken beyond repair'));
  equal(await code, 70);
  match(context.printed().err, /broken beyond repair/);
  deepEqual(context.runtime.calls, ['dispose']);
});

test('--report writes the result for programs and for people, into a folder it makes', async (t) => {
  const folder = join(temporaryFolder(t), 'deep', 'report');
  const context = cliContext();
  context.runtime.drained();
  equal(await dispatch([...QUICK_START, '--until', '1-requests', '--report', folder], context), 0);
  equal(JSON.parse(readFileSync(join(folder, 'summary.json'), 'utf8')).mirrored, 90);
  match(readFileSync(join(folder, 'summary.txt'), 'utf8'), /90 copied, 20 writes held back/);
  match(readFileSync(join(folder, 'report.html'), 'utf8'), /^<!doctype html>/);
  match(readFileSync(join(folder, 'report.md'), 'utf8'), /^### ❌ fail: `orders-v2`/);
  match(readFileSync(join(folder, 'report.txt'), 'utf8'), /^FAIL orders-v2/);
  match(readFileSync(join(folder, 'junit.xml'), 'utf8'), /<testsuite name="orders-v2 → v2"/);
  const report = JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8'));
  equal(report.state, 'fail');
  equal(report.examples[0].exchanges[0].id, 'e-1');
});

test('--until verdict ends when every policy is decided, and exits by it', async () => {
  for (const [verdict, code] of [
    [passVerdict, 0],
    [exampleVerdict(), 1],
  ] as const) {
    const context = cliContext();
    context.runtime.drained();
    context.runtime.policies = () => [examplePolicy];
    context.runtime.verdicts = [undecidedVerdict];
    const ended = dispatch([...QUICK_START, '--until', 'verdict,1h', '--json'], context);
    await listening(context);
    deepEqual(context.runtime.calls, []);
    context.runtime.verdicts = [verdict];
    equal(await ended, code);
    const result = JSON.parse(context.printed().out);
    equal(result.ended, 'until');
    equal(result.verdicts[0].state, verdict.state);
  }
});

test('a gate that ends without a decision exits with 2, also when one policy has compared nothing', async () => {
  const context = cliContext();
  context.runtime.drained();
  context.runtime.verdicts = [passVerdict];
  equal(await dispatch([...QUICK_START, '--until', '1-requests', '--gate', '--json'], context), 2);
  deepEqual(
    JSON.parse(context.printed().out).verdicts.map(({ state }: { state: string }) => state),
    ['pass', 'undecided'],
  );
});

test('without a gate the verdict does not decide the exit code', async () => {
  const context = cliContext();
  context.runtime.drained();
  equal(await dispatch([...QUICK_START, '--until', '1-requests'], context), 0);
});

test('a gate without a mirror is a mistake', async () => {
  const context = cliContext();
  const args = ['run', '--listen', '127.0.0.1:0', '--primary', 'http://127.0.0.1:3000', '--until', 'verdict'];
  equal(await dispatch(args, context), 64);
  match(context.printed().err, /nothing to decide/);
  deepEqual(context.started, []);
});

test('on a terminal the end shows the verdict with its findings', async () => {
  const context = cliContext({ terminal: true });
  context.runtime.drained();
  equal(await dispatch([...QUICK_START, '--until', '1-requests'], context), 0);
  match(context.printed().out, /90 copied[\s\S]*FAIL orders-v2 → v2[\s\S]*body\.customer\.email/);
});

test('a report that cannot be written is told before anything starts', async (t) => {
  const file = join(temporaryFolder(t), 'file');
  writeFileSync(file, '');
  const context = cliContext();
  equal(await dispatch([...QUICK_START, '--report', join(file, 'x')], context), 64);
  match(context.printed().err, /--report: the report cannot be written/);
  deepEqual(context.started, []);
});

const CONFIG = `listeners:
  - name: orders
    listen: 127.0.0.1:8080
    primary: http://127.0.0.1:3000
policies:
  - name: orders-v2
    percent: 50
    mirrors: [ { name: v2, url: "http://127.0.0.1:3001" } ]
`;

test('takes a changed file in, refuses a bad one with all its problems, and SIGHUP reads it again', async (t) => {
  const file = join(temporaryFolder(t), 'understudy.yaml');
  writeFileSync(file, CONFIG);
  const context = cliContext();
  const { runtime } = context;
  const code = dispatch(['run', '--config', file], context);
  await listening(context);
  while (context.signals.listenerCount('SIGHUP') === 0) await new Promise((resolve) => setImmediate(resolve));

  let reloaded = called(context, 'reload');
  writeFileSync(file, CONFIG.replace('50', '25'));
  await reloaded;
  deepEqual(runtime.settings?.policies[0]?.fraction, { numerator: 25, denominator: 100 });

  const refused = called(context, 'refused');
  writeFileSync(file, CONFIG.replace('percent: 50', 'percents: 50').replace('8080', '808080'));
  await refused;
  equal(runtime.problems.length, 2);
  match(
    runtime.problems.join('\n'),
    /understudy\.yaml:3:\d+: listeners\[0\]\.listen[\s\S]*understudy\.yaml:7:\d+/,
  );
  match(context.printed().err, /configuration refused, the running one stays in force/);

  writeFileSync(file, CONFIG.replace('50', '75'));
  reloaded = called(context, 'reload');
  context.signals.emit('SIGHUP');
  await reloaded;
  deepEqual(runtime.settings?.policies[0]?.fraction, { numerator: 75, denominator: 100 });

  runtime.reloadError = new Error('no such port');
  const failed = called(context, 'refused');
  context.signals.emit('SIGHUP');
  await failed;
  match(runtime.problems[0] ?? '', /no such port/);

  runtime.drained();
  context.signals.emit('SIGTERM');
  equal(await code, 0);
});

test('warnings of a configuration are told and do not hold it up', async () => {
  const context = cliContext();
  context.runtime.drained();
  const loop = [...QUICK_START.slice(0, -1), 'http://127.0.0.1:8080'];
  equal(await dispatch([...loop, '--until', '1-requests'], context), 0);
  ok(context.printed().err.includes('warning: copies go to the listener'));
});
