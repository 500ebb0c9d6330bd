import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RunResult } from '../../src/cli/run-result.ts';
import type { CaptureStatus } from '../../src/model/capture-status.ts';
import { eventually } from '../fixtures/eventually.ts';
import { missingPeers } from '../fixtures/peers.ts';
import { startPrimary } from '../fixtures/primary.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import type { ThreadFault } from '../fixtures/thread-fault.ts';
import { spawnTied, startUnderstudy } from '../fixtures/understudy.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const LAUNCHER = join(ROOT, 'bin', 'understudy');
/** Captures that nobody here made stand beside the repository; see its README for what is in them. */
const CAPTURES = join(ROOT, '..', 'shared', 'captures');
const NO_RIGHTS = process.getuid?.() === 0 ? missingPeers('tcpdump') : 'only root may capture';

/** `understudy run` with these flags until it ends by itself. */
async function run(...args: readonly string[]): Promise<{ code: number | null; result: RunResult }> {
  const child = spawnTied(LAUNCHER, ['run', '--admin', 'off', '--json', ...args]);
  const { code, result } = await child.ended();
  return { code, result };
}

function captureOf({ taps }: RunResult, at = 0): CaptureStatus {
  const captures = taps.filter((tap) => tap.kind === 'capture');
  const found = captures[at];
  ok(found, `there are ${captures.length} captures`);
  return found;
}

/** Files: packets, requests in HTTP/1.1, and why exchanges are not whole. Where tshark sees others, `test/conformance` says why. */
const FILES: readonly (readonly [file: string, packets: number, requests: number, cut: number])[] = [
  ['vxlan-encapsulated-http.pcap', 12, 1, 0],
  ['vxlan-aws-mirror.pcap', 100, 0, 0],
  ['geneve-many-options.pcap', 10, 1, 0],
  ['erspan-I.pcap', 42, 0, 0],
  ['http-bro.org.pcap', 751, 31, 1],
  ['http-100-continue.pcap', 66, 1, 0],
  ['http-smuggle-request.pcap', 23, 2, 0],
  ['http-starting-with-reply.pcapng', 18, 2, 0],
  ['webattack-rce.pcap', 797, 794, 794],
  ['webattack-sqli.pcap', 94, 9, 0],
  ['synscan.pcap', 2011, 0, 0],
];

test('a run of files ends with them, and says what was in each', async () => {
  const flags = FILES.flatMap(([file]) => ['--capture', join(CAPTURES, file)]);
  const { code, result } = await run(...flags);
  equal(code, 0);
  equal(result.ended, 'end');
  deepEqual(
    FILES.map(([file], at) => {
      const { packets, requests, state, completeness } = captureOf(result, at);
      equal(state, 'over');
      return [file, packets, requests.http1, completeness.cut];
    }),
    FILES,
  );
  const sum = (at: 1 | 2 | 3): number => FILES.reduce((total, row) => total + row[at], 0);
  equal(result.packets.seen, sum(1));
  equal(result.requests.http1, sum(2));
  equal(result.exchanges, sum(2));
  equal(result.incomplete, sum(3));
  equal(result.completeness.guessed, 2);
  equal(result.completeness.whole + result.completeness.cut + result.completeness.guessed, result.exchanges);
});

test('standard input is read as a file is', async () => {
  const child = spawnTied('/bin/sh', [
    '-c',
    `exec "$0" run --admin off --json --capture - < "$1"`,
    LAUNCHER,
    join(CAPTURES, 'webattack-sqli.pcap'),
  ]);
  const { code, result } = await child.ended();
  equal(code, 0);
  equal(result.requests.http1, 9);
});

test('what is no capture is named, and what is cut is counted', async () => {
  await using folder = await temporaryFolder();
  const whole = readFileSync(join(CAPTURES, 'webattack-sqli.pcap'));
  writeFileSync(folder.file('cut.pcap'), whole.subarray(0, whole.length - 10));
  writeFileSync(folder.file('text.pcap'), 'not a capture at all, but long enough to look at');
  const { code, result } = await run(
    '--capture',
    folder.file('cut.pcap'),
    '--capture',
    folder.file('text.pcap'),
  );
  equal(code, 0);
  const cut = captureOf(result, 0);
  deepEqual([cut.state, cut.fileFaults['cut_record'], cut.packets], ['over', 1, 93]);
  const text = captureOf(result, 1);
  deepEqual([text.state, text.fileFaults['bad_magic'], text.packets], ['failed', 1, 0]);
  match(text.problem ?? '', /text\.pcap/);
});

