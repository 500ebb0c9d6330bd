import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteJudge } from '../../test/fixtures/byte-judge.ts';
import { TestTarget } from '../../test/fixtures/copy-target.ts';
import { GET, OK, ObservedTap, POST } from '../../test/fixtures/observed-tap.ts';
import { totalOf } from '../kit/counts.ts';
import { createHistogram } from '../kit/histogram.ts';
import { compileMatcher } from '../model/match.ts';
import { NOT_MIRRORED_REASONS } from '../model/exchange.ts';
import type { NotMirroredReason } from '../model/exchange.ts';
import { testMatch, testPolicy } from '../model/fixtures.ts';
import type { Policy } from '../model/policy.ts';
import { sampler } from '../model/sample.ts';
import { FROM_CLIENT, FROM_PRIMARY } from '../model/tape.ts';
import { createTargetCounts, PolicyRunner } from './policy-runner.ts';
import type { PolicyRunnerOptions, RunningPolicy } from './policy-runner.ts';

const KEY = 'x-own-copy';

/** A policy as it runs, with targets that the test holds. */
function running(part: Partial<Policy> = {}, names: readonly string[] = ['v2'], bodyBytes = 1000) {
  const policy = testPolicy(part);
  const { included } = sampler(policy);
  const targets = names.map((name) => new TestTarget(name));
  const judge = new ByteJudge();
  const runs: RunningPolicy = {
    name: policy.name,
    compiled: compileMatcher(policy),
    included: (request, connection) => included(request, connection, () => 0.5),
    holdWrites: policy.writes === 'hold',
    safeCalls: new Set(policy.compare.protobuf.safeMethods),
    messages: policy.upgrade === 'mirror' ? policy.limits.messages : undefined,
    targets: targets.map((target) => ({
      target,
      role: 'mirror',
      wants: undefined,
      counts: createTargetCounts(),
    })),
    bodyBytes,
    counts: { matched: 0, sampled: 0 },
    primary: createHistogram(),
    judge,
    paused: false,
  };
  return {
    runs,
    judge,
    targets,
    /** The only target, or the nth. */
    target: (index = 0): TestTarget => targets[index] ?? assert.fail(`no target ${index}`),
    pairs: (index = 0) => runs.targets[index]?.counts.pairs,
    refused: (index = 0): Partial<Record<NotMirroredReason, number>> =>
      Object.fromEntries(
        Object.entries(runs.targets[index]?.counts.notMirrored ?? {}).filter(([, count]) => count > 0),
      ),
  };
}

type Running = ReturnType<typeof running>;

function observed(policies: readonly Running[], options: Partial<PolicyRunnerOptions> = {}): ObservedTap {
  const runner = new PolicyRunner({
    isOwnCopy: (request) => request.header(KEY) !== undefined,
    keptBytes: 10_000,
    ...options,
  });
  runner.policies = policies.map(({ runs }) => runs);
  return new ObservedTap({ sink: runner }).open();
}

test('a copy begins with the head, follows the body and ends with the request', () => {
  const policy = running({ writes: 'mirror' });
  const tap = observed([policy]);
  tap.client('PUT /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n');
  const copy = policy.target().last;
  assert.deepEqual(
    [copy.request.head.target, copy.request.body, copy.request.connectionId],
    ['/a', 'chunked', 1],
  );
  tap.client('3\r\nabc\r\n');
  assert.deepEqual([copy.body, copy.ended], ['abc', false]);
  tap.client('3\r\ndef\r\n0\r\nx-sum: 1\r\n\r\n');
  assert.deepEqual([copy.body, copy.ended, copy.trailers], ['abcdef', true, [['x-sum', '1']]]);
});

test('a request without a body is a copy that has ended', () => {
  const policy = running();
  observed([policy]).client(GET());
  assert.deepEqual([policy.target().last.request.body, policy.target().last.ended], ['none', true]);
});

