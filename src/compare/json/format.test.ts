import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { collectingContext, contentOf } from '../format-fixture.ts';
import type { CollectingOptions } from '../format-fixture.ts';
import { createJsonFormat } from './format.ts';

const compareJson = createJsonFormat();

function shown(left: string, right: string, options: CollectingOptions = {}): readonly string[] {
  const collecting = collectingContext({ exact: true, ...options });
  const faults = compareJson(contentOf(left), contentOf(right), 'body', collecting.context);
  equal(faults, undefined);
  return collecting.shown();
}

type Case = readonly [left: string, right: string, found: readonly string[]];

const VALUES: readonly Case[] = [
  ['{"a":1,"b":2}', '{ "b" : 2 ,\n\t"a" : 1 }', []],
  ['1', '1.0', []],
  ['[100, 0.5, -0]', '[1e2, 5E-1, 0]', []],
  ['12345678901234567890', '12345678901234567891', ['value body']],
  ['1e400', '1e401', ['value body']],
  ['1e99999999999999999999', '1e99999999999999999999', []],
  ['"\\u00e9\\/"', '"é/"', []],
  ['"\\ud83d\\ude00"', '"😀"', []],
  ['"\\ud83d"', '"\\ud83e"', ['value body']],
  ['{"\\u0061":1}', '{"a":1}', []],
  ['{"a":1}', '{"a":2}', ['value body.a']],
  ['{"a":true}', '{"a":false}', ['value body.a']],
  ['{"a":1}', '{"a":"1"}', ['type body.a']],
  ['{"a":null}', '{"a":0}', ['type body.a']],
  ['{"a":null}', '{}', ['missing body.a']],
  ['{}', '{"a":null}', ['added body.a']],
  ['{"a":{"b":[1]}}', '{"a":{"b":{}}}', ['type body.a.b']],
  ['{"odd name":1}', '{"odd name":2}', ['value body["odd name"]']],
  ['{"__proto__":1,"a":{}}', '{"__proto__":2,"a":{}}', ['value body.__proto__']],
  ['{"a":1,"b":{"c":1}}', '{"b":{"c":2},"a":2}', ['value body.a', 'value body.b.c']],
  // What V8's JSON.parse reads wrongly: the second object's key is a quote, not a backslash.
  [
    '[{"a":1,"\\\\":2},{"a":1,"\\"":2}]',
    '[{"a":1,"\\\\":2},{"a":1,"\\\\":2}]',
    ['missing body[]["\\""]', 'added body[].\\'],
  ],
  ['{"a":1,"a":2}', '{"a":1,"a":2}', []],
  ['{"a":1,"b":0,"a":2}', '{"b":0,"a":1,"a":2}', []],
  ['{"a":1,"a":2}', '{"a":2,"a":1}', ['value body.a', 'value body.a']],
  ['{"a":1,"a":1}', '{"a":1}', ['value body.a']],
];

const ARRAYS: readonly Case[] = [
  ['[1,2,3]', '[1,2,3.0]', []],
  ['[1,2,3]', '[1,9,3]', ['value body[]']],
  ['[1,2,3]', '[1,3]', ['length body']],
  ['[1,2,3]', '[0,1,2,3]', ['length body']],
  ['[]', '[1]', ['length body']],
  // What is alike at the beginning does not count again at the end.
  ['[1]', '[1,1]', ['length body']],
  ['[1,2]', '[1,2,1,2]', ['length body']],
  ['[1,2,3]', '[3,2,1]', ['order body']],
  ['[1,1,2]', '[1,2,2]', ['value body[]']],
  ['[1,2,3]', '[1,3,4]', ['value body[]', 'value body[]']],
  ['[{"x":1},{"x":2}]', '[{"x":2},{"x":1.0}]', ['order body']],
  ['[[1,2],[3]]', '[[1,2],[3,4]]', ['length body[]']],
  ['[{"id":1,"v":1},{"id":2,"v":2}]', '[{"id":2,"v":2},{"id":1,"v":1}]', ['order body']],
  [
    '[{"id":1,"v":1},{"id":2,"v":2},{"id":3}]',
    '[{"id":2,"v":5},{"id":1,"v":1},{"id":3}]',
    ['order body', 'value body[].v'],
  ],
  [
    '[{"id":1,"v":1},{"id":2,"v":2},{"id":3}]',
    '[{"id":3},{"id":2,"v":3}]',
    ['order body', 'value body[].v', 'missing body[]'],
  ],
  ['[{"id":1},{"id":2}]', '[{"id":1},{"id":2},{"id":3}]', ['added body[]']],
  ['[{"id":1},{"id":2}]', '[{"id":2}]', ['missing body[]']],
  ['[{"id":1}]', '[]', ['length body']],
  ['[{"id":1,"v":1},{"id":2,"v":2}]', '[{"id":1.0,"v":1},{"id":2,"v":3}]', ['value body[].v']],
  // Drawn ids match nothing: elements are compared in place.
  [
    '[{"id":"a","v":1},{"id":"b","v":2}]',
    '[{"id":"c","v":1},{"id":"d","v":2}]',
    ['value body[].id', 'value body[].id'],
  ],
];

for (const [left, right, found] of [...VALUES, ...ARRAYS]) {
  test(`${left} and ${right}: ${found.join(', ') || 'nothing'}`, () => deepEqual(shown(left, right), found));
}

