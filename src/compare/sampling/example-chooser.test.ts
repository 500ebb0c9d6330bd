import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { Difference, DifferenceKind } from '../../model/difference.ts';
import { DEFAULT_EXAMPLES, ExampleChooser } from './example-chooser.ts';
import type { ComparedAnswer, ExampleChooserOptions } from './example-chooser.ts';

const ROUTE = 'GET /a';

function openChooser(part: Partial<ExampleChooserOptions> = {}, random: () => number = () => 0.999_999) {
  return new ExampleChooser({ ...DEFAULT_EXAMPLES, ...part }, 0, random);
}

function answer(paths: readonly string[], name = 'v2', kind: DifferenceKind = 'value'): ComparedAnswer {
  const differences = paths.map((path): Difference => ({
    kind,
    path,
    risk: 'medium',
    primary: '1',
    other: '2',
  }));
  return { name, differences };
}

/** Numbers in [0, 1) that are the same in each run. */
function randomNumbers(): () => number {
  let state = 7;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state / 0x80000000;
  };
}

test('a finding has its first examples at once, and then fresh ones from time to time', () => {
  const chooser = openChooser({ first: 2, freshMs: 10_000 });
  const at = (ms: number) => chooser.choose(ROUTE, [answer(['x'])], 100, ms);
  deepEqual([0, 1, 2, 9_999, 10_000, 10_001, 10_002, 20_000, 20_001, 20_002].map(at), [
    'first',
    'first',
    undefined,
    undefined,
    undefined,
    'fresh',
    undefined,
    undefined,
    'fresh',
    undefined,
  ]);
});

const others: readonly (readonly [what: string, route: string, answer: ComparedAnswer])[] = [
  ['path', ROUTE, answer(['y'])],
  ['kind', ROUTE, answer(['x'], 'v2', 'missing')],
  ['route', 'GET /b', answer(['x'])],
  ['mirror', ROUTE, answer(['x'], 'v3')],
];
for (const [what, route, other] of others) {
  test(`another ${what} is another finding`, () => {
    const chooser = openChooser({ first: 1 });
    equal(chooser.choose(ROUTE, [answer(['x'])], 100, 0), 'first');
    equal(chooser.choose(ROUTE, [answer(['x'])], 100, 0), undefined);
    equal(chooser.choose(route, [other], 100, 0), 'first');
  });
}

test('one exchange is an example of all its findings', () => {
  const chooser = openChooser({ first: 1 });
  equal(chooser.choose(ROUTE, [answer(['x', 'y']), answer(['z'], 'v3')], 100, 0), 'first');
  equal(chooser.choose(ROUTE, [answer(['y'])], 100, 0), undefined);
  equal(chooser.choose(ROUTE, [answer([]), answer(['z'], 'v3')], 100, 0), undefined);
  equal(chooser.choose(ROUTE, [answer(['x', 'new'])], 100, 0), 'first');
});

test('past the number of a second nothing is kept, and the next one gets its turn', () => {
  const chooser = openChooser({ perSecond: 2 });
  const choose = (path: string, ms: number) => chooser.choose(ROUTE, [answer([path])], 100, ms);
  deepEqual([choose('a', 0), choose('b', 0), choose('c', 0)], ['first', 'first', undefined]);
  deepEqual(chooser.turnedAway, { count: 1, bytes: 0, findings: 0 });
  equal(choose('c', 500), 'first');
});

test('past the bytes of a second nothing is kept, and that takes nothing from the number', () => {
  const chooser = openChooser({ perSecond: 2, bytesPerSecond: 1000 });
  const choose = (path: string, bytes: number, ms: number) =>
    chooser.choose(ROUTE, [answer([path])], bytes, ms);
  deepEqual([choose('a', 900, 0), choose('b', 200, 0), choose('c', 100, 0)], ['first', undefined, 'first']);
  deepEqual(chooser.turnedAway, { count: 0, bytes: 1, findings: 0 });
  equal(choose('b', 200, 200), undefined);
  equal(choose('b', 200, 500), 'first');
});

test('one that is longer than the bytes of a second passes at last, and is paid for', () => {
  const chooser = openChooser({ bytesPerSecond: 1000 });
  equal(chooser.choose(ROUTE, [answer(['a'])], 3000, 0), 'first');
  equal(chooser.choose(ROUTE, [answer(['b'])], 10, 1900), undefined);
  equal(chooser.choose(ROUTE, [answer(['b'])], 10, 2100), 'first');
});

test('matches are sampled over the whole second at their rate, whatever the load', () => {
  for (const perSecond of [0.2, 1, 5]) {
    const chooser = openChooser({ matchesPerSecond: perSecond }, randomNumbers());
    const kept: number[] = [];
    for (let ms = 0; ms < 200_000; ms += 0.5)
      if (chooser.choose(ROUTE, [answer([])], 100, ms) === 'match') kept.push(ms);
    const expected = 200 * perSecond;
    ok(
      kept.length > expected * 0.4 && kept.length <= expected + perSecond + 1,
      `${kept.length} at ${perSecond}/s`,
    );
    const late = kept.filter((ms) => ms % 1000 >= 500).length;
    ok(late > kept.length * 0.2 && late < kept.length * 0.8, `${late} of ${kept.length} in the second half`);
  }
});

test('few matches are all kept', () => {
  const chooser = openChooser({}, randomNumbers());
  for (let ms = 0; ms < 20_000; ms += 2000) equal(chooser.choose(ROUTE, [answer([])], 100, ms), 'match');
});

test('an exchange with a difference is no match', () => {
  const chooser = openChooser({ first: 0, freshMs: 1e9 }, () => 0);
  equal(chooser.choose(ROUTE, [answer([]), answer(['x'], 'v3')], 100, 0), undefined);
});

test('findings that are remembered are bounded, and those that are gone make room', () => {
  const chooser = openChooser({ findings: 2, perSecond: 1000 });
  const choose = (path: string, ms: number) => chooser.choose(ROUTE, [answer([path])], 1, ms);
  deepEqual(
    ['a', 'b', 'c', 'a'].map((path) => choose(path, 0)),
    ['first', 'first', undefined, 'first'],
  );
  equal(chooser.turnedAway.findings, 1);
  equal(choose('a', 9 * 60_000), 'first');
  equal(choose('c', 11 * 60_000), 'first');
  equal(choose('a', 11 * 60_000), 'fresh');
  equal(choose('b', 11 * 60_000), undefined);
});

test('folded routes share what is known of their findings', () => {
  const chooser = openChooser({ first: 2, findings: 3 });
  const choose = (route: string, path: string) => chooser.choose(route, [answer([path])], 100, 0);
  choose('GET /ann', 'x');
  choose('GET /bob', 'x');
  choose('GET /bob', 'y');
  chooser.fold(['GET /ann', 'GET /bob', 'GET /none'], 'GET /{segment}');
  equal(choose('GET /{segment}', 'x'), undefined);
  equal(choose('GET /{segment}', 'y'), 'first');
  equal(choose('GET /{segment}', 'z'), 'first', 'there is room again');
});
