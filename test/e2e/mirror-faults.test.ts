import { equal, ok } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { totalOf } from '../../src/kit/counts.ts';
import { eventually } from '../fixtures/eventually.ts';
import { startFaultyMirror } from '../fixtures/faulty-mirror.ts';
import type { FaultyMirror, MirrorFault } from '../fixtures/faulty-mirror.ts';
import { assertUntouched, startLoad } from '../fixtures/live-load.ts';
import { startPrimary } from '../fixtures/primary.ts';
import type { Primary } from '../fixtures/primary.ts';
import { oneTap, startUnderstudy } from '../fixtures/understudy.ts';
import type { Understudy } from '../fixtures/understudy.ts';

const MIB = 1024 * 1024;
const ANSWERS = 500;
/** Longer than any pause that a busy machine makes; shorter than the mirror's time-out would be. */
const SLOWEST_MS = 1400;
const TIMEOUT_MS = 1500;
/** What a fault may add to the memory of a warm instance: the buffers of the policy, and garbage. */
const GROWTH_MIB = 80;

/** What must have been counted, at least once, while the mirror was ill. */
const CASES: readonly (readonly [fault: MirrorFault, counts: readonly string[]])[] = [
  ['refusing', ['connect']],
  ['dead', ['connect_timeout']],
  ['closing', ['closed', 'reset']],
  ['resetting', ['reset']],
  ['hung', ['timeout']],
  ['not reading', ['timeout']],
  ['trickling', ['timeout']],
  ['endless body', ['answer_too_large']],
  ['endless head', ['malformed', 'answer_too_large']],
  ['garbage', ['malformed']],
  ['server errors', ['5xx']],
];

describe('a mirror falls ill, and live traffic does not notice', () => {
  let primary: Primary;
  let mirror: FaultyMirror;
  let understudy: Understudy;
  let port: number;

  before(async () => {
    primary = await startPrimary();
    mirror = await startFaultyMirror();
    const limits = {
      timeout: `${TIMEOUT_MS}ms`,
      bufferBytes: '8MiB',
      breaker: { open: '200ms', openMax: '400ms' },
    };
    understudy = await startUnderstudy({
      config: oneTap(primary.url, mirror.url, { policy: { writes: 'mirror', limits } }),
    });
    port = await understudy.port();
    await using load = await startLoad({ target: port, primary: primary.port, connections: 8 });
    await eventually('everything is warm', () => load.answers > 2 * ANSWERS && mirror.answered > 100, 30_000);
  });

  after(async () => {
    for (const one of [understudy, primary, mirror]) await one[Symbol.asyncDispose]();
  });

  for (const [fault, counts] of CASES) {
    test(`${fault}: no answer differs or waits, memory stays, and copies go on when it is well`, async () => {
      const counted = async (): Promise<Record<string, number>> => {
        const { failures, responses } = (await understudy.policy()).mirrors[0] ?? {};
        return { ...failures, ...responses };
      };
      const countsBefore = await counted();
      const memoryBefore = understudy.rssBytes();
      await mirror.fall(fault);
      await using load = await startLoad({ target: port, primary: primary.port, connections: 8 });
      await eventually(`one of ${counts.join(', ')} is counted`, async () => {
        const now = await counted();
        return counts.some((name) => (now[name] ?? 0) > (countsBefore[name] ?? 0));
      });
      await eventually('answers', () => load.answers >= ANSWERS, 30_000);
      const grown = (understudy.rssBytes() - memoryBefore) / MIB;
      const answered = mirror.answered;
      await mirror.recover();
      await eventually('copies go on', () => mirror.answered > answered + 20);
      const result = await assertUntouched(load, ANSWERS);
      ok(result.slowestMs < SLOWEST_MS, `one answer took ${Math.round(result.slowestMs)} ms`);
      ok(grown < GROWTH_MIB, `grew by ${Math.round(grown)} MiB`);
    });
  }

  test('in the end nothing is left over, and every request is accounted for', async () => {
    const policy = await eventually('no copy is under way', async () => {
      const now = await understudy.policy();
      const { inFlight, queued, bufferedBytes } = now.mirrors[0] ?? {
        inFlight: 1,
        queued: 1,
        bufferedBytes: 1,
      };
      return inFlight + queued + bufferedBytes === 0 && now;
    });
    equal(policy.mirrors[0]?.breaker, 'closed');
    const { code, result } = await understudy.stop();
    equal(code, 0);
    equal(result.observerRestarts, 0);
    const [copies] = result.policies[0]?.mirrors ?? [];
    if (copies === undefined) throw new Error('no mirror');
    // Each request was copied and compared as well as it could be, or there is a reason why not.
    const accounted = totalOf(copies.pairs) + totalOf(copies.notMirrored);
    equal(accounted, result.requests.http1, JSON.stringify(copies));
    equal(result.requests.http1, result.exchanges);
  });
});
