import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../kit/manual-clock.ts';
import type { Endpoint } from '../model/settings.ts';
import { EndpointSet } from './balance.ts';
import type { EndpointChange, EndpointState } from './balance.ts';

const EPOCH = 1_000_000;

function endpoint(name: string): Endpoint {
  return {
    url: `http://${name}:80`,
    address: { kind: 'tcp', host: name, port: 80 },
    protocol: 'http1',
    tls: false,
  };
}

function setOf(...names: string[]) {
  const clock = new ManualClock(EPOCH);
  const changes: EndpointChange[] = [];
  const settings = { endpoints: names.map(endpoint), restMs: 100, restMaxMs: 1000 };
  const set = new EndpointSet(settings, {
    clock,
    random: () => 0,
    onChange: (change) => changes.push(change),
  });
  const pick = (tried?: readonly EndpointState[]) => {
    const picked = set.pick(tried);
    assert.ok(picked !== undefined);
    return picked;
  };
  const fail = (state: EndpointState) => {
    set.failed(state);
    set.released(state);
  };
  return { clock, changes, set, settings, pick, fail };
}

const hosts = (states: readonly EndpointState[]) =>
  states.map(({ endpoint: { url } }) => url.slice(7, -3)).join('');

test('takes turns while the endpoints have equally many connections', () => {
  const { pick } = setOf('a', 'b', 'c');
  assert.equal(hosts(Array.from({ length: 7 }, () => pick())), 'abcabca');
});

test('takes turns also when each connection is over before the next begins', () => {
  const { pick, set } = setOf('a', 'b', 'c');
  const picked = Array.from({ length: 6 }, () => {
    const state = pick();
    set.released(state);
    return state;
  });
  assert.equal(hosts(picked), 'abcabc');
});

test('prefers the endpoint with the fewest connections', () => {
  const { pick, set } = setOf('a', 'b', 'c');
  const [, b] = Array.from({ length: 6 }, () => pick());
  assert.ok(b !== undefined);
  set.released(b);
  set.released(b);
  assert.equal(hosts([pick(), pick(), pick()]), 'bbc');
});

test('an endpoint that failed rests, and the client goes on to the others, each once', () => {
  const { pick, fail, set } = setOf('a', 'b', 'c');
  const tried: EndpointState[] = [];
  for (const expected of ['a', 'b', 'c']) {
    const state = pick(tried);
    assert.equal(hosts([state]), expected);
    fail(state);
    tried.push(state);
  }
  assert.equal(set.pick(tried), undefined);
  assert.deepEqual(
    set.status().map(({ state, connections }) => [state, connections]),
    [
      ['resting', 0],
      ['resting', 0],
      ['resting', 0],
    ],
  );
});

test('when all rest, the one whose rest ends first is tried', () => {
  const { pick, fail, clock } = setOf('a', 'b');
  fail(pick());
  clock.advance(10);
  fail(pick());
  assert.equal(hosts([pick(), pick()]), 'aa');
});

test('rests twice as long after each failed probe, up to the limit, and reports it', () => {
  const { pick, fail, clock, changes } = setOf('a', 'b');
  const rests: number[] = [];
  for (let i = 0; i < 6; i++) {
    let state = pick();
    while (state.endpoint.url !== 'http://a:80') state = pick();
    fail(state);
    const change = changes.at(-1);
    assert.ok(change?.kind === 'resting');
    rests.push(change.restingUntil - clock.now());
    clock.advance(change.restingUntil - clock.now());
  }
  assert.deepEqual(rests, [100, 200, 400, 800, 1000, 1000]);
});

test('after a rest one connection at a time finds out whether the endpoint is well', () => {
  const { pick, fail, set, clock, changes } = setOf('a', 'b');
  fail(pick());
  const others = Array.from({ length: 10 }, () => pick());
  assert.equal(hosts(others), 'b'.repeat(10));
  clock.advance(100);
  // `a` has no connection at all, and still gets only one of these.
  const [probe, ...rest] = [pick(), pick(), pick(), pick()];
  assert.ok(probe !== undefined);
  assert.equal(hosts([probe, ...rest]), 'abbb');
  set.succeeded(probe);
  assert.equal(hosts([pick(), pick()]), 'aa');
  assert.deepEqual(
    changes.map(({ kind }) => kind),
    ['resting', 'up'],
  );
});

test('a probe that is never heard of again is followed by another', () => {
  const { pick, fail, set, clock } = setOf('a', 'b');
  fail(pick());
  pick();
  clock.advance(100);
  const probe = pick();
  set.released(probe);
  assert.equal(hosts([probe, pick()]), 'ab');
  clock.advance(100);
  assert.equal(hosts([pick(), pick()]), 'ab');
});

test('connects that were under way when a rest began do not lengthen it', () => {
  const { pick, fail, clock, changes, set } = setOf('a', 'b');
  const toA = Array.from({ length: 20 }, () => pick()).filter((state) => hosts([state]) === 'a');
  assert.equal(toA.length, 10);
  toA.forEach(fail);
  assert.equal(changes.length, 1);
  assert.equal(set.status()[0]?.failures, 10);
  clock.advance(100);
  assert.equal(hosts([pick()]), 'a');
});

test('success makes the next failure a first one again', () => {
  const { pick, fail, set, clock, changes } = setOf('a');
  fail(pick());
  clock.advance(100);
  fail(pick());
  set.succeeded(pick());
  fail(pick());
  const rests = changes.flatMap((change) => (change.kind === 'resting' ? [change.restingUntil - EPOCH] : []));
  assert.deepEqual(rests, [100, 300, 200]);
});

test('a single endpoint is tried however often it failed, but once per client', () => {
  const { pick, fail, set } = setOf('a');
  for (let i = 0; i < 5; i++) fail(pick());
  const state = pick();
  assert.equal(set.pick([state]), undefined);
});

test('without endpoints there is nothing to pick', () => {
  assert.equal(setOf().set.pick(), undefined);
});

test('new settings keep what is known of endpoints with the same URL', () => {
  const { pick, fail, set, settings, clock } = setOf('a', 'b');
  fail(pick());
  const b = pick();
  set.update({ ...settings, endpoints: [endpoint('c'), endpoint('a'), endpoint('b'), endpoint('b')] });
  assert.deepEqual(set.status(), [
    { url: 'http://c:80', state: 'up', restingUntil: undefined, connections: 0, failures: 0 },
    { url: 'http://a:80', state: 'resting', restingUntil: EPOCH + 100, connections: 0, failures: 1 },
    { url: 'http://b:80', state: 'up', restingUntil: undefined, connections: 1, failures: 0 },
  ]);
  assert.equal(hosts([pick()]), 'c');
  set.released(b);
  clock.advance(1);
  assert.equal(set.status()[2]?.connections, 0);
});

test('an endpoint that was taken out may still end its connections', () => {
  const { pick, fail, set, settings, changes } = setOf('a', 'b');
  const a = pick();
  set.update({ ...settings, endpoints: [endpoint('b')] });
  fail(a);
  assert.deepEqual(changes, []);
  assert.equal(hosts([pick()]), 'b');
  assert.deepEqual(
    set.status().map(({ url, connections }) => [url, connections]),
    [['http://b:80', 1]],
  );
});