test('a source that cannot be had is refused before anything starts', async () => {
  const child = spawnTied(LAUNCHER, ['run', '--admin', 'off', '--capture', '/nowhere/x.pcap']);
  const { code } = await child.ended();
  equal(code, 64);
  match(child.stderr(), /\/nowhere\/x\.pcap/);
});

test('requests of a file are copied, and only those that are whole', async () => {
  await using mirror = await startPrimary();
  const { code, result } = await run(
    '--capture',
    join(CAPTURES, 'http-bro.org.pcap'),
    '--mirror',
    mirror.url,
    '--writes',
    'mirror',
  );
  equal(code, 0);
  const [policy] = result.policies;
  const copies = policy?.mirrors[0];
  equal(policy?.matched, 31);
  equal(copies?.mirrored, 31);
  equal(mirror.seen.length, 31);
  // One answer of the capture is cut: nothing is said of its pair.
  equal(copies?.pairs.incomplete, 1);
  equal((copies?.pairs.same ?? 0) + (copies?.pairs.different ?? 0), 30);
});

test(
  'traffic of an interface is copied and compared, beside a live path that knows nothing of it',
  { skip: NO_RIGHTS },
  async () => {
    await using primary = await startPrimary();
    await using mirror = await startPrimary();
    const capture = {
      name: 'port',
      interface: 'lo',
      filter: `tcp port ${primary.port}`,
      serverPorts: [primary.port],
    };
    await using understudy = await startUnderstudy({
      config: {
        captures: [capture],
        policies: [{ name: 'copy', taps: ['port'], mirrors: [{ name: 'v2', url: mirror.url }] }],
      },
    });
    for (let i = 0; i < 20; i++) await (await fetch(`${primary.url}/bytes/${i}`)).arrayBuffer();
    await eventually('all are compared', async () => {
      const { mirrors } = await understudy.policy('copy');
      return mirrors[0]?.pairs.same === 20;
    });
    equal(primary.seen.length, 20);
    equal(mirror.seen.length, 20);
    const status = await understudy.capture('port');
    equal(status.state, 'running');
    equal(status.completeness.whole, 20);
    equal(status.lost['kernel'], 0);
    match(await understudy.metrics(), /understudy_capture_packets_total\{tap="port"\} [1-9]/);
    const { code, result } = await understudy.stop();
    equal(code, 0);
    equal(result.completeness.whole, 20);
  },
);

const FAULTS: readonly (readonly [fault: ThreadFault, reason: RegExp])[] = [
  ['throw', /a planted error/],
  ['spin', /no sign of life for \d+ s/],
];
for (const [fault, reason] of FAULTS) {
  test(
    `a capture's thread, ${fault}: it is replaced, and what it has counted stays`,
    { skip: NO_RIGHTS },
    async () => {
      await using primary = await startPrimary();
      await using understudy = await startUnderstudy({
        config: {
          captures: [{ name: 'port', interface: 'lo', filter: `tcp port ${primary.port}` }],
          observer: { stall: '1s' },
        },
        faults: true,
      });
      const exchange = async (): Promise<void> => void (await (await fetch(primary.url)).arrayBuffer());
      await exchange();
      await eventually('it is counted', async () => (await understudy.summary()).exchanges === 1);
      await understudy.plant('capture', fault);
      await eventually(
        'it runs again',
        async () =>
          (await understudy.capture()).observers[0]?.restarts === 1 &&
          (await understudy.capture()).state === 'running',
        15_000,
      );
      ok(understudy.log().some((line) => reason.test(String(line['reason']))));
      await exchange();
      await eventually('it goes on', async () => (await understudy.summary()).exchanges === 2);
    },
  );
}

test('a file is not read a second time when its thread fails', async () => {
  await using folder = await temporaryFolder();
  const file = folder.file('slow.pcap');
  const two = readFileSync(join(CAPTURES, 'webattack-sqli.pcap'));
  writeFileSync(file, two);
  await using understudy = await startUnderstudy({
    config: { captures: [{ name: 'slow', file, pace: 'recorded' }] },
    faults: true,
  });
  await understudy.plant('capture', 'throw');
  const { code, result } = await understudy.ended();
  equal(code, 0);
  const slow = captureOf(result);
  equal(slow.state, 'failed');
  match(slow.problem ?? '', /a planted error; it is not read a second time/);
});
