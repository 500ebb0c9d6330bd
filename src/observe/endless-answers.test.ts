import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestTarget } from '../../test/fixtures/copy-target.ts';
import { GET, ObservedTap } from '../../test/fixtures/observed-tap.ts';
import { createHistogram } from '../kit/histogram.ts';
import type { Exchange } from '../model/exchange.ts';
import { testPolicy } from '../model/fixtures.ts';
import { compileMatcher } from '../model/match.ts';
import { FROM_CLIENT, FROM_PRIMARY } from '../model/tape.ts';
import { createTargetCounts, PolicyRunner } from './policy-runner.ts';
import type { RunningPolicy } from './policy-runner.ts';

/** A tap with one policy, and what its judge is told. */
function observed(bodyBytes = 1000) {
  const target = new TestTarget('v2');
  const told: string[] = [];
  const policy: RunningPolicy = {
    name: 'p',
    compiled: compileMatcher(testPolicy()),
    included: () => true,
    holdWrites: true,
    safeCalls: new Set(),
    messages: undefined,
    targets: [{ target, role: 'mirror', wants: undefined, counts: createTargetCounts() }],
    bodyBytes,
    counts: { matched: 0, sampled: 0 },
    primary: createHistogram(),
    judge: {
      held: () => {},
      settled: ({ incomplete }: Exchange, body, cut, _copies, truncated) => {
        const flags = [cut && 'cut', truncated === true && 'truncated', incomplete].filter(Boolean);
        told.push([Buffer.concat(body).toString(), ...flags].join(' '));
      },
    },
    paused: false,
  };
  const runner = new PolicyRunner({ isOwnCopy: () => false, keptBytes: 10_000 });
  runner.policies = [policy];
  return { tap: new ObservedTap({ sink: runner }).open().client(GET('/events')), target, told };
}

const head = (type: string): string =>
  `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ntransfer-encoding: chunked\r\n\r\n`;
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
const EVENTS = head('text/event-stream');

test('who leaves an answer without end has its copy cut, and what came is what is compared', () => {
  const { tap, target, told } = observed();
  tap.primary(EVENTS + chunk('data: a\n\n')).close(FROM_CLIENT);
  assert.deepEqual([target.last.isCut, told], [true, []]);
  target.last.answer(200, 'data: a\n\n');
  assert.deepEqual(told, ['data: a\n\n truncated client_closed']);
});

test('bytes that were lost end what is kept', () => {
  const { tap, target, told } = observed();
  tap
    .primary(`${EVENTS}20\r\ndata: a\n\n`)
    .gap(FROM_PRIMARY, 23)
    .primary(`\r\n${chunk('data: c\n\n')}0\r\n\r\n`);
  target.last.answer(200, 'data: a\n\n');
  assert.deepEqual(told, ['data: a\n\n truncated tape_gap']);
});

test('what is too long is kept up to the limit, and settled as soon as no copy is under way', () => {
  const { tap, target, told } = observed(15);
  tap.primary(EVENTS + chunk('data: a\n\n')).primary(chunk('data: b\n\n'));
  assert.deepEqual(told, []);
  target.last.answer(200, 'data: a\n\n');
  assert.deepEqual(told, ['data: a\n\n truncated']);
  // The rest is nobody's business.
  tap.primary(chunk('data: c\n\n')).close(FROM_CLIENT);
  assert.equal(told.length, 1);
});

test('a copy that was cut at its limits settles the pair while the live answer goes on', () => {
  const { tap, target, told } = observed();
  tap.primary(EVENTS + chunk('data: a\n\n'));
  const { answer } = endedAnswer(target);
  target.last.finish({ kind: 'answered', answer: { ...answer, truncated: true } });
  assert.deepEqual(told, ['data: a\n\n truncated']);
  tap.primary(chunk('data: b\n\n')).close(FROM_CLIENT);
  assert.equal(told.length, 1);
});

test('an ordinary answer whose client leaves is incomplete, and its copy need not go on', () => {
  const { tap, target, told } = observed();
  tap.primary(head('application/json') + chunk('{"a"')).close(FROM_CLIENT);
  assert.equal(target.last.isCut, true);
  target.last.answer(200, '{"a":1}');
  assert.deepEqual(told, ['{"a" client_closed']);
});

test('an ordinary answer that is too long is not kept at all', () => {
  const { tap, target, told } = observed(3);
  tap.primary(`${head('application/json')}${chunk('{"a":1}')}0\r\n\r\n`);
  target.last.answer(200, '{}');
  assert.deepEqual(told, [' cut']);
});

test('an answer of records that ends is whole', () => {
  const { tap, target, told } = observed();
  tap.primary(`${EVENTS}${chunk('data: a\n\n')}0\r\n\r\n`);
  assert.equal(target.last.isCut, false);
  target.last.answer(200, 'data: a\n\n');
  assert.deepEqual(told, ['data: a\n\n']);
});

const CALL = head('application/grpc');

test('copies are told when the answer to a call begins and when it is over', () => {
  const { tap, target, told } = observed();
  tap.primary(CALL);
  assert.equal(target.last.live, 'open');
  tap.primary(`${chunk('abc')}0\r\n\r\n`);
  assert.equal(target.last.live, 3);
  target.last.answer(200, 'abc');
  assert.deepEqual(told, ['abc']);
});

test('of an answer that is none to a call copies are told its length only', () => {
  const { tap, target } = observed();
  tap.primary(head('application/json') + chunk('{}'));
  assert.equal(target.last.live, undefined);
  tap.primary('0\r\n\r\n');
  assert.equal(target.last.live, 2);
});

test('who leaves an open call has its copy cut, and what came is what is compared', () => {
  const { tap, target, told } = observed();
  tap.primary(CALL + chunk('abc')).close(FROM_CLIENT);
  assert.deepEqual([target.last.isCut, told], [true, []]);
  target.last.answer(200, 'abc');
  assert.deepEqual(told, ['abc truncated client_closed']);
});

test('a call whose answer is too long to be kept is compared up to there', () => {
  const { tap, target, told } = observed(4);
  tap.primary(CALL + chunk('abc')).primary(`${chunk('def')}0\r\n\r\n`);
  assert.equal(target.last.live, 3);
  target.last.answer(200, 'abcdef');
  assert.deepEqual(told, ['abc truncated']);
});

test('an answer to a call that was not seen whole is over as well', () => {
  const { tap, target, told } = observed();
  tap.primary(`${CALL}6\r\nabc`).gap(FROM_PRIMARY, 3).primary('\r\n0\r\n\r\n');
  assert.equal(target.last.live, Infinity);
  target.last.answer(200, 'abcdef');
  assert.deepEqual(told, ['abc truncated tape_gap']);
});

function endedAnswer(target: TestTarget) {
  const probe = new TestTarget('probe');
  let ended: Parameters<typeof target.last.finish>[0] | undefined;
  probe.copy({ ...target.last.request, onDone: (outcome) => (ended = outcome) });
  probe.last.answer(200, 'data: a\n\n');
  if (ended?.kind !== 'answered') throw new Error('no answer');
  return ended;
}