const refusals: readonly (readonly [
  reason: NotMirroredReason,
  request: string,
  part: Partial<Policy>,
  more?: (policy: Running) => void,
])[] = [
  ['not_matched', GET('/b'), { matches: [testMatch({ path: { type: 'PathPrefix', value: '/a' } })] }],
  ['not_matched', GET('/a'), { exclude: [testMatch({ path: { type: 'Exact', value: '/a' } })] }],
  ['not_sampled', GET(), { fraction: { numerator: 1, denominator: 4 } }],
  ['unsafe_method', POST('/', 'x'), {}],
  ['unsafe_method', GET().replace('GET', 'PURGE'), {}],
  ['loop', GET('/', `${KEY}: 1\r\n`), {}],
  ['upgrade', GET('/', 'connection: upgrade\r\nupgrade: WebSocket\r\n'), {}],
  ['upgrade', GET('/', 'connection: upgrade\r\nupgrade: websocket\r\n'), { upgrade: 'mirror' }],
  ['upgrade', 'CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n', { writes: 'mirror' }],
  ['paused', GET(), {}, ({ runs }) => (runs.paused = true)],
  ['queue_full', GET(), {}, (policy) => (policy.target().refusal = 'queue_full')],
  ['ambiguous', 'GET / HTTP/1.1\r\nhost : a\r\n\r\n', {}],
];
for (const [reason, request, part, more] of refusals) {
  test(`not copied, for one reason: ${reason}: ${request.split('\r\n')[0]} ${JSON.stringify(part)}`, () => {
    const policy = running(part, ['v2', 'v3']);
    if (more !== undefined) more(policy);
    if (reason === 'queue_full') policy.target(1).refusal = reason;
    const tap = observed([policy]).client(request).primary(OK());
    assert.deepEqual([policy.refused(0), policy.refused(1)], [{ [reason]: 1 }, { [reason]: 1 }]);
    assert.deepEqual(policy.target().copies, []);
    assert.equal(tap.counts.http1Requests, 1);
  });
}

test('a request that is passed over is not copied by any policy, as there was no time for it', () => {
  const policies = [running({}, ['v2', 'v3']), running()];
  const tap = observed(policies);
  tap.observer.keep = 0;
  tap.client('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n').client('\0\0\x01\x01\x05\0\0\0\x01\x82');
  assert.deepEqual(
    [policies[0]?.refused(0), policies[0]?.refused(1), policies[1]?.refused(0)],
    [{ overload: 1 }, { overload: 1 }, { overload: 1 }],
  );
});

test('all reasons that are decided here are in the list above', () => {
  const elsewhere = [
    'rate_limited',
    'breaker_open',
    'body_too_large',
    'tape_gap',
    'overload',
    'client_closed',
    'client_slow',
    'redaction_failed',
  ];
  const here = new Set(refusals.map(([reason]) => reason));
  assert.deepEqual(
    NOT_MIRRORED_REASONS.filter((reason) => !here.has(reason)).toSorted(),
    elsewhere.toSorted(),
  );
});

test('what is matched and sampled is counted, whatever becomes of it', () => {
  const policy = running({ matches: [testMatch({ path: { type: 'PathPrefix', value: '/a' } })] });
  const tap = observed([policy]);
  for (const request of [GET('/a'), GET('/b'), POST('/a', 'x'), GET('/a', `${KEY}: 1\r\n`)])
    tap.client(request).primary(OK());
  assert.deepEqual(policy.runs.counts, { matched: 3, sampled: 2 });
  assert.equal(policy.target().copies.length + totalOf(policy.runs.targets[0]?.counts.notMirrored ?? {}), 4);
});

