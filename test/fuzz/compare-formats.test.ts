import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { collectingContext, contentOf, answerOf } from '../../src/compare/format-fixture.ts';
import { compareEventStream } from '../../src/compare/formats/event-stream.ts';
import { compareForm } from '../../src/compare/formats/form.ts';
import { compareMarkup } from '../../src/compare/formats/markup.ts';
import { compareMultipart } from '../../src/compare/formats/multipart.ts';
import { compareNdjson } from '../../src/compare/formats/ndjson.ts';
import { compareOctets } from '../../src/compare/formats/octets.ts';
import { compareText } from '../../src/compare/formats/text.ts';
import { compareHeaders } from '../../src/compare/headers.ts';
import { pathSteps } from '../../src/compare/path.ts';
import { sequenceDiff } from '../../src/compare/sequence-diff.ts';
import { alike, recognise } from '../../src/compare/volatile/alike.ts';
import type { CompareFormat, Content } from '../../src/compare/format.ts';

/** UNDERSTUDY_FUZZ_SEED and UNDERSTUDY_FUZZ_MS look elsewhere and longer. */
const SEED = Number(process.env['UNDERSTUDY_FUZZ_SEED'] ?? 9110);
const TOTAL_MS = Number(process.env['UNDERSTUDY_FUZZ_MS'] ?? 3_000);
const PROPERTIES = 13;

/** Runs as often as there is time for. */
function holds<Values>(values: fc.Arbitrary<Values>, property: (values: Values) => void): void {
  fc.assert(fc.property(values, property), {
    seed: SEED,
    numRuns: 100_000,
    interruptAfterTimeLimit: TOTAL_MS / PROPERTIES,
    markInterruptAsFailure: false,
  });
}

const FORMATS: readonly (readonly [contentType: string, format: CompareFormat])[] = [
  ['application/x-ndjson', compareNdjson],
  ['application/json-seq', compareNdjson],
  ['text/event-stream', compareEventStream],
  ['application/x-www-form-urlencoded', compareForm],
  ['multipart/form-data; boundary=b', compareMultipart],
  ['multipart/mixed; boundary=b', compareMultipart],
  ['text/html', compareMarkup],
  ['application/xml', compareMarkup],
  ['text/plain', compareText],
  ['image/png', compareOctets],
];

const LIMITS = { values: 200, depth: 20 };

function compared(format: CompareFormat, primary: Content, other: Content) {
  const { context, found } = collectingContext({
    limits: LIMITS,
    nested: (one, two, path) => {
      if (!one.bytes.equals(two.bytes)) context.sink.add('value', path, 'medium', one.text(), two.text());
    },
  });
  return { faults: format(primary, other, 'body', context), found };
}

/** Bodies with what the formats look for in them, whole, cut and wrong. */
const pieces = fc.constantFrom(
  'a',
  'b',
  ' ',
  '\n',
  '\r\n',
  '\r',
  '\t',
  '=',
  '&',
  '%41',
  '%',
  '+',
  '"',
  "'",
  ':',
  ';',
  '\u001E',
  '{"a":1}',
  '[',
  '1',
  'data: x\n\n',
  'id:1\n',
  'event:e\n',
  'retry: 5\n',
  '\uFEFF',
  '\0',
  'é',
  '😀',
  '--b',
  '--b--',
  '\r\n--b\r\n',
  '\r\n\r\n',
  'Content-Disposition: form-data; name="f"\r\n\r\n',
  '<p>',
  '</p>',
  '<a x="1" y>',
  '<a/>',
  '<!--',
  '-->',
  '<pre>',
  '</pre>',
  '<script>',
  '</script>',
  '<![CDATA[',
  ']]>',
  '<?x?>',
  '<!doctype html>',
  '&amp;',
  '&#x41;',
  '<svg>',
  '</svg>',
  '<li>',
  '<',
  '>',
  '2026-11-22T19:50:21Z',
  '1795377021',
  '3f2a8c1e-9b4d-4e6f-8a1b-2c3d4e5f6071',
  '12ms',
  'eyJhbGciOi.e30.x',
);
const texts = fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join(''));
const bodies = fc.oneof(
  { weight: 4, arbitrary: texts.map((text) => Buffer.from(text)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
);
const format = fc.constantFrom(...FORMATS);

test('no body makes a format throw, and what is found has a path that can be read', () => {
  holds(fc.tuple(format, bodies, bodies), ([[type, compare], primary, other]) => {
    const { faults, found } = compared(compare, contentOf(primary, type), contentOf(other, type));
    if (faults !== undefined) assert.deepEqual(found, []);
    for (const { path } of found) assert.notEqual(pathSteps(path), undefined, path);
  });
});

test('a body does not differ from itself, and its fault is that of the other side', () => {
  holds(fc.tuple(format, bodies), ([[type, compare], body]) => {
    const { faults, found } = compared(compare, contentOf(body, type), contentOf(body, type));
    assert.deepEqual(found, []);
    assert.equal(faults?.primary, faults?.other);
  });
});

test('a body that is cut differs, or is a fault of its side, and never throws', () => {
  holds(fc.tuple(format, bodies, fc.nat(200)), ([[type, compare], body, length]) => {
    const whole = contentOf(body, type);
    compared(compare, whole, contentOf(body.subarray(0, length), type));
    compared(compare, contentOf(body.subarray(Math.min(length, body.length)), type), whole);
  });
});

test('what differs one way differs the other way', () => {
  holds(fc.tuple(format, bodies, bodies), ([[type, compare], primary, other]) => {
    const there = compared(compare, contentOf(primary, type), contentOf(other, type));
    const back = compared(compare, contentOf(other, type), contentOf(primary, type));
    assert.equal(there.found.length > 0, back.found.length > 0);
    assert.equal(there.faults?.primary, back.faults?.other);
  });
});

const elements = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 40 });

