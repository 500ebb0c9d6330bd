import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { compileJsonFields } from '../model/json-fields.ts';
import { JSON_DEPTH_MAX, redactJson } from './redact-json.ts';

/** UNDERSTUDY_FUZZ_SEED looks elsewhere. */
const SEED = Number(process.env['UNDERSTUDY_FUZZ_SEED'] ?? 8259);

function redact(text: string, paths: readonly string[], sequence = false): string | undefined {
  return redactJson(Buffer.from(text), compileJsonFields(paths), sequence)?.toString();
}

const CASES: readonly (readonly [text: string, paths: readonly string[], expected: string | undefined])[] = [
  ['{"email":"a@b.c","n":1}', ['email'], '{"email":"redacted","n":1}'],
  ['{"user":{"email":"x"},"email":"y"}', ['user.email'], '{"user":{"email":"redacted"},"email":"y"}'],
  [
    '{"items":[{"card":1},{"card":2}]}',
    ['items.*.card'],
    '{"items":[{"card":"redacted"},{"card":"redacted"}]}',
  ],
  ['{"items":[{"card":1},{"card":2}]}', ['items.1.card'], '{"items":[{"card":1},{"card":"redacted"}]}'],
  ['{"a":{"x":1},"b":{"x":2}}', ['*.x'], '{"a":{"x":"redacted"},"b":{"x":"redacted"}}'],
  ['{"a":{"b":[1,{"c":2}]},"d":3}', ['a'], '{"a":"redacted","d":3}'],
  ['{"a":{"b":1}}', ['a', 'a.b'], '{"a":"redacted"}'],
  ['[1,2,3]', ['*'], '["redacted","redacted","redacted"]'],
  ['{"\\u0065mail":1}', ['email'], '{"\\u0065mail":"redacted"}'],
  ['{"\\\\":1,"\\"":2}', ['\\'], '{"\\\\":"redacted","\\"":2}'],
  ['{"\\\\":1,"\\"":2}', ['"'], '{"\\\\":1,"\\"":"redacted"}'],
  ['{"größe":1}', ['größe'], '{"größe":"redacted"}'],
  ['{"a":1,"a":2}', ['a'], '{"a":"redacted","a":"redacted"}'],
  ['{"__proto__":1}', ['__proto__'], '{"__proto__":"redacted"}'],
  ['{"constructor":1}', ['toString'], '{"constructor":1}'],
  ['{"a":null,"b":[]}', ['a', 'b'], '{"a":"redacted","b":"redacted"}'],
  // Untouched parts stay byte for byte: digits, exponents, spaces, escapes.
  [
    '{ "id" : 12345678901234567890.10e+5 ,\n\t"e":"x", "s":"\\u00e9\\/" }',
    ['e'],
    '{ "id" : 12345678901234567890.10e+5 ,\n\t"e":"redacted", "s":"\\u00e9\\/" }',
  ],
  ['\ufeff{"a":1}', ['a'], '\ufeff{"a":"redacted"}'],
  ['"text"', ['a'], '"text"'],
  ['', ['a'], undefined],
  ['{"a":1', ['a'], undefined],
  ['{"a":1}}', ['a'], undefined],
  ['{"a":1} {"a":2}', ['a'], undefined],
  ["{'a':1}", ['a'], undefined],
  ['{"a":01}', ['a'], undefined],
  ['{"a":"\n"}', ['a'], undefined],
  ['{"a":NaN}', ['a'], undefined],
  ['a=1&b=2', ['a'], undefined],
];

for (const [text, paths, expected] of CASES) {
  test(`${JSON.stringify(text)} without ${paths.join(', ')}`, () => equal(redact(text, paths), expected));
}

test('text without the field is handed back as it is', () => {
  const text = Buffer.from('{"a":1}');
  equal(redactJson(text, compileJsonFields(['b'])), text);
});

test('a sequence of values is redacted value by value', () => {
  equal(redact('{"a":1}\n{"a":2}\n', ['a'], true), '{"a":"redacted"}\n{"a":"redacted"}\n');
  equal(redact('\x1e{"a":1}\n\x1e{"a":2}\n', ['a'], true), '\x1e{"a":"redacted"}\n\x1e{"a":"redacted"}\n');
  equal(redact('{"a":1}\nx', ['a'], true), undefined);
});

function nested(depth: number): string {
  return '['.repeat(depth) + ']'.repeat(depth);
}

test('nesting past the limit counts as not readable', () => {
  equal(redact(nested(JSON_DEPTH_MAX), ['a']), nested(JSON_DEPTH_MAX));
  equal(redact(nested(JSON_DEPTH_MAX + 1), ['a']), undefined);
  equal(redact('['.repeat(1_000_000), ['a']), undefined);
});

type Path = readonly string[];

/** The same on parsed values: what the scanner is compared with. */
function redactValue(value: unknown, paths: readonly Path[]): unknown {
  if (paths.some((path) => path.length === 0)) return 'redacted';
  if (typeof value !== 'object' || value === null) return value;
  const under = (key: string): Path[] =>
    paths.filter(([name]) => name === key || name === '*').map((path) => path.slice(1));
  if (Array.isArray(value)) return value.map((item, index) => redactValue(item, under(String(index))));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redactValue(item, under(key))]));
}

// Without backslashes: having read `{"a":1,"\\":2}`, the JSON.parse of V8 14.6 takes the key `"\""` of another object for
// the same one.
const name = fc
  .oneof(fc.constantFrom('a', 'b', 'c', '0', '1', '"', 'é', '\n'), fc.string({ maxLength: 3 }))
  .filter((key) => !key.includes('\\'));
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom(null, true, false, 0, -1.5, 1e300, '', 'text "quoted" \\', 'é\u2028', 12345678901234),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(name, tie('value'), { maxKeys: 4 }),
  ),
})).value;
const segment = fc.oneof(fc.constantFrom('a', 'b', 'c', '0', '1', '*', 'é', '"'));
const paths = fc.array(fc.array(segment, { minLength: 1, maxLength: 3 }), { maxLength: 4 });

test('equals redaction of the parsed value, whatever the white space', () => {
  fc.assert(
    fc.property(json, paths, fc.constantFrom(undefined, 1, '\t', '\r\n '), (value, fields, indent) => {
      const text = JSON.stringify(value, undefined, indent);
      const redacted = redact(
        text,
        fields.map((path) => path.join('.')),
      );
      deepEqual(JSON.parse(redacted ?? ''), redactValue(JSON.parse(text), fields));
    }),
    { seed: SEED, numRuns: 2_000 },
  );
});

test('accepts exactly what JSON.parse accepts', () => {
  const alphabet = [...'{}[]:,"\\ue0123456789.+-Etrufalsn \t\nb/'];
  const noise = fc.array(fc.constantFrom(...alphabet), { maxLength: 12 }).map((chars) => chars.join(''));
  const damaged = fc.tuple(json, fc.nat(), fc.nat({ max: 3 }), noise).map(([value, at, cut, insert]) => {
    const text = JSON.stringify(value);
    const from = at % (text.length + 1);
    return text.slice(0, from) + insert + text.slice(from + cut);
  });
  fc.assert(
    fc.property(fc.oneof(noise, damaged), (text) => {
      equal(redact(text, ['zz']) !== undefined, parses(text), text);
    }),
    { seed: SEED, numRuns: 10_000 },
  );
});

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