const outcomes: readonly (readonly [
  name: string,
  status: number,
  body: string,
  result: 'same' | 'different',
])[] = [
  ['the same', 200, 'hello', 'same'],
  ['another status', 500, 'hello', 'different'],
  ['another body', 200, 'hellO', 'different'],
];
for (const [name, status, body, result] of outcomes) {
  for (const when of ['before', 'within', 'after'] as const) {
    test(`a mirror that answers ${name}, ${when} the primary's answer`, () => {
      const policy = running();
      const tap = observed([policy]).client(GET());
      if (when === 'before') policy.target().last.answer(status, body);
      tap.primary('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe');
      if (when === 'within') policy.target().last.answer(status, body);
      tap.primary('llo');
      if (when === 'after') policy.target().last.answer(status, body);
      assert.deepEqual(policy.pairs(), { same: 0, different: 0, incomplete: 0, [result]: 1 });
      assert.equal(policy.runs.targets[0]?.counts.durations.count, 1);
    });
  }
}

test('what is judged is the whole exchange, with all copies of a policy', () => {
  const policy = running({ name: 'p' }, ['v2', 'v3']);
  const other = running({ name: 'q' }, ['v4']);
  const tap = observed([policy, other]);
  tap.client(GET()).primary(OK('hello'));
  policy.target(1).last.answer(200, 'hello');
  other.target(0).last.answer(200, 'hello');
  assert.deepEqual(policy.judge.bodies, [], 'while a copy is under way');
  policy.target(0).last.answer(200, 'other');
  assert.deepEqual(
    [policy.judge.bodies, policy.judge.seen.map((names) => names.toSorted())],
    [['hello'], [['v2', 'v3']]],
  );
  assert.deepEqual([other.judge.bodies, other.judge.seen], [['hello'], [['v4']]]);
  assert.deepEqual(
    [policy.pairs(0), policy.pairs(1)],
    [
      { same: 0, different: 1, incomplete: 0 },
      { same: 1, different: 0, incomplete: 0 },
    ],
  );
});

test('a target gets only the requests that it wants', () => {
  const policy = running();
  const [first] = policy.runs.targets;
  if (first === undefined) return assert.fail('no target');
  const repeat = { ...first, role: 'repeat' as const, wants: () => false };
  observed([{ ...policy, runs: { ...policy.runs, targets: [repeat] } }])
    .client(GET())
    .primary(OK());
  assert.deepEqual([policy.target().copies, policy.refused()], [[], {}]);
});

test('the judge hears of writes that are held back', () => {
  const policy = running();
  observed([policy]).client(POST('/a/1?x=1', 'x'));
  assert.deepEqual(policy.judge.writes, ['/a/1']);
});

test('a copy that fails leaves a pair incomplete; one that is given up makes none', () => {
  const policy = running({}, ['fails', 'given up', 'answers']);
  observed([policy]).client(GET()).primary(OK('x'));
  policy.target(0).last.fail();
  policy.target(1).last.abort('client_slow');
  policy.target(2).last.answer(200, 'x');
  assert.deepEqual(
    [0, 1, 2].map((index) => policy.pairs(index)),
    [
      { same: 0, different: 0, incomplete: 1 },
      { same: 0, different: 0, incomplete: 0 },
      { same: 1, different: 0, incomplete: 0 },
    ],
  );
});

test('an incomplete exchange is compared with nothing, and no duration is counted', () => {
  const policy = running();
  const tap = observed([policy]).client(GET()).primary('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab');
  policy.target().last.answer(200, 'ab');
  tap.end(FROM_PRIMARY).close();
  assert.deepEqual(policy.pairs(), { same: 0, different: 0, incomplete: 1 });
  assert.deepEqual([policy.runs.primary.count, policy.runs.targets[0]?.counts.durations.count], [0, 0]);
});

test('a gap in the answer makes the pair incomplete, not different', () => {
  const policy = running();
  observed([policy])
    .client(GET())
    .primary('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab')
    .gap(FROM_PRIMARY, 7);
  policy.target().last.answer(200, 'abcdefghi');
  assert.deepEqual(policy.pairs(), { same: 0, different: 0, incomplete: 1 });
});

