import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { Mask } from './mask.ts';

const redaction = (jsonFields: readonly string[]) => ({ headers: [], queryParams: [], jsonFields });
const NAMES = new Map([['card_number', new Set(['cardNumber', 'pan'])]]);

const CASES: readonly (readonly [fields: string, path: string, known: boolean, hidden: boolean])[] = [
  ['cardNumber', 'body.card_number', true, true],
  ['pan', 'body.card_number', true, true],
  ['card_number', 'body.card_number', true, true],
  ['cardNumber', 'body.card_number', false, false],
  ['cardNumber', 'body.card_numbers', true, false],
  ['user.cardNumber', 'body[].user.card_number', true, true],
  ['user.cardNumber', 'body.user', true, true],
  ['payload.email', 'body.payload.fields.email.string_value', true, true],
  ['payload.emails.*', 'body.payload.fields.emails.list_value.values[].string_value', true, true],
  ['payload.email', 'body.payload.fields.name.string_value', true, false],
  ['payload.email', 'body.payload.fields.email.string_value', false, false],
];

for (const [field, path, known, hidden] of CASES) {
  test(`${field} ${hidden ? 'hides' : 'does not hide'} ${path}${known ? '' : ' where no message is known'}`, () => {
    const mask = new Mask(redaction([field]), known ? (name) => NAMES.get(name) : undefined);
    equal(mask.hides(path, 'body'), hidden);
  });
}
