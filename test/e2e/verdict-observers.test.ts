import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../fixtures/eventually.ts';
import { oneTap, startUnderstudy } from '../fixtures/understudy.ts';
import { comparedBy, quickGate, startVersion, verdictOf } from '../fixtures/versions.ts';
import type { Version } from '../fixtures/versions.ts';
import { startVisitors } from '../fixtures/visitors.ts';
import type { Visit } from '../fixtures/visitors.ts';

const good: Version = ({ path }) => ({ body: { path, currency: 'EUR' } });
const bad: Version = ({ path }) => ({
  body: path.startsWith('/users/') ? { path } : { path, currency: 'EUR' },
});

/** Words of which each observer sees a part only, and takes them for names or for a parameter by itself. */
function userPath(index: number): string {
  const letters = [0, 1, 2].map((place) => String.fromCodePoint(97 + ((index >> (place * 2)) % 26)));
  return `/users/${letters.join('')}${'xyz'[index % 3]}`;
}

function visit(index: number): Visit {
  return { path: index % 2 === 0 ? userPath(index / 2) : `/orders/${index}` };
}

test('what several observers count and learn comes together', async () => {
  await using primary = await startVersion('primary', good);
  await using mirror = await startVersion('mirror', bad);
  const config = oneTap(primary.url, mirror.url, {
    listener: { workers: 2 },
    observer: { perWorker: 2 },
    policy: { compare: { gate: quickGate() } },
  });
  await using understudy = await startUnderstudy({ config });
  const visits = 1200;
  const port = await understudy.port();
  // Enough connections that each worker and observer has some.
  const crowds = [0, 1, 2, 3].map((crowd) =>
    startVisitors(port, (index) => visit(index * 4 + crowd), visits / 4),
  );
  await eventually('every pair is compared', async () => (await comparedBy(understudy)) === visits);
  for (const crowd of crowds) await crowd.assertServed();
  const { observers } = await understudy.tap();
  equal(observers.length, 4);
  const verdict = await verdictOf(understudy);
  const [judged] = verdict.mirrors;
  deepEqual(
    judged?.routes.map(({ route, pairs, share }) => [route, pairs, share]).toSorted(),
    [
      ['GET /orders/{id}', visits / 2, 0.5],
      ['GET /users/{segment}', visits / 2, 0.5],
    ],
    'routes that were learned apart are one',
  );
  deepEqual(
    judged?.findings.map(({ route, path, mirrorOnly, pairs, fails }) => [
      route,
      path,
      mirrorOnly,
      pairs,
      fails,
    ]),
    [['GET /users/{segment}', 'body.currency', visits / 2, visits / 2, true]],
  );
  equal(verdict.state, 'fail');
});

test('observers that end are replaced, and the verdict goes on with what they had counted', async () => {
  await using primary = await startVersion('primary', good);
  await using mirror = await startVersion('mirror', bad);
  const config = oneTap(primary.url, mirror.url, { policy: { compare: { gate: quickGate() } } });
  await using understudy = await startUnderstudy({ config, faults: true });
  await using visitors = startVisitors(await understudy.port(), visit);
  let compared = 0;
  for (const fault of ['throw', 'exit', 'reject'] as const) {
    compared = await eventually('pairs', async () => {
      const now = await comparedBy(understudy);
      return now > compared + 100 && now;
    });
    const { observerRestarts } = await understudy.summary();
    await understudy.plant('observer', fault);
    await eventually(
      'it is replaced',
      async () => (await understudy.summary()).observerRestarts > observerRestarts,
    );
    ok((await comparedBy(understudy)) >= compared, 'nothing that was counted is lost');
  }
  await eventually('the verdict goes on', async () => (await comparedBy(understudy)) > compared + 100);
  await visitors.assertServed();
  const { result } = await understudy.stop();
  const [verdict] = result.verdicts;
  const [judged] = verdict?.mirrors ?? [];
  equal(verdict?.state, 'fail');
  equal(
    judged?.pairs.compared,
    result.pairs.same + result.pairs.different,
    'what is shown is what is judged',
  );
  for (const { route, path } of judged?.findings ?? [])
    deepEqual([route, path], ['GET /users/{segment}', 'body.currency']);
});