const UPLOAD = 'PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc';
const aborts: readonly (readonly [reason: NotMirroredReason, act: (tap: ObservedTap) => void])[] = [
  ['tape_gap', (tap) => tap.gap(FROM_CLIENT, 3)],
  ['tape_gap', (tap) => tap.gap(FROM_CLIENT, 30)],
  ['tape_gap', (tap) => tap.observer.leave(1)],
  ['client_closed', (tap) => tap.end(FROM_CLIENT)],
  ['client_closed', (tap) => tap.close(FROM_CLIENT)],
];
for (const [reason, act] of aborts) {
  test(`a request that will never be whole is given up: ${reason} ${act}`, () => {
    const policy = running({ writes: 'mirror' });
    const tap = observed([policy]).client(UPLOAD);
    act(tap);
    assert.deepEqual(policy.target().last.outcome, { kind: 'not_mirrored', reason });
    tap.client('def').client('ghi').primary(OK()).close();
    assert.deepEqual(policy.pairs(), { same: 0, different: 0, incomplete: 0 });
  });
}

test('ambiguous chunks give the copy up, and no policy counts the request again', () => {
  const policy = running({ writes: 'mirror' });
  observed([policy]).client('PUT / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3 \r\nabc');
  assert.deepEqual(policy.target().last.outcome, { kind: 'not_mirrored', reason: 'ambiguous' });
  assert.deepEqual(policy.refused(), {});
});

test('a pair is counted once, also when one copy is over and the other is given up with the exchange', () => {
  const policy = running({ writes: 'mirror' }, ['early', 'failed', 'waits']);
  const tap = observed([policy]).client(UPLOAD);
  policy.target(0).last.answer(413, '');
  policy.target(1).last.fail();
  tap.primary('HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n').close(FROM_CLIENT);
  assert.deepEqual(policy.target(2).last.outcome, { kind: 'not_mirrored', reason: 'client_closed' });
  assert.deepEqual(
    [0, 1, 2].map((index) => policy.pairs(index)?.incomplete),
    [1, 1, 0],
  );
});

test('an answer past the limit of the policy is not kept, and then not even taped', () => {
  const policy = running({}, ['v2'], 100);
  const head = 'HTTP/1.1 200 OK\r\ncontent-length: 200000\r\n\r\n';
  const tap = observed([policy])
    .client(GET())
    .primary(head + 'x'.repeat(50));
  assert.deepEqual(tap.skips, []);
  tap.primary('x'.repeat(51));
  assert.deepEqual(
    tap.skips.map(({ direction, bytes }) => [direction, bytes]),
    [[FROM_PRIMARY, 199_899]],
  );
  tap.gap(FROM_PRIMARY, 199_899, 'skip');
  policy.target().last.answer(200, 'x'.repeat(100));
  assert.deepEqual(policy.pairs(), { same: 0, different: 0, incomplete: 1 });
});

test('the largest limit of the policies that copy decides what is kept', () => {
  const small = running({ name: 'small' }, ['v2'], 10);
  const large = running({ name: 'large' }, ['v2'], 100);
  observed([small, large])
    .client(GET())
    .primary(OK('x'.repeat(50)));
  large.target().last.answer(200, 'x'.repeat(50));
  small.target().last.answer(200, 'x'.repeat(50));
  assert.deepEqual(large.pairs(), { same: 1, different: 0, incomplete: 0 });
});

test('all answers kept together stay within their limit, and make room when they are compared', () => {
  const policy = running();
  const tap = observed([policy], { keptBytes: 100 });
  tap.open(2).client(GET(), 1).client(GET(), 2);
  tap.primary(OK('x'.repeat(80)), 1).primary(OK('y'.repeat(30)), 2);
  const [first, second] = policy.target().copies;
  second?.answer(200, 'y'.repeat(30));
  assert.deepEqual(policy.pairs(), { same: 0, different: 0, incomplete: 1 });
  first?.answer(200, 'x'.repeat(80));
  assert.deepEqual(policy.pairs(), { same: 1, different: 0, incomplete: 1 });
  tap.client(GET()).primary(OK('z'.repeat(100)));
  policy.target().last.answer(200, 'z'.repeat(100));
  assert.deepEqual(policy.pairs(), { same: 2, different: 0, incomplete: 1 });
});