test('the hunks of a diff make the other sequence of the primary one', () => {
  holds(fc.tuple(elements, elements, fc.constantFrom(0, 20, undefined)), ([primary, other, limit]) => {
    const made: number[] = [];
    let at = 0;
    let otherAt = 0;
    for (const hunk of sequenceDiff(primary, other, limit)) {
      const kept = primary.slice(at, hunk.primaryStart);
      assert.deepEqual(kept, other.slice(otherAt, hunk.otherStart));
      made.push(...kept, ...other.slice(hunk.otherStart, hunk.otherEnd));
      at = hunk.primaryEnd;
      otherAt = hunk.otherEnd;
    }
    assert.deepEqual([...made, ...primary.slice(at)], other);
  });
});

const lines = fc.array(fc.constantFrom('a', 'b', 'c {', '}', '', 'é'), { maxLength: 20 });

function linesContent(parts: readonly string[], end: string): Content {
  return contentOf(parts.map((line) => line + end).join(''), 'text/plain');
}

test('texts of different lines differ, and of the same lines in line ends only', () => {
  holds(fc.tuple(lines, lines), ([primary, other]) => {
    const { found } = compared(compareText, linesContent(primary, '\n'), linesContent(other, '\n'));
    assert.equal(
      found.length > 0,
      primary.join('\n') !== other.join('\n') || primary.length !== other.length,
    );
    const ends = compared(compareText, linesContent(primary, '\n'), linesContent(primary, '\r\n'));
    assert.deepEqual(
      ends.found.map(({ risk }) => risk),
      primary.length === 0 ? [] : ['low'],
    );
  });
});

const words = fc.string({
  unit: fc.constantFrom('a', 'B', ' ', '&', '=', '<', '"', 'é', '\n', '%'),
  maxLength: 12,
});
const names = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd', 'é'), minLength: 1, maxLength: 4 });
const fields = fc.dictionary(names, words, { maxKeys: 8 });

