import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../fixtures/eventually.ts';
import { openClient } from '../fixtures/live-load.ts';
import { startPrimary } from '../fixtures/primary.ts';
import type { Primary } from '../fixtures/primary.ts';
import { oneTap, startUnderstudy } from '../fixtures/understudy.ts';

const REQUESTS = 1500;
const USERS = 150;

/** Sends requests over some connections, one after another on each. */
async function send(port: number, requests: readonly string[], connections = 6): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const client = openClient(port);
      for (let request = requests[next++]; request !== undefined; request = requests[next++])
        await client.ask('GET', request);
      client.close();
    }),
  );
}

/** The users whose requests a mirror has seen. */
function usersOf({ seen }: Primary): string[] {
  return [...new Set(seen.map(({ headers }) => String(headers['x-user-id'] ?? headers.cookie)))].toSorted();
}

/** Five standard deviations: a right share fails once in two million runs. */
function assertShare(found: number, of: number, share: number): void {
  const spread = 5 * Math.sqrt(of * share * (1 - share));
  ok(Math.abs(found - of * share) <= spread, `${found} of ${of} are not ${share * 100} %`);
}

test('percent and fraction take their share, each policy for itself', async () => {
  await using primary = await startPrimary();
  await using mirror = await startPrimary();
  const mirrors = [{ name: 'm', url: mirror.url }];
  const shares = [
    { share: { percent: 30 }, of: 0.3 },
    { share: { percent: 0.5 }, of: 0.005 },
    { share: { fraction: { numerator: 1, denominator: 7 } }, of: 1 / 7 },
    { share: { percent: 0 }, of: 0 },
    { share: { percent: 100 }, of: 1 },
  ];
  await using understudy = await startUnderstudy({
    config: {
      ...oneTap(primary.url),
      policies: shares.map(({ share }, i) => ({ name: `p${i}`, mirrors, ...share, limits: { queue: 5000 } })),
    },
  });
  const requests = Array.from({ length: REQUESTS }, (_, i) => `GET /${i} HTTP/1.1\r\nHost: a\r\n\r\n`);
  await send(await understudy.port(), requests);
  const { result } = await understudy.stop();
  equal(result.exchanges, REQUESTS);
  for (const [i, { of }] of shares.entries()) {
    const policy = result.policies[i];
    const copies = policy?.mirrors[0];
    assertShare(policy?.sampled ?? 0, REQUESTS, of);
    equal(copies?.mirrored, policy?.sampled, JSON.stringify(copies));
    equal((copies?.mirrored ?? 0) + (copies?.notMirrored.not_sampled ?? 0), REQUESTS);
  }
});

for (const [sampleBy, field] of [
  ['header:x-user-id', 'X-User-Id: '],
  ['cookie:session', 'Cookie: theme=dark; session='],
] as const) {
  test(`${sampleBy}: the same users, across mirrors, policies, workers, observers and a restart`, async () => {
    await using primary = await startPrimary();
    await using one = await startPrimary();
    await using two = await startPrimary();
    await using few = await startPrimary();
    const config = {
      ...oneTap(primary.url, undefined, { listener: { workers: 2 } }),
      policies: [
        {
          name: 'half',
          percent: 50,
          sampleBy,
          mirrors: [
            { name: 'one', url: one.url },
            { name: 'two', url: two.url },
          ],
        },
        { name: 'fewer', percent: 20, sampleBy, mirrors: [{ name: 'few', url: few.url }] },
      ],
      observer: { perWorker: 2 },
    };
    const requests = Array.from(
      { length: 3 * USERS },
      (_, i) => `GET /${i} HTTP/1.1\r\nHost: a\r\n${field}u${i % USERS}\r\n\r\n`,
    );
    const taken: string[][] = [];
    for (let run = 0; run < 2; run++) {
      await using understudy = await startUnderstudy({ config });
      await send(await understudy.port(), requests, 12);
      const { result } = await understudy.stop();
      for (const { sampled, mirrors } of result.policies) {
        equal(sampled % 3, 0, 'all requests of a user, or none');
        for (const { mirrored } of mirrors) equal(mirrored, sampled);
      }
      taken.push(usersOf(one), usersOf(two));
    }
    const [users = []] = taken;
    assertShare(users.length, USERS, 0.5);
    for (const others of taken) deepEqual(others, users);
    const fewer = usersOf(few);
    assertShare(fewer.length, USERS, 0.2);
    equal(
      fewer.every((user) => users.includes(user)),
      true,
      'the smaller share is part of the larger one',
    );
  });
}

test('source-ip: all connections of a client, or none', async () => {
  await using primary = await startPrimary();
  await using mirror = await startPrimary();
  const config = oneTap(primary.url, mirror.url, {
    listener: { proxyProtocol: true },
    policy: { percent: 50, sampleBy: 'source-ip' },
  });
  await using understudy = await startUnderstudy({ config });
  const port = await understudy.port();
  for (let round = 0; round < 2; round++) {
    for (let host = 0; host < 60; host++) {
      const client = openClient(port);
      const source = `10.0.${host}.7`;
      await client.ask(
        'GET',
        `PROXY TCP4 ${source} 127.0.0.1 ${2000 + round} 80\r\nGET /${source} HTTP/1.1\r\nHost: a\r\n\r\n`,
      );
      client.close();
    }
  }
  await eventually('copies', () => mirror.seen.length > 0);
  const { result } = await understudy.stop();
  const times = new Map<string, number>();
  for (const { url } of mirror.seen) times.set(url, (times.get(url) ?? 0) + 1);
  assertShare(times.size, 60, 0.5);
  equal(
    [...times.values()].every((count) => count === 2),
    true,
  );
  equal(result.mirrored, mirror.seen.length);
});
