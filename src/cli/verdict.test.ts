import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { startAdmin } from '../admin/server.ts';
import { ExampleSource, exampleExchangeSummary } from '../../test/fixtures/admin-source.ts';
import type { TestContext } from '../../test/fixtures/cli-context.ts';
import { cliContext } from '../../test/fixtures/cli-context.ts';
import { eventually } from '../../test/fixtures/eventually.ts';
import { examplePolicy } from '../../test/fixtures/status.ts';
import { temporaryFolder } from '../../test/fixtures/temporary-folder.ts';
import {
  exampleExchange,
  exampleFinding,
  exampleMirrorVerdict,
  exampleVerdict,
  passVerdict,
  undecidedVerdict,
} from '../../test/fixtures/verdict.ts';
import { silentLogger } from '../kit/log.ts';
import { DEFAULT_STORE } from '../model/settings.ts';
import { findingId } from '../model/finding-id.ts';
import { ManualClock } from '../kit/manual-clock.ts';
import type { Verdict } from '../model/verdict.ts';
import { openStore } from '../store/open-store.ts';
import { dispatch } from './dispatch.ts';
import { keepAlive } from './interval.ts';
import type { VerdictSource } from './verdict-source.ts';
import { gatherReport } from './verdict-source.ts';

/** A running admin API with one policy and this verdict. */
async function startInstance(verdict: Verdict | undefined, token?: string) {
  const source = new ExampleSource();
  source.verdicts = verdict === undefined ? [] : [verdict];
  source.policies = () => [examplePolicy];
  const listen = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
  const admin = await startAdmin({ listen, token, source, log: silentLogger });
  return { source, url: admin.url, [Symbol.asyncDispose]: () => admin[Symbol.asyncDispose]() };
}

const gates: readonly (readonly [name: string, verdict: Verdict | undefined, code: number])[] = [
  ['pass', passVerdict, 0],
  ['fail', exampleVerdict(), 1],
  ['undecided', undecidedVerdict, 2],
  ['no verdict yet', undefined, 2],
];
for (const [name, verdict, code] of gates) {
  test(`verdict of a running instance: ${name} exits with ${code}`, async () => {
    await using instance = await startInstance(verdict);
    const context = cliContext();
    equal(await dispatch(['verdict', '--admin', instance.url], context), code, context.printed().err);
    match(context.printed().out, new RegExp(`^${verdict?.state.toUpperCase() ?? 'UNDECIDED'} orders-v2`));
  });
}

test('one policy of several, and a name that is nearly one', async () => {
  await using instance = await startInstance(passVerdict);
  instance.source.policies = () => [examplePolicy, { ...examplePolicy, name: 'other' }];
  equal(await dispatch(['verdict', '--admin', instance.url], cliContext()), 2);
  equal(await dispatch(['verdict', '--admin', instance.url, '--policy', 'orders-v2'], cliContext()), 0);
  const context = cliContext();
  equal(await dispatch(['verdict', '--admin', instance.url, '--policy', 'order-v2'], context), 64);
  match(context.printed().err, /did you mean orders-v2\?/);
});

test('--json gives the report with its examples', async () => {
  await using instance = await startInstance(exampleVerdict());
  const context = cliContext();
  equal(await dispatch(['verdict', '--admin', instance.url, '--json'], context), 1);
  const report = JSON.parse(context.printed().out);
  equal(report.kind, 'understudy-report');
  equal(report.summary.mirrored, 90);
  deepEqual(report.examples[0].exchanges[0].primary.body, {
    encoding: 'utf8',
    data: Buffer.from(exampleExchange().primary.body).toString(),
  });
});

test('examples that cannot be read now do not hold up the verdict', async () => {
  await using instance = await startInstance(exampleVerdict());
  instance.source.unreadable = new Error('the disk is full');
  const context = cliContext();
  equal(await dispatch(['verdict', '--admin', instance.url, '--format', 'json'], context), 1);
  deepEqual(JSON.parse(context.printed().out).examples, []);
});

test('examples that do not come in time are left out', async () => {
  const clock = new ManualClock();
  const verdicts = [exampleVerdict()];
  let asked = 0;
  const source: VerdictSource = {
    verdicts: async () => verdicts,
    summary: async () => undefined,
    exchanges: async () => {
      asked += 1;
      return { items: [exampleExchangeSummary], next: undefined };
    },
    exchange: async (id) => (asked === 1 ? [exampleExchange({ id })] : new Promise(() => {})),
  };
  const gathered = gatherReport(source, { policy: undefined, version: '1', clock });
  await eventually('it waits for the second one', () => asked === 2);
  clock.advance(10_000);
  deepEqual([...(await gathered).examples.keys()], [exampleFinding().id]);
});

