import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collectingContext, contentOf } from '../format-fixture.ts';
import { compareMarkup } from './markup.ts';
import type { CollectingOptions } from '../format-fixture.ts';

function differences(primary: string, other: string, type = 'text/html', options?: CollectingOptions) {
  const { context, found } = collectingContext(options);
  const faults = compareMarkup(contentOf(primary, type), contentOf(other, type), 'body', context);
  return faults ?? found.map(({ kind, path, risk }) => `${kind} ${path} ${risk}`);
}

const sameHtml: readonly (readonly [fact: string, primary: string, other: string])[] = [
  ['indentation', '<ul>\n  <li> a\n b </li>\n</ul>', '<ul><li>a b</li></ul>'],
  ['comments', '<p>a<!-- x -->b</p><!-- y -->', '<p>ab</p>'],
  ['the order of attributes', '<a href=x title="y">z</a>', "<a title='y' href='x'>z</a>"],
  ['the order of classes', '<p class="a  b">x</p>', '<p class="b a">x</p>'],
  ['names in another case', '<P CLASS=a>x</P>', '<p class=a>x</p>'],
  ['closing tags that may be left out', '<ul><li>a<li>b</ul>', '<ul><li>a</li><li>b</li></ul>'],
  ['ways to write characters', '<p title="&quot;&#xe9;">&eacute;&lt;</p>', "<p title='\"é'>é&lt;</p>"],
  ['void elements', '<p>a<br>b<img src=x /></p>', '<p>a<br/>b<img src=x></p>'],
  ['doctypes', '<!DOCTYPE html><p>a', '<!doctype  HTML><p>a'],
  ['nonces', '<script nonce=abc>x</script>', '<script nonce=def>x</script>'],
  [
    'volatile values',
    '<input name=csrf value=pX7vQ2mK9sT4wR8yB1nC6dF3><p>at 2026-11-22T19:50:21Z</p>',
    '<input name=csrf value=Zt5hJ0aL2gE7uI9oN4kM8xV1><p>at 2026-11-22T19:50:29Z</p>',
  ],
  ['line ends within pre', '<pre>a\r\n b</pre>', '<pre>a\n b</pre>'],
];
for (const [fact, primary, other] of sameHtml) {
  test(`HTML: no difference in ${fact}`, () => {
    assert.deepEqual(differences(primary, other), []);
    assert.deepEqual(differences(other, primary), []);
  });
}

const unlikeHtml: readonly (readonly [primary: string, other: string, expected: readonly string[]])[] = [
  [
    '<html><body><table><tr><td>1<td>2<tr><td>3</table>',
    '<html><body><table><tr><td>1<td>2<tr><td>4</table>',
    ['value body.html.body.table.tr[].td.#text medium'],
  ],
  ['<p>a</p>', '<p>b</p>', ['value body.p.#text medium']],
  ['<p>a</p>', '<p></p>', ['missing body.p.#text medium']],
  ['<p></p>', '<p>a</p>', ['added body.p.#text low']],
  ['<p>a</p>', '', ['missing body.p high']],
  ['<p>a</p>', '<div>a</div>', ['missing body.p high', 'added body.div low']],
  ['<a href=/x>y</a>', '<a href=/z>y</a>', ['value body.a.@href medium']],
  ['<a href=/x>y</a>', '<a>y</a>', ['missing body.a.@href medium']],
  ['<a>y</a>', '<a href=/x>y</a>', ['added body.a.@href low']],
  ['<a constructor=x>y</a>', '<a>y</a>', ['missing body.a.@constructor medium']],
  ['<p class="a b">x', '<p class="a c">x', ['value body.p.@class medium']],
  ['<li>a<li>b<li>c', '<li>a<li>c', ['length body.li medium']],
  ['<li>b<li>c', '<li>a<li>b<li>x', ['length body.li medium', 'value body.li[].#text medium']],
  ['<h1>a</h1><p>b</p>', '<p>b</p><h1>a</h1>', ['order body medium']],
  ['<ul><li>a<li>b<li>c</ul>', '<ul><li>c<li>a<li>b</ul>', ['order body.ul.li medium']],
  ['<pre>a\n b</pre>', '<pre>a\n  b</pre>', ['value body.pre.#text:text/plain medium']],
  ['<script>a( )</script>', '<script>a()</script>', ['value body.script.#text:text/plain medium']],
  [
    '<script type="application/ld+json">{"a":1}</script>',
    '<script type="application/ld+json">{"a":2}</script>',
    ['value body.script.#text:application/json medium'],
  ],
  ['<!doctype html><p>a', '<p>a', ['missing body.#doctype medium']],
  ['just text', 'other text', ['value body.#text medium']],
  ['<p>a', '<p>a<b', []],
];
for (const [primary, other, expected] of unlikeHtml) {
  test(`HTML: ${primary} ↔ ${other}`, () => assert.deepEqual(differences(primary, other), expected));
}

