import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse, stringify } from 'yaml';
import type { Finding } from '../../src/model/verdict.ts';
import { eventually } from '../fixtures/eventually.ts';
import { oneTap, runCommand, startUnderstudy } from '../fixtures/understudy.ts';
import type { Understudy } from '../fixtures/understudy.ts';
import { comparedBy, quickGate, startVersion, verdictOf } from '../fixtures/versions.ts';
import type { Version } from '../fixtures/versions.ts';
import { startVisitors } from '../fixtures/visitors.ts';

/** Names of fields that would mean something else in a rule if they stood there as they are. */
const ODD_FIELD = 'net.*[0] "€"';

const good: Version = ({ path }) => ({ body: { path, currency: 'EUR', [ODD_FIELD]: 1 } });
const bad: Version = ({ path }) => ({ body: { path, [ODD_FIELD]: 2 } });
const browse = (index: number) => ({ path: `/orders/${index}` });

async function reload(understudy: Understudy, config: object): Promise<void> {
  const { reloaded } = (await understudy.summary()).configReloads;
  understudy.configure(config);
  await eventually(
    'it is reloaded',
    async () => (await understudy.summary()).configReloads.reloaded > reloaded,
  );
}

async function findingsOf(understudy: Understudy): Promise<readonly Finding[]> {
  return (await verdictOf(understudy)).mirrors.flatMap(({ findings }) => findings);
}

async function untilCompared(understudy: Understudy, pairs: number): Promise<void> {
  await eventually(`${pairs} pairs`, async () => (await comparedBy(understudy)) >= pairs);
}

test('another gate keeps what was counted, another mirror begins anew, and nothing of before counts for it', async () => {
  await using primary = await startVersion('primary', good);
  await using mirror = await startVersion('mirror', bad);
  await using mended = await startVersion('mended', good);
  const withGate = (url: string, share: string) =>
    oneTap(primary.url, url, { policy: { compare: { gate: quickGate(share) } } });
  await using understudy = await startUnderstudy({ config: withGate(mirror.url, '2%') });
  await using visitors = startVisitors(await understudy.port(), browse);
  await untilCompared(understudy, 300);
  const before = await comparedBy(understudy);
  await reload(understudy, withGate(mirror.url, '5%'));
  const [judged] = (await verdictOf(understudy)).mirrors;
  ok((judged?.pairs.compared ?? 0) >= before);
  equal(judged?.gate.rate, 0.05, 'the new gate judges');
  equal((await verdictOf(understudy)).state, 'fail');

  await reload(understudy, withGate(mended.url, '5%'));
  await eventually('the mended version passes', async () => (await verdictOf(understudy)).state === 'pass');
  deepEqual(await findingsOf(understudy), [], 'no pair of the mirror before is among its pairs');
  await visitors.assertServed();
});

test('a finding that is ignored is gone, and its rule does the same from the configuration', async () => {
  await using primary = await startVersion('primary', good);
  await using mirror = await startVersion('mirror', bad);
  const config = oneTap(primary.url, mirror.url, { policy: { compare: { gate: quickGate() } } });
  await using understudy = await startUnderstudy({ config });
  await using visitors = startVisitors(await understudy.port(), browse);
  const rules: string[] = [];
  for (let left = 2; left > 0; left--) {
    const [finding] = await eventually('findings are established', async () => {
      const found = await findingsOf(understudy);
      return found.length === left && found.every(({ established }) => established) && found;
    });
    const path = `/api/v1/policies/copy/differences/${finding?.id}/ignore`;
    const { status, body } = await understudy.admin('POST', path);
    equal(status, 200, JSON.stringify(body));
    rules.push((body as { rule: string }).rule);
    equal((await understudy.admin('POST', path)).status, 404, 'it is no finding any more');
  }
  await eventually('the rest passes', async () => (await verdictOf(understudy)).state === 'pass');
  deepEqual(await findingsOf(understudy), []);

  const ignore = rules.flatMap((rule) => parse(rule).policies[0].compare.ignore as object[]);
  const compare = { gate: quickGate(), ignore };
  const ruled = oneTap(primary.url, mirror.url, { policy: { compare } });
  const file = join(understudy.folder, 'ruled.yaml');
  writeFileSync(file, stringify(ruled));
  const checked = await runCommand('check', '--config', file);
  equal(checked.code, 0, checked.err);
  const before = await comparedBy(understudy);
  await reload(understudy, ruled);
  ok((await comparedBy(understudy)) >= before, 'the same rules: the counts go on');
  await untilCompared(understudy, before + 100);
  equal((await verdictOf(understudy)).state, 'pass');
  await visitors.assertServed();
  match(understudy.complaint(), /a finding is ignored until the configuration is loaded anew/);
});