function escaped(text: string): string {
  return [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
}

test('forms written in another way do not differ, and those with another value do', () => {
  holds(fields, (form) => {
    const entries = Object.entries(form);
    const usual = new URLSearchParams(entries).toString();
    const other = entries.toReversed().map(([name, value]) => `${escaped(name)}=${escaped(value)}`);
    assert.deepEqual(compared(compareForm, contentOf(usual), contentOf(other.join('&'))).found, []);
    const [first] = entries;
    if (first === undefined) return;
    const changed = new URLSearchParams({ ...form, [first[0]]: `${first[1]}x` }).toString();
    assert.equal(compared(compareForm, contentOf(usual), contentOf(changed)).found.length, 1);
  });
});

test('event streams with other line ends and comments do not differ', () => {
  const events = fc.array(fc.tuple(names, words), { maxLength: 6 });
  holds(fc.tuple(events, fc.constantFrom('\n', '\r\n', '\r')), ([list, end]) => {
    const stream = (lineEnd: string, comment: string) =>
      list
        .map(([name, data]) => {
          const parts = data.split('\n').map((line) => `data: ${line}${lineEnd}`);
          return `${comment}event: ${name}${lineEnd}${parts.join('')}${lineEnd}`;
        })
        .join('');
    const primary = contentOf(stream('\n', ''));
    const { faults, found } = compared(compareEventStream, primary, contentOf(stream(end, `: ping${end}`)));
    assert.deepEqual([faults, found], [undefined, []]);
  });
});

function multipartForm(values: Readonly<Record<string, string>>, boundary: string): Content {
  const parts = Object.entries(values).map(
    ([name, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  return contentOf(`${parts.join('')}--${boundary}--`, `multipart/form-data; boundary=${boundary}`);
}

test('multipart bodies with another boundary do not differ, and those with another part do', () => {
  holds(fields, (form) => {
    const [first] = Object.entries(form);
    if (first === undefined) return;
    const { faults, found } = compared(
      compareMultipart,
      multipartForm(form, 'one'),
      multipartForm(form, 'two'),
    );
    assert.deepEqual([faults, found], [undefined, []]);
    const changed = multipartForm({ ...form, [first[0]]: `${first[1]}x` }, 'two');
    assert.equal(compared(compareMultipart, multipartForm(form, 'one'), changed).found.length, 1);
  });
});

interface Tree {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly (Tree | string)[];
}
const { tree } = fc.letrec<{ tree: Tree; node: Tree | string }>((tie) => ({
  tree: fc.record({
    name: fc.constantFrom('div', 'span', 'b', 'section'),
    attributes: fc.dictionary(fc.constantFrom('id', 'title', 'constructor', 'x:y'), words, { maxKeys: 3 }),
    children: fc.array(tie('node'), { maxLength: 4 }),
  }),
  node: fc.oneof({ maxDepth: 4 }, words, tie('tree')),
}));

const entities = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
const references = (text: string) => text.replace(/[&<"é]/g, (found) => `&#${found.charCodeAt(0)};`);

/** Markup in one of two ways: attributes backwards, other escapes, comments and spaces between elements. */
function written(node: Tree, otherWay: boolean): string {
  const escape = otherWay ? references : entities;
  const attributes = Object.entries(node.attributes).map(([name, value]) => ` ${name}="${escape(value)}"`);
  const children = node.children.map((child) => {
    if (typeof child === 'string') return escape(child);
    return otherWay ? `\n <!-- c -->${written(child, true)}` : written(child, false);
  });
  const text = (otherWay ? attributes.toReversed() : attributes).join('');
  return `<${node.name}${text}>${children.join('')}</${node.name}>`;
}

test('HTML written in another way does not differ', () => {
  holds(tree, (root) => {
    const { faults, found } = compared(
      compareMarkup,
      contentOf(written(root, false), 'text/html'),
      contentOf(written(root, true), 'text/html'),
    );
    if (faults === undefined) assert.deepEqual(found, []);
  });
});

function html(node: Tree): Content {
  return contentOf(written(node, false), 'text/html');
}

test('HTML with another attribute differs in just that', () => {
  holds(tree, (root) => {
    const changed = { ...root, attributes: { ...root.attributes, id: `${root.attributes['id'] ?? ''}x` } };
    const { faults, found } = compared(compareMarkup, html(root), html(changed));
    if (faults === undefined)
      assert.deepEqual(
        found.map(({ path }) => path),
        [`body.${root.name}.@id`],
      );
  });
});

test('any two texts are alike both ways or not at all, and every text is like itself', () => {
  holds(fc.tuple(texts, texts), ([primary, other]) => {
    assert.equal(alike(primary, other), alike(other, primary));
    assert.equal(alike(primary, primary), true);
    recognise(primary);
  });
});

test('headers in another order do not differ, whatever they are', () => {
  const name = fc.constantFrom(
    'Vary',
    'Set-Cookie',
    'X-A',
    'Content-Type',
    'Date',
    'ETag',
    'Connection',
    'Link',
  );
  const value = fc.string({
    unit: fc.constantFrom('a', ',', ';', '=', '"', '\\', ' ', 'W/', "'"),
    maxLength: 12,
  });
  const headers = fc.array(fc.tuple(name, value), { maxLength: 8 });
  holds(fc.tuple(headers, headers), ([primary, other]) => {
    const { context, found } = collectingContext();
    const single = [...new Map(primary.map((field) => [field[0], field])).values()];
    compareHeaders(answerOf(single), answerOf(single.toReversed()), context, { volatile: 'value' });
    assert.deepEqual(found, []);
    compareHeaders(answerOf(primary), answerOf(other), context, { volatile: 'presence' });
  });
});
