import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { IgnoreRule } from '../model/compare-settings.ts';
import type { Redaction } from '../model/policy.ts';
import { Ignoring, IgnoringByRoute } from './ignoring.ts';
import { Mask } from './mask.ts';
import { PATH_CHARS, PairDifferences } from './sink.ts';

const NO_REDACTION = { headers: [], queryParams: [], jsonFields: [] };
const rule = (path: string, part: Partial<IgnoreRule> = {}): IgnoreRule => ({
  path,
  kinds: [],
  route: undefined,
  ...part,
});

interface Options {
  readonly differences?: number;
  readonly shownChars?: number;
  readonly ignore?: readonly IgnoreRule[];
  readonly redact?: Partial<Redaction>;
}

function open({
  differences = 10,
  shownChars = 20,
  ignore = [],
  redact = {},
}: Options = {}): PairDifferences {
  const mask = new Mask({ ...NO_REDACTION, ...redact });
  return new PairDifferences({ differences, shownChars }, new Ignoring(ignore), mask);
}

test('a path and kind is kept once, with its highest risk', () => {
  const sink = open();
  sink.add('value', 'body.a', 'medium', '1', '2');
  sink.add('value', 'body.a', 'medium', '3', '4');
  sink.add('missing', 'body.a', 'high', '3', undefined);
  sink.add('value', 'body.b', 'low', '1', '2');
  sink.add('value', 'body.b', 'high', '5', '6');
  deepEqual(
    sink.differences.map(({ kind, path, risk, primary }) => [kind, path, risk, primary]),
    [
      ['value', 'body.a', 'medium', '1'],
      ['missing', 'body.a', 'high', '3'],
      ['value', 'body.b', 'high', '5'],
    ],
  );
  equal(sink.more, 0);
});

test('past the limit differences are counted, graver ones are kept first, and it ends', () => {
  const sink = open({ differences: 2 });
  for (const path of ['body.a', 'body.b', 'body.c']) sink.add('added', path, 'low', undefined, '1');
  sink.add('missing', 'body.d', 'high', '1', undefined);
  deepEqual(sink.differences.map(({ path }) => path).toSorted(), ['body.a', 'body.d']);
  equal(sink.more, 2);
  equal(sink.full, false);
  for (let i = 0; !sink.full; i++) sink.add('value', `body.e${i}`, 'low', '1', '2');
  equal(sink.more, 6);
});

for (const [ignore, ignored] of [
  [rule('body.a'), true],
  [rule('body.*'), true],
  [rule('body.**'), true],
  [rule('body.b'), false],
  [rule('body.a', { kinds: ['value', 'type'] }), true],
  [rule('body.a', { kinds: ['missing'] }), false],
] as const) {
  test(`${JSON.stringify(ignore)} ${ignored ? 'leaves' : 'does not leave'} a value at body.a out`, () => {
    const sink = open({ ignore: [ignore] });
    equal(sink.ignores?.('value', 'body.a'), ignored);
    sink.add('value', 'body.a', 'medium', '1', '2');
    equal(sink.ignored, ignored ? 1 : 0);
    equal(sink.differences.length, ignored ? 0 : 1);
  });
}

test('a sink without rules says so', () => equal(open().ignores, undefined));

test('rules of a route hold there, others everywhere', () => {
  const rules = new IgnoringByRoute([rule('body.a', { route: 'GET /a' }), rule('body.b')]);
  for (const [route, path, ignored] of [
    ['GET /a', 'body.a', true],
    ['GET /a', 'body.b', true],
    ['GET /b', 'body.a', false],
    ['GET /b', 'body.b', true],
  ] as const) {
    equal(rules.on(route).ignores('value', path), ignored, `${route} ${path}`);
  }
});

test('everything below a path is ignored only by an open rule for every kind', () => {
  for (const [ignore, expected] of [
    [rule('body.a.**'), true],
    [rule('body.a'), false],
    [rule('body.a.**', { kinds: ['value'] }), false],
  ] as const) {
    equal(new Ignoring([ignore]).allBelow('body.a.b'), expected, ignore.path);
  }
});

