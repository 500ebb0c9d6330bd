import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { exampleAnswer, exampleExchange } from '../../test/fixtures/verdict.ts';
import type { RecordedAnswer } from './recording.ts';
import { exchangeJson } from './recorded-json.ts';

const utf8 = (data: string) => ({ encoding: 'utf8', data });
const base64 = (data: string) => ({ encoding: 'base64', data });
const coded = (coding: string): Partial<RecordedAnswer> => ({ headers: [['Content-Encoding', coding]] });

const cases: readonly (readonly [what: string, answer: RecordedAnswer, body: object])[] = [
  ['text is text', exampleAnswer('grüß'), utf8('grüß')],
  ['nothing is text', exampleAnswer(''), utf8('')],
  ['a byte order mark stays', exampleAnswer('\uFEFFx'), utf8('\uFEFFx')],
  ['other bytes are base64', exampleAnswer(Uint8Array.of(0xff, 0x00)), base64('/wA=')],
  ['a part of a larger buffer', exampleAnswer(Uint8Array.of(9, 0xff, 9).subarray(1, 2)), base64('/w==')],
  ['what is in a coding is base64', exampleAnswer('abc', coded('gzip')), base64('YWJj')],
  ['identity is no coding', exampleAnswer('abc', coded('Identity ')), utf8('abc')],
  ['half a character is base64', exampleAnswer(Buffer.from('aü').subarray(0, 2)), base64('YcM=')],
  [
    'half a character where the body was cut is left out',
    exampleAnswer(Buffer.from('aü').subarray(0, 2), { bodyBytes: 100 }),
    utf8('a'),
  ],
];
for (const [what, answer, body] of cases) {
  test(what, () => deepEqual(exchangeJson(exampleExchange({ primary: answer })).primary.body, body));
}