test('the token comes from a file or the environment, and is asked for', async () => {
  await using instance = await startInstance(passVerdict, 'secret');
  using folder = temporaryFolder();
  writeFileSync(folder.file('token'), 'secret\n');
  const args = ['verdict', '--admin', instance.url];
  equal(await dispatch([...args, '--token-file', folder.file('token')], cliContext()), 0);
  equal(await dispatch(args, cliContext({ env: { UNDERSTUDY_ADMIN_TOKEN: 'secret' } })), 0);
  const context = cliContext();
  equal(await dispatch(args, context), 64);
  match(context.printed().err, /401[\s\S]*--token-file/);
});

const mistakes: readonly (readonly [args: readonly string[], said: RegExp])[] = [
  [['--store', 'x.db', '--admin', '127.0.0.1:1'], /give one of the two/],
  [['--store', '/nowhere/x.db'], /nowhere/],
  [['--token-file', '/nowhere/token'], /token cannot be read/],
  [['--json', '--format', 'html'], /two formats/],
  [['--format', 'pdf'], /it takes text, json, junit, markdown, html/],
  [['--interval', '1ms', '--watch'], /too short/],
];
for (const [args, said] of mistakes) {
  test(`verdict ${args.join(' ')} exits with 64`, async () => {
    const context = cliContext();
    equal(await dispatch(['verdict', ...args], context), 64);
    match(context.printed().err, said);
  });
}

/** Resolves when the command has printed this. */
function printed(context: TestContext, text: RegExp): Promise<unknown> {
  return eventually(`it prints ${String(text)}`, () => text.test(context.printed().out));
}

test('--watch tells each change and ends with the decision', async () => {
  await using instance = await startInstance(undecidedVerdict);
  const context = cliContext();
  const code = dispatch(['verdict', '--admin', instance.url, '--watch', '--interval', '100ms'], context);
  await printed(context, /^UNDECIDED orders-v2 → v2: 120 pairs compared/);
  instance.source.verdicts = [passVerdict];
  equal(await code, 0);
  match(context.printed().out, /^UNDECIDED .*\nPASS orders-v2 → v2: 12,000 pairs compared/);
  deepEqual(context.signals.eventNames(), []);
});

test('--watch on a terminal draws anew, and Ctrl-C ends it with what is known', async () => {
  await using instance = await startInstance(undecidedVerdict);
  const context = cliContext({ terminal: true });
  const code = dispatch(['verdict', '--admin', instance.url, '--watch'], context);
  await printed(context, /UNDECIDED/);
  context.signals.emit('SIGINT');
  equal(await code, 2);
  ok(context.printed().out.startsWith('\u001B[2J\u001B[H'));
});

test('--watch leaves what an instance said last when it goes away', async () => {
  const instance = await startInstance(undecidedVerdict);
  const context = cliContext();
  const code = dispatch(['verdict', '--admin', instance.url, '--watch', '--interval', '100ms'], context);
  await printed(context, /UNDECIDED/);
  await instance[Symbol.asyncDispose]();
  equal(await code, 2);
  match(context.printed().err, /this is what it said last/);
});

