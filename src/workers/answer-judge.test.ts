import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { HeldWrites, heldWritesBuffer } from '../compare/held-writes.ts';
import { DEFAULT_COMPARE } from '../model/compare-settings.ts';
import type { CopyOutcome } from '../model/copy.ts';
import type { IncompleteReason, MirrorFailure, NotMirroredReason, ResponseHead } from '../model/exchange.ts';
import { testConnection, testPolicy } from '../model/fixtures.ts';
import type { Policy } from '../model/policy.ts';
import { requestHead } from '../model/request-head.ts';
import type { RouteTally } from '../model/tally.ts';
import { LiveExchange } from '../observe/exchange.ts';
import { createTargetCounts } from '../observe/policy-runner.ts';
import type { SettledCopy } from '../observe/policy-runner.ts';
import { AnswerJudge } from './answer-judge.ts';

const ENDPOINT = {
  url: 'http://127.0.0.1:1',
  address: { kind: 'tcp', host: '127.0.0.1', port: 1 },
  protocol: 'http1',
  tls: false,
} as const;
const V2 = { name: 'v2', endpoint: ENDPOINT, tls: undefined };
const CONTROL = { name: 'control', endpoint: ENDPOINT, tls: undefined };
const JSON_FIELDS = [['content-type', 'application/json']] as const;

function head(status: number, fields: readonly (readonly [string, string])[] = JSON_FIELDS): ResponseHead {
  return { status, header: (name) => fields.find(([field]) => field === name)?.[1], headers: () => fields };
}

function answered(text: string, status = 200): CopyOutcome {
  const body = [Buffer.from(text)];
  const times = { startMicros: 2000, firstByteMicros: 3000, endMicros: 4000 };
  return { kind: 'answered', answer: { head: head(status), body, bodyBytes: text.length, ...times } };
}

const failed = (failure: MirrorFailure): CopyOutcome => ({ kind: 'failed', failure, sent: true });
const given = (reason: NotMirroredReason): CopyOutcome => ({ kind: 'not_mirrored', reason });

function copy(role: 'mirror' | 'control' | 'repeat', outcome: CopyOutcome | undefined) {
  const name = role === 'mirror' ? 'v2' : role;
  const counts = createTargetCounts();
  const target = { name, copy: () => 'paused' as const };
  return { running: { target, role, wants: undefined, counts }, outcome } satisfies SettledCopy;
}

/** A judge, and what it says of single exchanges. */
function open(part: Partial<Policy> = {}) {
  const heldWrites = new HeldWrites(heldWritesBuffer());
  const policy = testPolicy({ mirrors: [V2], ...part });
  const options = { policy, heldWrites, recordedBytes: 100, now: () => 1_800_000_000_000, random: () => 0 };
  const judge = new AnswerJudge(options);
  let exchanges = 0;
  return {
    judge,
    settle(
      copies: readonly SettledCopy[],
      {
        target = '/a',
        text = '{"a":1}',
        incomplete = undefined as IncompleteReason | undefined,
        cut = false,
      } = {},
    ): RouteTally | undefined {
      const connection = testConnection();
      const request = requestHead('GET', target);
      const exchange = new LiveExchange(`x-${++exchanges}`, connection, request, 'none', 0);
      exchange.response = head(200);
      exchange.responseBodyBytes = text.length;
      exchange.incomplete = incomplete;
      Object.assign(exchange.times, { requestStart: 1000, responseStart: 1500, responseEnd: 1800 });
      judge.settled(exchange, [Buffer.from(text)], cut, copies);
      return judge.take()?.tallies[0]?.routes[0];
    },
  };
}

test('the same answer is a pair without findings', () => {
  const mirror = copy('mirror', answered('{ "a": 1.0 }'));
  const tally = open().settle([mirror]);
  deepEqual([tally?.route, tally?.pairs, tally?.same, tally?.findings], ['GET /a', 1, 1, []]);
  deepEqual(mirror.running.counts.pairs, { same: 1, different: 0, incomplete: 0 });
});

test('a difference is a finding by route, path and kind', () => {
  const mirror = copy('mirror', answered('{"a":2}'));
  const tally = open().settle([mirror], { target: '/orders/42?x=1' });
  deepEqual(
    tally?.findings.map(({ path, kind, mirrorOnly, sample }) => [
      tally.route,
      path,
      kind,
      mirrorOnly,
      sample,
    ]),
    [['GET /orders/{id}', 'body.a', 'value', 1, { exchange: 'x-1', primary: '1', other: '2' }]],
  );
  deepEqual(mirror.running.counts.pairs, { same: 0, different: 1, incomplete: 0 });
});