const RULES: readonly (readonly [...Case, CollectingOptions])[] = [
  ['[1,2,2]', '[2,1,2]', [], { unordered: ['body'] }],
  ['[1,2,2]', '[2,1,1]', ['value body[]'], { unordered: ['body'] }],
  ['[1,2]', '[2]', ['missing body[]'], { unordered: ['body'] }],
  ['[1]', '[2,1]', ['added body[]'], { unordered: ['body'] }],
  ['{"a":[[1,2],[3]]}', '{"a":[[3],[1,2]]}', [], { unordered: ['body.a'] }],
  ['{"a":[[1,2],[3]]}', '{"a":[[3],[2,1]]}', [], { unordered: ['body.a', 'body.a[]'] }],
  [
    '[{"id":1,"v":1},{"id":2,"v":2}]',
    '[{"id":2,"v":3},{"id":1,"v":1}]',
    ['value body[].v'],
    {
      unordered: ['body'],
    },
  ],
  [
    '[{"k":1,"v":1},{"k":2,"v":2}]',
    '[{"k":2,"v":2},{"k":1,"v":7}]',
    ['value body[].v'],
    {
      keys: { body: 'k' },
    },
  ],
  [
    '[{"k":1},{"k":1},{"v":1}]',
    '[{"v":2},{"k":1}]',
    ['value body[].v', 'missing body[]'],
    {
      keys: { body: 'k' },
    },
  ],
  ['["2024-05-01T10:00:00Z"]', '["2024-05-01T10:00:07Z"]', [], { exact: false }],
];
for (const [left, right, found, options] of RULES) {
  test(`${left} and ${right} with ${JSON.stringify(options)}`, () =>
    deepEqual(shown(left, right, options), found));
}

test('what differs is shown as it was sent', () => {
  const collecting = collectingContext({ exact: true });
  compareJson(contentOf('{"a":"x","b":[1, 2]}'), contentOf('{"a":1.50,"c":1}'), 'body', collecting.context);
  deepEqual(
    collecting.found.map(({ path, risk, primary, other }) => [path, risk, primary, other]),
    [
      ['body.a', 'high', '"x"', '1.50'],
      ['body.b', 'high', '[1, 2]', undefined],
      ['body.c', 'low', undefined, '1'],
    ],
  );
});

test('tolerance is for numbers at a path, ignored fields do not unmatch elements', () => {
  const { context, shown: found } = collectingContext({ exact: true, unordered: ['body.l'] });
  const ruled = {
    ...context,
    sink: {
      add: (...args: Parameters<typeof context.sink.add>) => {
        if (args[1] !== 'body.l[].at') context.sink.add(...args);
      },
      full: false,
      ignores: (_: string, path: string) => path === 'body.l[].at',
    },
    tolerance: (path: string) => (path === 'body.n' ? { absolute: 0.5, relative: 0 } : undefined),
  };
  const left = '{"n":1,"m":1,"l":[{"v":1,"at":5},{"v":2,"at":6}]}';
  const right = '{"n":1.4,"m":1.4,"l":[{"v":2,"at":7},{"v":1,"at":8}]}';
  equal(compareJson(contentOf(left), contentOf(right), 'body', ruled), undefined);
  deepEqual(found(), ['value body.m']);
});

const FAULTS: readonly (readonly [
  left: string | Buffer,
  right: string | Buffer,
  type: string,
  faults: unknown,
])[] = [
  ['{"a":1', '{}', '', { primary: 'malformed', other: undefined }],
  ['{"a":1', '{"a":', '', { primary: 'malformed', other: 'malformed' }],
  ['['.repeat(200), '[]', '', { primary: 'too_deep', other: undefined }],
  [Buffer.from([0x22, 0xff, 0x22]), '""', '', { primary: 'invalid_encoding', other: undefined }],
  ['1', '2', 'application/json; charset=klingon', { primary: 'unknown_charset', other: 'unknown_charset' }],
  [`[${'1,'.repeat(1000)}1]`, '[]', '', { primary: 'too_many_values', other: undefined }],
];
for (const [left, right, type, faults] of FAULTS) {
  test(`${left.slice(0, 20).toString()} is a fault: ${JSON.stringify(faults)}`, () => {
    const { context, found } = collectingContext({ limits: { values: 1000 } });
    deepEqual(compareJson(contentOf(left, type), contentOf(right, type), 'body', context), faults);
    equal(found.length, 0);
  });
}

const nested = (last: number) => `${'[1,'.repeat(100)}${last}${',2]'.repeat(100)}`;
const wide = (last: number) =>
  `[${Array.from({ length: 200 }, (_, i) => nested(i === 7 ? last : i)).join(',')}]`;

// Quadratic work would take minutes.
test('arrays of many elements in any order are matched', { timeout: 60_000 }, () => {
  const numbers = Array.from({ length: 50_000 }, (_, index) => index);
  deepEqual(shown(JSON.stringify(numbers), JSON.stringify(numbers.toReversed())), ['order body']);
  deepEqual(
    shown(JSON.stringify(numbers), JSON.stringify(numbers.toReversed()), { unordered: ['body'] }),
    [],
  );
  deepEqual(shown(wide(1), wide(2)), [`value body${'[]'.repeat(101)}`]);
});
