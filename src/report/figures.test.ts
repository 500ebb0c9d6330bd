import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync, brotliCompressSync, deflateRawSync, deflateSync, zstdCompressSync } from 'node:zlib';
import { exampleAnswer } from '../../test/fixtures/verdict.ts';
import { answerLines } from './answer-text.ts';
import { columnsOf, cutTo, fitted, pieces, wrapped } from './columns.ts';
import { countText, evidenceText, microsText, shareText, spanText, timeText } from './figures.ts';
import { jsonLines } from './json-lines.ts';
import { printable, shortened } from './printable.ts';
import { worstState } from './report-input.ts';
import { ALIGNED_LINES, alignLines, markChange } from './side-by-side.ts';

test('figures never show an exponent, NaN or half a unit', () => {
  deepEqual([0, 1, 0.5, 0.001, 0.000_012_34, 1e-9, NaN].map(shareText), [
    '0 %',
    '100 %',
    '50 %',
    '0.1 %',
    '0.00123 %',
    '< 0.0001 %',
    '?',
  ]);
  deepEqual([0.4, 20, 12_345, Infinity, NaN].map(evidenceText), ['0.4', '20', '1.2e+4', '> 1e+308', '?']);
  deepEqual([undefined, 0, 850, 12_345, 3_000_000].map(microsText), [
    '–',
    '0 µs',
    '850 µs',
    '12.3 ms',
    '3 s',
  ]);
  equal(countText(1_234_567), '1,234,567');
  equal(timeText(NaN), '–');
  equal(spanText(0, 61_400), '1m1s');
  equal(spanText(5, 0), '0s');
});

test('the worst state counts, and none at all is undecided', () => {
  equal(worstState(['pass', 'fail', 'undecided']), 'fail');
  equal(worstState(['pass', 'undecided']), 'undecided');
  equal(worstState(['pass']), 'pass');
  equal(worstState([]), 'undecided');
});

const widths: readonly (readonly [text: string, columns: number])[] = [
  ['abc', 3],
  ['漢字', 4],
  ['é', 1],
  ['👍', 2],
  ['🇩🇪', 2],
  ['ｆ', 2],
  ['한', 2],
  ['│…', 2],
];
for (const [text, columns] of widths) {
  test(`${text} takes ${columns} columns`, () => equal(columnsOf(text), columns));
}

test('text is cut, filled and broken at its width', () => {
  equal(cutTo('漢字漢字', 5), '漢字…');
  equal(fitted('漢', 4), '漢  ');
  equal(fitted('7', 3, 'right'), '  7');
  deepEqual(wrapped('one two three', 7), ['one two', 'three']);
  deepEqual(wrapped('abcdefgh x', 3), ['abc', 'def', 'gh', 'x']);
  deepEqual(pieces('漢字a', 2), ['漢', '字', 'a']);
  equal(printable('a\u0000\u202E\n'), String.raw`a\x00\u{202e}\n`);
  equal(shortened('ab😀cd', 4), 'ab…');
});

test('what changed is marked in whole characters', () => {
  deepEqual(markChange('1234.50', '1243.50'), [
    { before: '12', changed: '34', after: '.50' },
    { before: '12', changed: '43', after: '.50' },
  ]);
  deepEqual(markChange('aa', 'aaa')[1], { before: 'aa', changed: 'a', after: '' });
  deepEqual(markChange('😀', '😁')[0], { before: '', changed: '😀', after: '' });
});

test('lines are laid side by side, and equal ones far from a change are left out', () => {
  const many = Array.from({ length: 10 }, (_, at) => `line ${at}`);
  deepEqual(alignLines(['a', ...many, 'x', 'z'], ['a', ...many, 'y']), [
    { kind: 'gap', lines: 9 },
    { kind: 'same', text: 'line 8' },
    { kind: 'same', text: 'line 9' },
    { kind: 'changed', left: 'x', right: 'y' },
    { kind: 'left', text: 'z' },
  ]);
  const one = ['x', 'a', 'b', 'c', 'd', 'e', 'y'];
  deepEqual(
    alignLines(one, one.with(0, '0').with(6, '6')).map(({ kind }) => kind),
    ['changed', 'same', 'same', 'same', 'same', 'same', 'changed'],
    'one line is shown, as it takes no more room than a gap',
  );
  deepEqual(alignLines(['a'], ['b', 'a']), [
    { kind: 'right', text: 'b' },
    { kind: 'same', text: 'a' },
  ]);
  const long = Array.from({ length: 5000 }, (_, at) => String(at));
  equal(alignLines(long, []).length, ALIGNED_LINES);
});

test('JSON gets a line for each value, with numbers as they were written', () => {
  deepEqual(jsonLines('{"a":[1.0,12345678901234567890],"b":"x{\\"},y"}', 99), [
    '{',
    '  "a": [',
    '    1.0,',
    '    12345678901234567890',
    '  ],',
    '  "b": "x{\\"},y"',
    '}',
  ]);
  deepEqual(jsonLines('{"cut":"in the mid', 99), ['{', '  "cut": "in the mid']);
  equal(jsonLines('['.repeat(100_000), 50).length, 50);
});

const body = '{"n":1}'.padEnd(3000, ' ');
const codings = {
  gzip: gzipSync(body),
  br: brotliCompressSync(body),
  zstd: zstdCompressSync(body),
  deflate: deflateSync(body),
  Deflate: deflateRawSync(body),
};
for (const [coding, bytes] of Object.entries(codings)) {
  test(`an answer in ${coding} is shown decoded`, () => {
    deepEqual(answerLines(exampleAnswer(bytes, { headers: [['Content-Encoding', coding]] })), [
      'status: 200',
      `content-encoding: ${coding}`,
      '',
      '{',
      '  "n": 1',
      '}',
    ]);
  });
}

test('a body that is a bomb, broken, cut or no text says so', () => {
  const headers = [['content-encoding', 'gzip']] as const;
  const bomb = gzipSync(Buffer.alloc(10_000_000));
  deepEqual(answerLines(exampleAnswer(bomb, { headers })).slice(3), [
    `(${countText(bomb.length)} bytes whose coding cannot be undone)`,
  ]);
  deepEqual(answerLines(exampleAnswer('no gzip', { headers })).slice(3), [
    '(7 bytes whose coding cannot be undone)',
  ]);
  deepEqual(answerLines(exampleAnswer('ab', { bodyBytes: 5, headers: [] })).slice(2), [
    '(the first 2 of 5 bytes are kept)',
    'ab',
  ]);
  deepEqual(answerLines(exampleAnswer(Uint8Array.of(0xff, 0xd8, 0), { headers: [] })).slice(2), [
    '(3 bytes that are no text)',
    'ff d8 00',
  ]);
  const cut = gzipSync('{"a":1}'.repeat(1000)).subarray(0, 40);
  deepEqual(answerLines(exampleAnswer(cut, { headers, bodyBytes: 90 })).slice(3, 5), [
    '(the first 40 of 90 bytes are kept)',
    '{',
  ]);
});