test('report writes every format into a folder, or one to standard output', async () => {
  await using instance = await startInstance(exampleVerdict());
  using folder = temporaryFolder();
  const out = folder.file('deep/report');
  equal(await dispatch(['report', '--admin', instance.url, '--out', out], cliContext()), 0);
  deepEqual(readdirSync(out).toSorted(), [
    'junit.xml',
    'report.html',
    'report.json',
    'report.md',
    'report.txt',
  ]);
  match(readFileSync(`${out}/report.txt`, 'utf8'), /^FAIL orders-v2/);
  const context = cliContext();
  equal(await dispatch(['report', '--admin', instance.url, '--format', 'markdown'], context), 0);
  match(context.printed().out, /^### ❌ fail/);
});

test('a report that cannot be written is a user error', async () => {
  await using instance = await startInstance(passVerdict);
  using folder = temporaryFolder();
  writeFileSync(folder.file('file'), '');
  const context = cliContext();
  equal(await dispatch(['report', '--admin', instance.url, '--out', folder.file('file/x')], context), 64);
  match(context.printed().err, /--out: the report cannot be written/);
});

test('a store file gives the same, one verdict for each policy and examples of findings', async () => {
  using folder = temporaryFolder();
  const file = folder.file('understudy.db');
  const id = findingId('v2', 'GET /api/orders/{id}', 'body.customer.email', 'missing');
  const verdict = exampleVerdict({ mirrors: [exampleMirrorVerdict({ findings: [exampleFinding({ id })] })] });
  const gone = exampleMirrorVerdict({ mirror: 'v1' });
  {
    using store = openStore({ ...DEFAULT_STORE, file });
    store.write({
      exchanges: [exampleExchange()],
      minutes: [],
      verdicts: [
        { policy: verdict.policy, mirror: 'v2', state: '{}', verdict },
        // Of a mirror that the policy does not have any more.
        {
          policy: verdict.policy,
          mirror: 'v1',
          state: '{}',
          verdict: exampleVerdict({ at: 1, mirrors: [gone] }),
        },
      ],
    });
  }
  const context = cliContext();
  equal(await dispatch(['verdict', '--store', file, '--json'], context), 1, context.printed().err);
  const report = JSON.parse(context.printed().out);
  deepEqual(
    report.verdicts.map(({ mirrors }: { mirrors: { mirror: string }[] }) =>
      mirrors.map(({ mirror }) => mirror),
    ),
    [['v2']],
  );
  equal(report.examples[0].finding, id);
  equal(report.examples[0].exchanges[0].id, 'e-1');
  equal(report.summary, undefined);
  const text = cliContext();
  equal(await dispatch(['report', '--store', file], text), 0);
  match(text.printed().out, /^FAIL orders-v2 → v2/);
  const missing = folder.file('none.db');
  equal(await dispatch(['verdict', '--store', missing], cliContext()), 64);
  ok(!existsSync(missing));
});

test('top in a pipe writes a line for each look until it is ended', async () => {
  await using instance = await startInstance(exampleVerdict());
  const context = cliContext();
  const code = dispatch(['top', '--admin', instance.url, '--interval', '100ms'], context);
  await printed(context, /requests\/s[^\n]*\n\d+ requests\/s · orders-v2 → v2 fail/);
  context.signals.emit('SIGTERM');
  equal(await code, 0);
});

test('top takes the screen and gives it back; q ends it, a new size draws it anew, and events are shown', async () => {
  await using instance = await startInstance(exampleVerdict());
  const listeners = { key: (_key: string): void => {}, resize: (): void => {} };
  let listening = 0;
  const context = {
    ...cliContext({ terminal: true }),
    keyboard: {
      listen(listener: (key: string) => void) {
        listeners.key = listener;
        listening += 1;
        return () => void (listening -= 1);
      },
      onResize(listener: () => void) {
        listeners.resize = listener;
        listening += 1;
        return () => void (listening -= 1);
      },
    },
  };
  const code = dispatch(['top', '--admin', instance.url, '--interval', '1h'], context);
  await printed(context, /FAIL orders-v2/);
  equal(listening, 2);
  await eventually('the event is drawn', () => {
    instance.source.published.publish({ type: 'draining', at: 1 });
    listeners.resize();
    return context.printed().out.includes('draining: open connections');
  });
  listeners.key('x');
  listeners.key('q');
  equal(await code, 0);
  equal(listening, 0);
  const { out } = context.printed();
  ok(out.startsWith('\u001B[?1049h\u001B[?25l'));
  ok(out.endsWith('\u001B[?25h\u001B[?1049l'));
});

test('top of nobody says so and leaves the screen alone', async () => {
  using folder = temporaryFolder();
  const context = cliContext({ terminal: true });
  equal(await dispatch(['top', '--admin', `unix:${folder.file('none.sock')}`], context), 64);
  equal(context.printed().out, '');
});

test('top says what is wrong when the instance goes away, and goes on', async () => {
  const instance = await startInstance(passVerdict);
  using _alive = keepAlive();
  const context = cliContext({ terminal: true });
  const code = dispatch(['top', '--admin', instance.url, '--interval', '100ms'], context);
  await printed(context, /PASS/);
  await instance[Symbol.asyncDispose]();
  await printed(context, /! the admin API cannot be asked/);
  context.signals.emit('SIGINT');
  equal(await code, 0);
});