test('what the control shows too is noise, and what only the control shows counts against the mirror’s', () => {
  const { settle } = open({ control: CONTROL });
  const both = settle([copy('mirror', answered('{"a":2}')), copy('control', answered('{"a":3}'))]);
  deepEqual([both?.findings[0]?.both, both?.findings[0]?.mirrorOnly, both?.referenced], [1, 0, 1]);
  const control = settle([copy('control', answered('{"a":3}')), copy('mirror', answered('{"a":1}'))]);
  deepEqual([control?.findings[0]?.referenceOnly, control?.same], [1, 1]);
});

test('an answer that is missing is a finding, with an example', () => {
  const { judge } = open();
  const exchange = new LiveExchange('x-1', testConnection(), requestHead('GET', '/a'), 'none', 0);
  exchange.response = head(200);
  judge.settled(exchange, [], false, [copy('mirror', failed('reset'))]);
  const [recorded] = judge.take()?.exchanges ?? [];
  deepEqual(
    [recorded?.others[0]?.failure, recorded?.others[0]?.differences[0]?.path],
    ['reset', 'failure.reset'],
  );
  const tally = open().settle([copy('mirror', failed('timeout'))]);
  deepEqual([tally?.pairs, tally?.failures.mirrorOnly, tally?.findings[0]?.path], [1, 1, 'failure.timeout']);
});

const incomplete: readonly (readonly [
  what: string,
  outcome: CopyOutcome,
  live: { readonly incomplete?: IncompleteReason; readonly cut?: boolean },
  reason: string,
])[] = [
  ['a live exchange with a gap', answered('{"a":2}'), { incomplete: 'tape_gap' }, 'tape_gap'],
  ['a client that went away', answered('{"a":2}'), { incomplete: 'client_closed' }, 'client_closed'],
  ['an answer too long to be kept', answered('{"a":2}'), { cut: true }, 'body_cut'],
  ["a mirror's answer too long to be kept", failed('answer_too_large'), {}, 'answer_too_large'],
  ['a copy that we ended', failed('shutdown'), {}, 'given_up'],
];
for (const [what, outcome, live, reason] of incomplete) {
  test(`is no difference, and counted by its reason: ${what}`, () => {
    const mirror = copy('mirror', outcome);
    const tally = open().settle([mirror], live);
    deepEqual([tally?.pairs, tally?.incomplete, tally?.findings], [0, { [reason]: 1 }, []]);
    deepEqual(mirror.running.counts.pairs, { same: 0, different: 0, incomplete: 1 });
  });
}

test('a copy that was not sent is no pair: it is counted by its reason where it was given up', () => {
  const mirror = copy('mirror', given('client_slow'));
  equal(open().settle([mirror]), undefined);
  deepEqual(mirror.running.counts.pairs, { same: 0, different: 0, incomplete: 0 });
});

test('where the control did not take part, noise cannot be told from a difference', () => {
  const { settle } = open({ control: CONTROL });
  for (const copies of [[], [copy('control', given('queue_full'))]]) {
    const tally = settle([copy('mirror', answered('{"a":2}')), ...copies]);
    deepEqual([tally?.pairs, tally?.incomplete, tally?.findings], [0, { control_missing: 1 }, []]);
  }
});

test('a read after a held write to its resource is marked, but not where a control lacks the write too', () => {
  const drift = copy('mirror', answered('{"a":2}'));
  for (const [part, marked] of [
    [{}, 1],
    [{ control: CONTROL }, 0],
  ] as const) {
    const { judge, settle } = open(part);
    judge.held(requestHead('PUT', '/orders/42'));
    const tally = settle([drift, copy('control', answered('{"a":1}'))], { target: '/orders/42' });
    equal(tally?.findings[0]?.afterHeldWrite, marked);
  }
});

test('a mirror that does not know what a held write has made is marked, and one that knows no more is not', () => {
  for (const [target, status, marked] of [
    ['/orders/43', 404, 1],
    ['/orders/43', 500, 0],
    ['/users/43', 404, 0],
  ] as const) {
    const { judge, settle } = open();
    judge.held(requestHead('POST', '/orders'));
    const tally = settle([copy('mirror', answered('{}', status))], { target });
    equal(tally?.findings[0]?.afterHeldWrite, marked, `${target} ${status}`);
  }
});

