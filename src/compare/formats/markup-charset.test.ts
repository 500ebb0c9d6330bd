import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contentOf } from '../format-fixture.ts';
import { inOwnCharset } from './markup-charset.ts';

const latin1 = (text: string) => Buffer.from(text, 'latin1');

for (const [fact, bytes, contentType, text] of [
  ['an XML declaration', latin1('<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>'), 'text/xml', 'é'],
  ['a meta element', latin1('<html><head><META charset=windows-1252><p>é'), 'text/html', 'é'],
  [
    'an older meta element',
    latin1('<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-15"><p>\xa4'),
    'text/html',
    '€',
  ],
  ['UTF-8, whatever it names', Buffer.from('<meta charset=iso-8859-1>é'), 'text/html', 'é'],
] as const) {
  test(`reads by ${fact}`, () =>
    assert.ok(inOwnCharset(contentOf(bytes, contentType)).text()?.includes(text)));
}

for (const [fact, bytes, contentType] of [
  ['nothing is named', latin1('<p>é'), 'text/html'],
  ['no such charset is known', latin1('<meta charset=none-such>é'), 'text/html'],
  ['the media type names another', latin1('<meta charset=iso-8859-1>é'), 'text/html; charset=utf-8'],
  ['it is named too late', latin1(`${' '.repeat(2000)}<meta charset=iso-8859-1>é`), 'text/html'],
] as const) {
  test(`has no text where ${fact}`, () =>
    assert.equal(inOwnCharset(contentOf(bytes, contentType)).text(), undefined));
}
