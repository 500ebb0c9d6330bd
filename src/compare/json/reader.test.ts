import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { JsonDocument } from './document.ts';
import { readJson } from './reader.ts';

const LIMITS = { depth: 128, values: 100_000 };
/** UNDERSTUDY_FUZZ_SEED looks elsewhere. */
const SEED = Number(process.env['UNDERSTUDY_FUZZ_SEED'] ?? 8259);

function fault(text: string, limits = LIMITS): string | undefined {
  return readJson(new JsonDocument(), Buffer.from(text), limits);
}

for (const [text, expected] of [
  ['\ufeff{"a":1}', undefined],
  [' [ 1 , { } , [ ] ] \r\n', undefined],
  ['', 'malformed'],
  ['  ', 'malformed'],
  ['{"a":1}}', 'malformed'],
  ['{"a":1} {"a":1}', 'malformed'],
  ['{a:1}', 'malformed'],
  ['{"a":1,}', 'malformed'],
  ['[1,]', 'malformed'],
  ['[,1]', 'malformed'],
  ['[1}', 'malformed'],
  ['{"a"}', 'malformed'],
  ['"a\nb"', 'malformed'],
  ['"\\x"', 'malformed'],
  ['"\\u12g4"', 'malformed'],
  ['"a', 'malformed'],
  ['"a\\"', 'malformed'],
  ['01', 'malformed'],
  ['1.', 'malformed'],
  ['.5', 'malformed'],
  ['+1', 'malformed'],
  ['1e', 'malformed'],
  ['-', 'malformed'],
  ['NaN', 'malformed'],
  ['nul', 'malformed'],
  ['truee', 'malformed'],
] as const) {
  test(`${JSON.stringify(text)} is ${expected ?? 'JSON'}`, () => equal(fault(text), expected));
}

test('nesting is counted, and deep nesting costs no more than its length', () => {
  equal(fault('['.repeat(128) + ']'.repeat(128)), undefined);
  equal(fault('['.repeat(129) + ']'.repeat(129)), 'too_deep');
  equal(fault('{"a":'.repeat(1_000_000)), 'too_deep');
});

test('values are counted without keys', () => {
  equal(fault('{"a":[1,2]}', { depth: 9, values: 4 }), undefined);
  equal(fault('{"a":[1,2]}', { depth: 9, values: 3 }), 'too_many_values');
});

test('accepts exactly what JSON.parse accepts, and finds every value where it is', () => {
  const alphabet = [...'{}[]:,"\\ue0123456789.+-Etrufalsn \t\nb/'];
  const noise = fc.array(fc.constantFrom(...alphabet), { maxLength: 12 }).map((chars) => chars.join(''));
  const damaged = fc.tuple(fc.json(), fc.nat(), fc.nat({ max: 3 }), noise).map(([text, at, cut, insert]) => {
    const from = at % (text.length + 1);
    return text.slice(0, from) + insert + text.slice(from + cut);
  });
  const document = new JsonDocument();
  fc.assert(
    fc.property(fc.oneof(noise, damaged, fc.json()), (text) => {
      const valid = parses(text);
      equal(readJson(document, Buffer.from(text), LIMITS) === undefined, valid, text);
      if (valid) equal(document.text(0), text.trim());
    }),
    { seed: SEED, numRuns: 5_000 },
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
