import { equal, match, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../fixtures/eventually.ts';
import { startFaultyMirror } from '../fixtures/faulty-mirror.ts';
import { assertUntouched, READS, startLoad } from '../fixtures/live-load.ts';
import { startPrimary } from '../fixtures/primary.ts';
import { oneTap, startUnderstudy } from '../fixtures/understudy.ts';
import type { Understudy } from '../fixtures/understudy.ts';

const WINDOW = { window: '1s', minimum: 10 };

async function isPaused(understudy: Understudy): Promise<boolean> {
  return (await understudy.policy()).state.kind === 'paused';
}

test('mirrorErrors: a policy whose mirror fails is paused, and an operator resumes it', async () => {
  await using primary = await startPrimary();
  await using mirror = await startFaultyMirror();
  const stopWhen = { mirrorErrors: '50%', ...WINDOW };
  await using understudy = await startUnderstudy({
    config: oneTap(primary.url, mirror.url, { policy: { stopWhen } }),
  });
  await using load = await startLoad({
    target: await understudy.port(),
    primary: primary.port,
    scripts: READS,
  });
  await eventually('copies', () => mirror.answered > 100);
  equal(await isPaused(understudy), false);
  await mirror.fall('server errors');
  await eventually('it is paused', () => isPaused(understudy));
  const { state } = await understudy.policy();
  ok(state.kind === 'paused');
  equal(state.by, 'stopWhen');
  match(state.reason, /%/);
  match(await understudy.metrics(), /understudy_policy_paused\{policy="copy"\} 1/);
  await mirror.recover();
  const { answered } = mirror;
  const { answers } = load;
  await eventually('answers go on', () => load.answers > answers + 100);
  ok(mirror.answered < answered + 10, 'it stays paused');
  await understudy.admin('POST', '/api/v1/policies/copy/resume');
  await eventually('copies go on', () => mirror.answered > answered + 50);
  await assertUntouched(load);
});

test('primaryLatencyRise: measures without copies first, and pauses when copies make the primary slow', async () => {
  let slow = false;
  await using primary = await startPrimary({
    answer(_request, response) {
      setTimeout(() => response.end('ok'), slow ? 60 : 5);
      return true;
    },
  });
  await using mirror = await startPrimary();
  const stopWhen = { primaryLatencyRise: '100%', ...WINDOW };
  await using understudy = await startUnderstudy({
    config: oneTap(primary.url, mirror.url, { policy: { stopWhen } }),
  });
  await using load = await startLoad({
    target: await understudy.port(),
    primary: primary.port,
    scripts: READS,
  });
  await eventually('it measures', () => isPaused(understudy));
  equal(mirror.seen.length, 0);
  await eventually(
    'then it copies',
    async () => !(await isPaused(understudy)) && mirror.seen.length > 20,
    20_000,
  );
  slow = true;
  await eventually('it is paused', () => isPaused(understudy), 20_000);
  const { state } = await understudy.policy();
  ok(state.kind === 'paused');
  match(state.reason, /latency/);
  await assertUntouched(load);
});

test('a policy that an operator pauses while it measures stays paused', async () => {
  await using primary = await startPrimary();
  await using mirror = await startPrimary();
  const stopWhen = { primaryLatencyRise: '100%', ...WINDOW };
  await using understudy = await startUnderstudy({
    config: oneTap(primary.url, mirror.url, { policy: { stopWhen } }),
  });
  await eventually('it measures', () => isPaused(understudy));
  await understudy.admin('POST', '/api/v1/policies/copy/pause', { reason: 'lunch' });
  await using load = await startLoad({
    target: await understudy.port(),
    primary: primary.port,
    scripts: READS,
  });
  const { state } = await understudy.policy();
  ok(state.kind === 'paused');
  equal(state.by, 'operator');
  const uptime = (await understudy.summary()).uptimeMs;
  await eventually(
    'more than it takes to measure',
    async () => (await understudy.summary()).uptimeMs > uptime + 3500,
  );
  equal(await isPaused(understudy), true);
  equal(mirror.seen.length, 0);
  await understudy.admin('POST', '/api/v1/policies/copy/resume');
  await eventually('it copies after it has measured', () => mirror.seen.length > 20, 20_000);
  await assertUntouched(load);
});

test('a policy that loses its kill switch while it measures runs on', async () => {
  await using primary = await startPrimary();
  await using mirror = await startPrimary();
  const config = (policy: object): object => oneTap(primary.url, mirror.url, { policy });
  await using understudy = await startUnderstudy({
    config: config({ stopWhen: { primaryLatencyRise: '100%', ...WINDOW } }),
  });
  await eventually('it measures', () => isPaused(understudy));
  understudy.configure(config({}));
  await eventually('it runs', async () => !(await isPaused(understudy)));
});