test('routes that become one keep their counts', () => {
  const { judge, settle } = open({
    compare: { ...DEFAULT_COMPARE, routes: { templates: [], limit: 500, segmentValues: 5 } },
  });
  let pairs = 0;
  let last: RouteTally | undefined;
  for (const name of ['ada', 'ben', 'cleo', 'dan', 'eve', 'finn', 'gus']) {
    last = settle([copy('mirror', answered('{"a":2}'))], { target: `/users/${name}` });
    pairs += last?.pairs ?? 0;
  }
  equal(pairs, 7);
  equal(last?.route, 'GET /users/{segment}');
  equal(judge.take(), undefined);
});

test('examples are redacted, cut and without secrets', () => {
  const policy = testPolicy();
  const redact = { headers: [], queryParams: ['token'], jsonFields: ['a'] };
  const { judge } = open({ rewrite: { ...policy.rewrite, redact } });
  const request = requestHead('GET', '/a?token=1&b=2', [
    ['Authorization', 'Bearer secret'],
    ['Host', 'h'],
  ]);
  const exchange = new LiveExchange('x-1', testConnection(), request, 'none', 0);
  exchange.response = head(200, [...JSON_FIELDS, ['Set-Cookie', 'session=secret']]);
  const text = JSON.stringify({ a: 'secret', b: 'x'.repeat(200) });
  judge.settled(exchange, [Buffer.from(text)], false, [copy('mirror', answered('{"a":"secret2"}'))]);
  const [recorded] = judge.take()?.exchanges ?? [];
  ok(recorded !== undefined);
  equal(recorded.request.target, '/a?token=redacted&b=2');
  equal(recorded.primary.body.length, 100);
  ok(recorded.others[0]?.differences.some(({ path }) => path === 'body.a'));
  const shown = JSON.stringify([
    recorded,
    Buffer.from(recorded.primary.body).toString(),
    Buffer.from(recorded.others[0]?.answer?.body ?? []).toString(),
  ]);
  equal(shown.includes('secret'), false, shown);
});

const CALL_FIELDS = [['content-type', 'application/grpc']] as const;
const MESSAGE = Buffer.from([0, 0, 0, 0, 2, 8, 1]);

/** What a judge says of an answer to a call that was cut, and of a copy's beside it. */
function settleCall(
  body: readonly Uint8Array[],
  outcome: CopyOutcome,
  { truncated = true, seenBytes = 0, left = false } = {},
) {
  const { judge } = open();
  const exchange = new LiveExchange('x-1', testConnection(), requestHead('POST', '/a'), 'none', 0);
  exchange.response = head(200, CALL_FIELDS);
  exchange.responseBodyBytes = seenBytes;
  if (left) exchange.incomplete = 'client_closed';
  const mirror = copy('mirror', outcome);
  judge.settled(exchange, body, false, [mirror], truncated);
  const { pairs, truncated: counted } = mirror.running.counts;
  return [pairs, counted, judge.take()?.tallies[0]?.routes[0]?.incomplete];
}

function cutCall(body: Buffer): CopyOutcome {
  const times = { startMicros: 2000, firstByteMicros: 3000, endMicros: 4000 };
  const answer = { head: head(200, CALL_FIELDS), body: [body], bodyBytes: body.length, truncated: true };
  return { kind: 'answered', answer: { ...answer, ...times } };
}

test('calls that were cut are the same by what both have, and incomplete where that is no message', () => {
  const part = MESSAGE.subarray(0, 6);
  const none = { same: 0, different: 0, incomplete: 1 };
  deepEqual(settleCall([MESSAGE], cutCall(MESSAGE)), [{ same: 1, different: 0, incomplete: 0 }, 1, {}]);
  deepEqual(settleCall([MESSAGE], cutCall(part), { seenBytes: 7 }), [none, 0, { given_up: 1 }]);
  deepEqual(settleCall([part], cutCall(MESSAGE), { left: true }), [none, 0, { client_closed: 1 }]);
  deepEqual(settleCall([part], cutCall(part), { seenBytes: 99 }), [none, 0, { body_cut: 1 }]);
  deepEqual(settleCall([MESSAGE], cutCall(part), { truncated: false }), [none, 0, { answer_too_large: 1 }]);
});

test('a copy is not late where nothing had come of the answer either', () => {
  deepEqual(settleCall([], failed('timeout'), { left: true })[2], { client_closed: 1 });
  deepEqual(settleCall([MESSAGE], failed('timeout'), { left: true })[2], {});
});