test('room is given back for exchanges whose copies failed, were given up or had no answer', () => {
  const policy = running();
  const tap = observed([policy], { keptBytes: 100 });
  for (let i = 0; i < 5; i++) {
    tap.client(GET()).primary(OK('x'.repeat(90)));
    policy.target().last.fail();
    tap.client(GET());
    policy.target().last.fail();
    tap.primary(OK('x'.repeat(90)));
    tap.client(GET()).primary(OK('x'.repeat(90)));
    policy.target().last.abort('client_slow');
  }
  tap
    .client(GET())
    .primary('HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n' + 'x'.repeat(90))
    .close();
  policy.target().last.fail();
  tap
    .open(2)
    .client(GET(), 2)
    .primary(OK('x'.repeat(100)), 2);
  policy.target().last.answer(200, 'x'.repeat(100));
  assert.equal(policy.pairs()?.same, 1);
});

test('several policies decide each for itself', () => {
  const all = running({ name: 'all' });
  const reads = running({
    name: 'api',
    matches: [testMatch({ path: { type: 'PathPrefix', value: '/api' } })],
  });
  const paused = running({ name: 'paused' });
  paused.runs.paused = true;
  const tap = observed([all, reads, paused]);
  tap.client(GET('/api')).primary(OK()).client(GET('/other')).primary(OK());
  assert.deepEqual([all.target().copies.length, reads.target().copies.length], [2, 1]);
  assert.deepEqual(
    [all.refused(), reads.refused(), paused.refused()],
    [{}, { not_matched: 1 }, { paused: 2 }],
  );
});

test("the primary's durations are counted for every policy that matches, copied or not", () => {
  const matches = running({ writes: 'hold' });
  const other = running({ matches: [testMatch({ path: { type: 'Exact', value: '/x' } })] });
  observed([matches, other]).client(POST('/', 'x')).primary(OK());
  assert.deepEqual([matches.runs.primary.count, other.runs.primary.count], [1, 0]);
  assert.equal(matches.runs.primary.sumMicros, 1);
});

test('a tap without a policy, and an exchange that nobody copies, leave nothing behind', () => {
  const tap = observed([]).client(GET()).primary(OK());
  assert.equal(tap.counts.exchanges, 1);
  const policy = running();
  policy.target().refusal = 'breaker_open';
  const held = observed([policy]);
  held.client(POST('/', 'x'.repeat(99))).primary(`HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n`);
  assert.equal(held.skips.length, 1, 'an answer nobody wants is not taped');
});

test('policies may change while an exchange is under way', () => {
  const before = running({ writes: 'mirror' });
  const runner = new PolicyRunner({ isOwnCopy: () => false, keptBytes: 1000 });
  runner.policies = [before.runs];
  const tap = new ObservedTap({ sink: runner }).open().client(UPLOAD);
  runner.policies = [];
  tap.client('def').client('ghi').primary(OK('x'));
  before.target().last.answer(200, 'x');
  assert.deepEqual([before.target().last.body, before.pairs()?.same], ['abcdefghi', 1]);
  tap.client(GET()).primary(OK());
  assert.equal(before.target().copies.length, 1);
});

test('no target of a policy is always asked first', () => {
  const policy = running({}, ['v2', 'control']);
  const asked: string[] = [];
  for (const target of policy.targets) {
    const { copy } = target;
    target.copy = (request) => {
      asked.push(target.name);
      return copy.call(target, request);
    };
  }
  const tap = observed([policy]);
  for (let i = 0; i < 100; i++) {
    tap.client(GET()).primary(OK());
    for (const target of policy.targets) target.last.answer(200, '');
  }
  const first = asked.filter((_, at) => at % 2 === 0);
  assert.equal(first.length, 100);
  const ofMirror = first.filter((name) => name === 'v2').length;
  assert.ok(ofMirror > 30 && ofMirror < 70, `${ofMirror} of 100`);
});
