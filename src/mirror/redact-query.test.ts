import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { redactQuery } from './redact-query.ts';

const names = new Set(['email', 'api key', 'größe']);

const CASES = [
  ['email=a@b.c', 'email=redacted'],
  ['a=1&email=a@b.c&b=2', 'a=1&email=redacted&b=2'],
  ['email=1&email=2', 'email=redacted&email=redacted'],
  ['%65mail=x', '%65mail=redacted'],
  ['%65MAIL=x', '%65MAIL=x'],
  ['api+key=x&api%20key=y', 'api+key=redacted&api%20key=redacted'],
  ['gr%C3%B6%C3%9Fe=9', 'gr%C3%B6%C3%9Fe=redacted'],
  ['a=1;email=x;b', 'a=1;email=redacted;b'],
  ['email', 'email'],
  ['email=', 'email=redacted'],
  ['email==x', 'email=redacted'],
  ['emails=1', 'emails=1'],
  ['a=email=x', 'a=email=x'],
  ['%zz=1&%=2&email=%zz', '%zz=1&%=2&email=redacted'],
  ['&&a&', '&&a&'],
  ['', ''],
] as const;

for (const [query, expected] of CASES) {
  test(`"${query}" becomes "${expected}"`, () => equal(redactQuery(query, names), expected));
}
