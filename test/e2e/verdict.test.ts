import { deepEqual, equal, match, notEqual, ok } from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import type { Verdict } from '../../src/model/verdict.ts';
import { eventually } from '../fixtures/eventually.ts';
import { oneTap, startUnderstudy } from '../fixtures/understudy.ts';
import { quickGate, startVersion, verdictOf } from '../fixtures/versions.ts';
import type { Version } from '../fixtures/versions.ts';
import { startVisitors } from '../fixtures/visitors.ts';
import type { Visit } from '../fixtures/visitors.ts';

const UNTIL_VERDICT = ['--until', 'verdict,60s'];

/** An order as every version has it; what is made anew for each answer is noise. */
function order(path: string): object {
  return {
    path,
    total: 12.5,
    currency: 'EUR',
    customer: { name: 'Ada', since: 2019 },
    requestedAt: new Date().toISOString(),
    trace: randomUUID(),
  };
}

const browse = (index: number): Visit => ({ path: index % 3 === 0 ? '/items' : `/orders/${index}` });

function mirrorOf(verdict: Verdict | undefined) {
  const [mirror] = verdict?.mirrors ?? [];
  if (mirror === undefined) throw new Error('the verdict has no mirror');
  return mirror;
}

/** What differs in a share of the answers, by itself, and in nothing that a recogniser knows. */
function noisy(each: number): Version {
  return ({ path, count }) => ({
    body: { ...order(path), stock: Math.imul(count, 0x9e3779b1) >>> 0 < 2 ** 32 / each ? 'low' : 'high' },
  });
}

test('two instances of a version pass beside a control, whatever noise they make, and the run exits with 0', async () => {
  await using primary = await startVersion('primary', noisy(20));
  await using mirror = await startVersion('mirror', noisy(20));
  await using control = await startVersion('control', noisy(20));
  const policy = { control: { url: control.url }, compare: { gate: quickGate('8%') } };
  const config = { ...oneTap(primary.url, mirror.url, { policy }), drain: '300ms' };
  await using understudy = await startUnderstudy({ config, args: UNTIL_VERDICT });
  await using visitors = startVisitors(await understudy.port(), browse);
  const { code, result } = await understudy.ended();
  const { state, noise, findings, pairs, rates } = mirrorOf(result.verdicts[0]);
  deepEqual([code, state, noise.source], [0, 'pass', 'control'], JSON.stringify(rates));
  equal(pairs.referenced, pairs.compared);
  ok(pairs.compared >= 200 && pairs.same < pairs.compared, 'there was noise, and it was seen');
  deepEqual(
    findings.filter(({ established }) => established),
    [],
  );
  const trace = findings.find(({ path }) => path === 'body.trace');
  ok(trace !== undefined && trace.both > 0.9 * trace.pairs, 'what always differs is seen as noise');
  await visitors.stop();
});

test('without a control the same passes by recognisers and assumed noise', async () => {
  await using primary = await startVersion('primary', noisy(200));
  await using mirror = await startVersion('mirror', noisy(200));
  const policy = { compare: { gate: quickGate(), noise: { assumed: '5%' } } };
  const config = { ...oneTap(primary.url, mirror.url, { policy }), drain: '300ms' };
  await using understudy = await startUnderstudy({ config, args: UNTIL_VERDICT });
  await using visitors = startVisitors(await understudy.port(), browse);
  const { code, result } = await understudy.ended();
  const { state, noise, findings, rates } = mirrorOf(result.verdicts[0]);
  deepEqual([code, state, noise.source], [0, 'pass', 'assumed'], JSON.stringify(rates));
  // What is made anew for each answer is known by its form, and the rest is rarer than what is assumed.
  for (const { path, established } of findings) deepEqual([path, established], ['body.stock', false]);
  await visitors.stop();
});

const rolls: Version = ({ path, count }) => ({ body: { ...order(path), dice: (count * 7919) % 1009 } });

test('repeats show what is noise and what is not, where there is no control', async () => {
  await using primary = await startVersion('primary', rolls);
  await using mirror = await startVersion('mirror', (request) => {
    const { currency: _, ...rest } = rolls(request).body as Record<string, unknown>;
    return { body: request.path === '/items' ? rolls(request).body : rest };
  });
  const policy = { compare: { gate: quickGate(), noise: { repeat: '100%' } } };
  const config = { ...oneTap(primary.url, mirror.url, { policy }), drain: '300ms' };
  await using understudy = await startUnderstudy({ config, args: UNTIL_VERDICT });
  await using visitors = startVisitors(await understudy.port(), browse);
  const { code, result } = await understudy.ended();
  const { state, noise, findings, pairs } = mirrorOf(result.verdicts[0]);
  deepEqual([code, state, noise.source], [1, 'fail', 'repeat']);
  ok(pairs.referenced > 0 && pairs.referenced <= pairs.compared);
  deepEqual(
    findings.filter(({ established }) => established).map(({ route, path, kind }) => [route, path, kind]),
    [['GET /orders/{id}', 'body.currency', 'missing']],
  );
  ok(findings.some(({ path, both }) => path === 'body.dice' && both > 0));
  await visitors.stop();
});

/** A service with a state: what is put is what is got, and what is posted gets the next number. */
function stateful(): Version {
  const things = new Map<string, string>();
  let next = 1_000_000;
  return ({ method, path, body }) => {
    if (method === 'PUT') things.set(path, body);
    if (method === 'POST') {
      const id = ++next;
      things.set(`${path}/${id}`, body);
      return { status: 201, body: { id } };
    }
    if (path === '/things') return { body: { count: things.size } };
    const value = things.get(path) ?? (path.length < '/things/1000000'.length ? 'as it was' : undefined);
    return value === undefined ? { status: 404, body: { error: 'unknown' } } : { body: { path, value } };
  };
}

test('what differs because writes are held back is drift, and does not fail', async () => {
  await using primary = await startVersion('primary', stateful());
  await using mirror = await startVersion('mirror', stateful());
  const config = oneTap(primary.url, mirror.url, { policy: { compare: { gate: quickGate() } } });
  await using understudy = await startUnderstudy({ config });
  let made = 0;
  await using visitors = startVisitors(await understudy.port(), (index) => {
    const thing = `/things/${1 + (Math.floor(index / 5) % 40)}`;
    switch (index % 5) {
      case 0:
        return { method: 'PUT', path: thing, body: `changed ${index}` };
      case 1:
        made++;
        return { method: 'POST', path: '/things', body: 'new' };
      case 2:
        return { path: `/things/${1_000_000 + Math.max(1, made - 20)}` };
      case 3:
        return { path: '/things' };
      default:
        return { path: thing };
    }
  });
  const verdict = await eventually('three kinds of drift are seen', async () => {
    const now = await verdictOf(understudy);
    const drifted = mirrorOf(now).findings.filter(({ mirrorOnly }) => mirrorOnly > 50);
    return drifted.length >= 3 && now;
  });
  await visitors.assertServed();
  const { heldWrites, findings, reasons } = mirrorOf(verdict);
  ok(heldWrites > 100);
  for (const { route, path, cause, fails } of findings)
    deepEqual([route, path, cause, fails], [route, path, 'state_drift', false]);
  ok(findings.some(({ path, route }) => path === 'status' && route === 'GET /things/{id}'));
  notEqual(verdict.state, 'fail', reasons.join('\n'));
  match(reasons.join('\n'), /3 findings follow from the [\d,]+ writes that were held back/);
});