for (const [primary, other, shown] of [
  ['short', undefined, 'short'],
  ['x'.repeat(30), undefined, `${'x'.repeat(19)}…`],
  // No half of a character, at either end.
  [`${'x'.repeat(18)}😀😀`, undefined, `${'x'.repeat(18)}…`],
  [`${'x'.repeat(100)}end`, `${'x'.repeat(100)}END`, `…${'x'.repeat(5)}end`],
  ['', '', ''],
] as const) {
  test(`${JSON.stringify(primary)} is shown as ${JSON.stringify(shown)}`, () => {
    const sink = open();
    sink.add('value', 'body', 'medium', primary, other);
    equal(sink.differences[0]?.primary, shown);
    ok(shown.isWellFormed());
  });
}

test('where long texts part is shown', () => {
  const sink = open({ shownChars: 40 });
  sink.add('value', 'body', 'medium', `${'😀'.repeat(100)}left`, `${'😀'.repeat(100)}right`);
  const [{ primary = '', other = '' } = {}] = sink.differences;
  ok(primary.endsWith('left') && other.endsWith('right') && primary.startsWith('…'));
  ok(primary.isWellFormed() && primary.length <= 40);
});

test('paths are cut', () => {
  const sink = open();
  sink.add('value', `body${'.x'.repeat(10_000)}`, 'medium', '1', '2');
  ok((sink.differences[0]?.path.length ?? 0) <= PATH_CHARS + 1);
});

const jsonFields = ['user.email', 'items.*.card', 'list.0.pin'];
for (const [path, hidden, root = 'body'] of [
  ['header.authorization', true],
  ['header.x-vault-token', true],
  ['header.www-authenticate', false],
  ['header.x-api-key', true],
  ['header.x-secret', true],
  ['header.x-build', false],
  ['trailer.x-secret', true],
  ['body.user.email', true],
  ['body.user.email.domain', true],
  ['body.user', true],
  ['body', true],
  ['body.user.name', false],
  ['body.items[].card', true],
  ['body.items.first.card', true],
  ['body.items[].price', false],
  ['body.list[].pin', true],
  ['body[].user.email', true],
  ['body[].user.name', false],
  ['body.part.user.email', true, 'body.part'],
  ['body.part.name', false, 'body.part'],
  ['body.emails', false],
] as const) {
  test(`${path} of ${root} ${hidden ? 'is hidden' : 'is shown'}`, () => {
    const sink = open({ redact: { headers: ['x-secret'], jsonFields } });
    sink.root = root;
    sink.add('value', path, 'medium', 'secret', undefined);
    equal(sink.differences[0]?.primary, hidden ? '(redacted)' : 'secret');
    equal(sink.differences[0]?.other, undefined);
  });
}

for (const [path, text, shown] of [
  ['body.pin', '1234', '(redacted)'],
  ['body["a b"]', '1234', '(redacted)'],
  ['body.pins', '1234', '1234'],
  ['header.location', '/x?a=1&pin=1234#x', '/x?a=1&pin=(redacted)#x'],
  ['header.location', '/x?spin=1234', '/x?spin=1234'],
  ['body.next', '"/x?pin=1234"', '"/x?pin=(redacted)"'],
  ['body', 'pin=1&a b=2', 'pin=(redacted)&a b=(redacted)'],
] as const) {
  test(`of redacted parameters, ${text} at ${path} is shown as ${shown}`, () => {
    const sink = open({ shownChars: 80, redact: { queryParams: ['pin', 'a b'] } });
    sink.add('value', path, 'medium', text, undefined);
    equal(sink.differences[0]?.primary, shown);
  });
}

test('what is wrong with a body is no secret', () => {
  const sink = open({ redact: { jsonFields } });
  sink.addNote('type', 'body', 'high', 'readable', 'not readable');
  equal(sink.differences[0]?.primary, 'readable');
});