const xml = 'application/xml';
const xmlCases: readonly (readonly [primary: string, other: string, expected: readonly string[]])[] = [
  ['<a>\n <b/>\n</a>', '<a><b></b></a>', []],
  ['<?xml version="1.0"?><a/>', '<a/>', []],
  ['<a>x</a>', '<a> x</a>', ['value body.a.#text medium']],
  ['<a><![CDATA[<x>]]></a>', '<a>&lt;x&gt;</a>', []],
  ['<a>1</a>', '<A>1</A>', ['missing body.a high', 'added body.A low']],
  ['<s:a s:b="1"/>', '<s:a s:b="2"/>', ['value body.s:a.@s:b medium']],
  ['<a b="1"/>', '<a/>', ['missing body.a.@b high']],
];
for (const [primary, other, expected] of xmlCases) {
  test(`XML: ${primary} ↔ ${other}`, () => assert.deepEqual(differences(primary, other, xml), expected));
}

for (const [fact, text, fault] of [
  ['not closed', '<a><b></b>', 'malformed'],
  ['closed in the wrong order', '<a><b></a></b>', 'malformed'],
  ['no XML', '{"a":1}', 'malformed'],
  ['empty', '', 'malformed'],
  ['cut off', '<a><b c="', 'malformed'],
  ['too deep', '<a>'.repeat(200), 'too_deep'],
] as const) {
  test(`XML that is ${fact} is ${fault}`, () =>
    assert.deepEqual(differences('<a/>', text, 'image/svg+xml'), { primary: undefined, other: fault }));
}

test('too many elements, attributes and texts are a fault', () => {
  const limits = { values: 5 };
  const fault = { primary: 'too_many_values', other: undefined };
  for (const text of ['<a></a>'.repeat(6), '<a b c d e f></a>', '<a>1</a>'.repeat(3)])
    assert.deepEqual(differences(text, '<a>', 'text/html', { limits }), fault);
});

test('elements are matched by an attribute, or as a set, when that is asked for', () => {
  const primary = '<ul><li id=a>1<li id=b>2</ul>';
  const other = '<ul><li id=b>3<li id=a>1</ul>';
  assert.deepEqual(differences(primary, other, 'text/html', { keys: { 'body.ul.li': '@id' } }), [
    'value body.ul.li[].#text medium',
  ]);
  const moved = '<ul><li id=b>2<li id=a>1</ul>';
  assert.deepEqual(differences(primary, moved, 'text/html', { unordered: ['body.ul.li'] }), []);
});

const row = (second: number, name: string) => `<tr><td>2026-11-22T19:50:${second}Z</td><td>${name}</td></tr>`;

test('rows with times in them are aligned where one is new', () => {
  const primary = `<table>${row(10, 'a')}${row(11, 'b')}${row(12, 'c')}</table>`;
  const other = `<table>${row(20, 'new')}${row(21, 'a')}${row(22, 'b')}${row(23, 'c')}</table>`;
  assert.deepEqual(differences(primary, other), ['length body.table.tr medium']);
});
