import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import {
  brotliCompressSync,
  constants,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib';
import * as fc from 'fast-check';
import { createComparer, SAME } from '../../src/compare/comparer.ts';
import { DEFAULT_COMPARE } from '../../src/model/compare-settings.ts';
import type { CompareSettings } from '../../src/model/compare-settings.ts';
import type { Answer } from '../../src/model/difference.ts';
import { cutAt } from '../fixtures/http1-recorder.ts';
import { changesOf, randomOf, shuffled, tree, written } from './json-trees.ts';
import type { Random, Tree } from './json-trees.ts';

/** UNDERSTUDY_FUZZ_SEED and UNDERSTUDY_FUZZ_RUNS look elsewhere and longer. */
const seed = Number(process.env['UNDERSTUDY_FUZZ_SEED'] ?? 8259);
const runs = (few: number) => ({ seed, numRuns: few * Number(process.env['UNDERSTUDY_FUZZ_RUNS'] ?? 1) });

const REDACT = { headers: [], queryParams: [], jsonFields: [] };
const LIMITS = DEFAULT_COMPARE.limits;

function comparerWith(settings: Partial<CompareSettings> = {}) {
  return createComparer({ ...DEFAULT_COMPARE, ...settings }, { redact: REDACT, recognise: false });
}
// One for all: what an earlier pair leaves behind must not matter.
const comparer = comparerWith();

function answer(body: string | Uint8Array, type = 'application/json', coding?: string): Answer {
  const fields: [string, string][] = [
    ...(type === '' ? [] : [['content-type', type] as [string, string]]),
    ...(coding === undefined ? [] : [['content-encoding', coding] as [string, string]]),
  ];
  return {
    status: 200,
    header: (name) => fields.find(([field]) => field === name)?.[1],
    headers: () => fields,
    body: [typeof body === 'string' ? Buffer.from(body) : body],
  };
}

function compared(left: string, right: string, by = comparer) {
  const { differences } = by.compare(answer(left), answer(right), 'GET', 'GET /');
  return differences.map(({ kind, path }) => `${kind} ${path}`);
}

const seeds = fc.integer();

test('a JSON value is the same however it is written', () => {
  fc.assert(
    fc.property(tree, seeds, (value, choices) => {
      const random = randomOf(choices);
      const left = written(value, random);
      const right = written(value, random);
      equal(comparer.compare(answer(left), answer(right), 'GET', 'GET /'), SAME, `${left}\n${right}`);
    }),
    runs(1000),
  );
});

test('of a value with one thing changed, exactly that is found', () => {
  fc.assert(
    fc.property(tree, seeds, (value, choices) => {
      const random = randomOf(choices);
      const changes = changesOf(value, 'body');
      const change = changes[random(changes.length)];
      if (change === undefined) return;
      const left = written(value, random);
      const right = written(change.value, random);
      deepEqual(compared(left, right), [`${change.kind} ${change.path}`], `${left}\n${right}`);
    }),
    runs(1000),
  );
});

test('as sets, arrays are the same in any order', () => {
  const sets = comparerWith({ unordered: ['body.**'] });
  const mixed = (value: Tree, random: Random): Tree => {
    if (typeof value !== 'object' || value === null) return value;
    if ('fields' in value) return { fields: value.fields.map(([key, field]) => [key, mixed(field, random)]) };
    return shuffled(value, random).map((element) => mixed(element, random));
  };
  fc.assert(
    fc.property(tree, seeds, (value, choices) => {
      const random = randomOf(choices);
      deepEqual(compared(written(value, random), written(mixed(value, random), random), sets), []);
    }),
    runs(1000),
  );
});

test('what is the same agrees with JSON.parse and isDeepStrictEqual', () => {
  // V8 14.6 takes some keys with escapes for others, so there are none.
  const json = fc.json({ depthSize: 'small' }).filter((text) => !text.includes('\\'));
  const damaged = fc
    .tuple(json, fc.nat(), fc.constantFrom('', '0', '1', '"', ',', 'null', ' '))
    .map(([text, at, insert]) => {
      const from = at % (text.length + 1);
      return [text, text.slice(0, from) + insert + text.slice(from + 1)] as const;
    });
  fc.assert(
    fc.property(fc.oneof(damaged, fc.tuple(json, json)), ([left, right]) => {
      const values = [parsed(left), parsed(right)];
      if (values.includes(undefined) || hasRepeatedKeys(left) || hasRepeatedKeys(right)) return;
      equal(compared(left, right).length === 0, isDeepStrictEqual(values[0], values[1]), `${left}\n${right}`);
    }),
    runs(2000),
  );
});

/** @returns a list with the value, since that may be anything; undefined when it is no JSON, or JSON.parse loses digits */
function parsed(text: string): readonly [unknown] | undefined {
  if (/(?:\d\.?){16}|\d[eE]\+?\d{3}|-0/.test(text)) return undefined;
  try {
    return [JSON.parse(text)];
  } catch {
    return undefined;
  }
}

function hasRepeatedKeys(text: string): boolean {
  const keys = text.match(/"[^"]*"\s*:/g) ?? [];
  return new Set(keys).size < keys.length;
}

const TYPES = [
  'application/json',
  'application/json; charset=utf-16',
  'application/json; charset=x',
  'application/x-ndjson',
  'application/json-seq',
  'text/event-stream',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=b',
  'multipart/mixed',
  'text/html',
  'application/xml',
  'text/plain',
  'text/csv; charset=latin1',
  'image/png',
  '',
  ';;=',
];
const CODERS: Readonly<Record<string, (bytes: Buffer) => Uint8Array>> = {
  gzip: (bytes) => gzipSync(bytes),
  deflate: (bytes) => deflateSync(bytes),
  'deflate, ': (bytes) => deflateRawSync(bytes),
  br: (bytes) => brotliCompressSync(bytes),
  zstd: (bytes) => zstdCompressSync(bytes),
  'gzip, gzip': (bytes) => gzipSync(gzipSync(bytes)),
  compress: (bytes) => bytes,
};
const PIECES = [
  '{',
  '}',
  '[',
  ']',
  '"',
  ':',
  ',',
  '1',
  'e',
  '\\u',
  '<a ',
  '>',
  '</a>',
  '<!--',
  '&amp',
  '=',
  '&',
  '%',
];
const hostileBody = fc.oneof(
  fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
  fc.json().map((text) => Buffer.from(text)),
  fc
    .array(fc.constantFrom(...PIECES, 'data: x', '\n', '\n\n', '--b\r\n', '--b--', '\ufeff'), {
      maxLength: 30,
    })
    .map((parts) => Buffer.from(parts.join(''))),
);
const hostile = fc
  .record({
    body: hostileBody,
    type: fc.constantFrom(...TYPES),
    coding: fc.option(fc.constantFrom(...Object.keys(CODERS)), { nil: undefined, freq: 3 }),
    cut: fc.option(fc.nat({ max: 100 }), { nil: undefined, freq: 4 }),
    flip: fc.option(fc.nat(), { nil: undefined, freq: 4 }),
  })
  .map(({ body, type, coding, cut, flip }) => {
    const coded = Buffer.from(coding === undefined ? body : (CODERS[coding]?.(body) ?? body));
    if (flip !== undefined && coded.length > 0) {
      const at = flip % coded.length;
      coded[at] = (coded[at] ?? 0) ^ 0x55;
    }
    return answer(
      cut === undefined ? coded : coded.subarray(0, Math.max(0, coded.length - cut)),
      type,
      coding,
    );
  });

test('whatever comes, it is compared: bounded, the same in both directions, and like itself', () => {
  fc.assert(
    fc.property(hostile, hostile, fc.nat({ max: 9 }), (left, right, cut) => {
      const { differences, more } = comparer.compare(left, right, 'GET', 'GET /');
      const back = comparer.compare(right, left, 'GET', 'GET /');
      equal(back === SAME, differences.length === 0 && more === 0);
      ok(differences.length <= LIMITS.differences);
      equal(new Set(differences.map(({ kind, path }) => `${kind} ${path}`)).size, differences.length);
      for (const { primary, other, path } of differences) {
        ok(path.length > 0 && path.length <= 1001);
        ok((primary ?? '').length <= LIMITS.shownChars && (other ?? '').length <= LIMITS.shownChars);
      }
      const cutBody = cutAt(Buffer.concat(left.body), [cut]);
      equal(comparer.compare(left, { ...left, body: cutBody }, 'GET', 'GET /'), SAME);
    }),
    runs(800),
  );
});

// None of these may take more than time linear in its length; each would take minutes otherwise.
const LENGTH = 300_000;
const repeated = (part: string) => part.repeat(Math.ceil(LENGTH / part.length));
const ENORMOUS: readonly (readonly [name: string, left: string, right: string])[] = [
  ['deep arrays', repeated('['), repeated('[1,')],
  ['deep objects', repeated('{"a":'), `${repeated('{"a":')}1`],
  ['one long number', repeated('1'), `${repeated('1')}2`],
  ['a long exponent', `1e${repeated('9')}`, `1e${repeated('8')}`],
  ['a long fraction', `0.${repeated('0')}1`, `0.${repeated('0')}2`],
  ['a long key', `{"${repeated('k')}":1}`, `{"${repeated('k')}":2}`],
  ['escapes', `"${repeated('\\u0041')}"`, `"${repeated('A')}"`],
  ['backslashes', `"${repeated('\\\\')}"`, `"${repeated('\\\\')}`],
  ['equal keys', `{${repeated('"a":1,')}"a":1}`, `{${repeated('"a":1,')}"a":2}`],
  ['equal elements', `[${repeated('{"id":1},')}1]`, `[2,${repeated('{"id":1},')}1]`],
  ['elements in another order', `[${repeated('{"v":1},{"v":2},')}3]`, `[3,${repeated('{"v":2},{"v":1},')}3]`],
  ['arrays in arrays', `[${repeated('[[[[[1],2],3],4],5],')}1]`, `[1,${repeated('[[[[[2],2],3],4],5],')}1]`],
];
for (const [name, left, right] of ENORMOUS) {
  for (const unordered of [[], ['body.**']]) {
    test(`${name}, ${unordered.length > 0 ? 'as sets' : 'in order'}`, { timeout: 60_000 }, () => {
      const by = comparerWith({ unordered });
      ok(compared(left, right, by).length <= LIMITS.differences);
      deepEqual(compared(left, `${left} `, by).length <= 1, true);
    });
  }
}

test('bombs are named, and nothing when both sides are the same bomb', { timeout: 60_000 }, () => {
  const zeros = Buffer.alloc(16 * 1024 * 1024);
  for (const [coding, bomb] of [
    ['gzip', gzipSync(zeros)],
    ['br', brotliCompressSync(zeros, { params: { [constants.BROTLI_PARAM_QUALITY]: 3 } })],
    ['zstd', zstdCompressSync(zeros)],
    ['gzip, gzip', gzipSync(gzipSync(zeros))],
  ] as const) {
    const left = answer(bomb, 'application/json', coding);
    equal(comparer.compare(left, answer(bomb, 'application/json', coding), 'GET', 'GET /'), SAME);
    const right = answer(CODERS[coding]?.(Buffer.from('{"a":1}')) ?? '', 'application/json', coding);
    deepEqual(
      comparer.compare(left, right, 'GET', 'GET /').differences.map(({ kind, primary }) => [kind, primary]),
      [['type', 'not readable: bomb']],
      coding,
    );
  }
});
