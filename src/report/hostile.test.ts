import { deepEqual, doesNotMatch, equal, match, ok } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { array, assert, constantFrom, oneof, property, string } from 'fast-check';
import { Parser } from 'htmlparser2';
import {
  exampleAnswer,
  exampleExchange,
  exampleFinding,
  exampleMirrorVerdict,
  exampleReport,
  exampleRoute,
  exampleVerdict,
} from '../../test/fixtures/verdict.ts';
import { columnsOf } from './columns.ts';
import { htmlTextOf, codeOf, plainOf } from './markdown-text.ts';
import { MARKDOWN_CHARS } from './markdown.ts';
import type { ReportInput } from './report-input.ts';
import { renderReport } from './report.ts';

const TEXT = { columns: 80, colour: false };

/** A report in which everything that can come over the network is this text. */
function reportOf(text: string): ReportInput {
  const finding = exampleFinding({
    id: text,
    route: text,
    path: text,
    mirror: text,
    sample: { exchange: text, primary: text, other: `${text}${text}` },
  });
  const answer = exampleAnswer(text, { headers: [[text, text]] });
  const exchange = exampleExchange({
    id: text,
    route: text,
    request: { method: text, target: text, authority: text, headers: [[text, text]], bodyBytes: 0 },
    primary: exampleAnswer(`${text}x`),
    others: [{ name: text, role: 'mirror', answer, failure: undefined, differences: [] }],
  });
  const mirror = exampleMirrorVerdict({
    mirror: text,
    reasons: [text],
    noise: { source: 'control', text },
    findings: [finding],
    uncovered: [text],
    routes: [exampleRoute({ route: text, statuses: { [text]: 1 } })],
  });
  return exampleReport({
    verdicts: [exampleVerdict({ policy: text, mirrors: [mirror] })],
    examples: new Map([[finding.id, [exchange]]]),
  });
}

const HOSTILE: readonly string[] = [
  '\u001B[2J\u001B]0;owned\u0007',
  'a\r\nb\tc\u0000\u0085\u009B31m',
  '\u202Egnp.exe\u2066\u200B\uFEFF\uD800',
  '<img src=x onerror=alert(1)>',
  '</code></details><script>alert(1)</script>',
  '"><svg onload=alert(1)>',
  `' onmouseover='alert(1)`,
  '`` ` ``` ~~~ `',
  '| a | b \\| c |',
  '@everyone #1 !2 [x](javascript:alert(1)) ![x](http://evil.example/x.png) www.evil.example',
  ']]> <![CDATA[ &amp; &#0; <!-- -->',
  '\n\n# heading\n- list\n\n```\n',
  '\uFFFE\uFFFF',
  '漢字'.repeat(200),
  '👩‍💻🇩🇪é'.repeat(50),
  ' ',
  '',
];

const ALLOWED_TAGS = new Set(
  'html head meta title style body header main section h1 h2 h3 p span strong br ul li code div table caption thead tbody tr th td details summary del ins svg line rect text'.split(
    ' ',
  ),
);

/** Every element and attribute of a page. */
function elementsOf(
  page: string,
): readonly { readonly tag: string; readonly attributes: readonly string[] }[] {
  const found: { tag: string; attributes: string[] }[] = [];
  const parser = new Parser({
    onopentag: (tag, attributes) => found.push({ tag, attributes: Object.keys(attributes) }),
  });
  parser.end(page);
  return found;
}

function assertPage(page: string): void {
  for (const { tag, attributes } of elementsOf(page)) {
    ok(ALLOWED_TAGS.has(tag), `<${tag}>`);
    for (const name of attributes) ok(!/^on|^style$|^href$|^src$/.test(name), `${tag} ${name}`);
  }
}

/** Well-formed: tags in pairs, no character and no bare ampersand that XML forbids (a sieve, not a parser). */
function assertXml(text: string): void {
  doesNotMatch(text, /[^\P{Cc}\n]|\p{Cs}|\p{Noncharacter_Code_Point}/u);
  doesNotMatch(text, /&(?!(?:amp|lt|gt|quot|apos);)/);
  const open: string[] = [];
  const body = text.replace(/^<\?xml[^>]*\?>/, '');
  for (const [tag, close, name, , empty] of body.matchAll(
    /<(\/?)([a-z-]+)((?:\s+[a-z]+="[^"<]*")*)\s*(\/?)>|</g,
  )) {
    ok(name !== undefined, `a bare < in ${body.slice(0, 200)}`);
    if (close === '/') equal(open.pop(), name, tag);
    else if (empty !== '/') open.push(name ?? '');
  }
  deepEqual(open, []);
}

function assertText(text: string, columns: number): void {
  doesNotMatch(text, /[^\P{C}\n]/u);
  for (const line of text.split('\n')) ok(columnsOf(line) <= columns, line);
}

/** What stands outside of code may hold no raw HTML but ours. */
function assertMarkdown(text: string): void {
  ok(text.length <= MARKDOWN_CHARS);
  const rest = text
    .replaceAll(/^(`{3,})diff\n[\s\S]*?\n\1$/gm, '')
    .replaceAll(/(?<![`\\])(`+)(?!`)[\s\S]*?(?<!`)\1(?!`)/g, '');
  doesNotMatch(rest, /(?<!\\)<(?!\/?(?:details|summary|code|sub)>| \d)/);
  doesNotMatch(rest, /@[a-z]/);
  for (const row of text.split('\n').filter((line) => line.startsWith('| ') && !line.includes('---'))) {
    ok([4, 5, 2, 7, 8].includes(row.split('|').length - 2), row);
  }
}

function assertSafe(text: string): void {
  const input = reportOf(text);
  assertPage(renderReport('html', input, TEXT));
  assertXml(renderReport('junit', input, TEXT));
  assertText(renderReport('text', input, TEXT), 80);
  assertMarkdown(renderReport('markdown', input, TEXT));
  JSON.parse(renderReport('json', input, TEXT));
}

for (const text of HOSTILE) {
  test(`no format obeys ${JSON.stringify(text).slice(0, 60)}`, () => assertSafe(text));
}

test('no format obeys anything', () => {
  const piece = oneof(string({ unit: 'binary' }), constantFrom(...HOSTILE));
  assert(
    property(array(piece, { maxLength: 4 }), (parts) => assertSafe(parts.join(''))),
    { numRuns: 60 },
  );
});

test('the policy of the page allows its style sheet and nothing else', () => {
  const page = renderReport('html', exampleReport(), TEXT);
  const [, style = ''] = /<style>([\s\S]*?)<\/style>/.exec(page) ?? [];
  const [, policy = ''] = /Content-Security-Policy" content="([^"]*)"/.exec(page) ?? [];
  ok(style.includes('prefers-color-scheme: dark'));
  const hash = createHash('sha256').update(style).digest('base64');
  equal(policy, `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`);
});

test('shares of slow answers stand apart from the times before them', () => {
  for (const slowerShare of [0, 1, 0.999_999, 0.000_127, 0.0123, 0.000_099_9, 1e-9]) {
    const route = exampleRoute({
      latency: { ...exampleRoute().latency, total: { ...exampleRoute().latency.total, slowerShare } },
    });
    const verdicts = [exampleVerdict({ mirrors: [exampleMirrorVerdict({ routes: [route] })] })];
    const text = renderReport('text', exampleReport({ verdicts }), TEXT);
    match(text, /s +<?[\d.]+ %$/m, `${slowerShare}`);
  }
});

test('text keeps within every width, and colours only when asked', () => {
  for (const columns of [10, 80, 100, 173, 200, 1000]) {
    const width = Math.min(200, Math.max(80, columns));
    for (const text of HOSTILE)
      assertText(renderReport('text', reportOf(text), { columns, colour: false }), width);
    assertText(renderReport('text', exampleReport(), { columns, colour: false }), width);
  }
  const coloured = renderReport('text', exampleReport(), { columns: 80, colour: true });
  ok(coloured.includes('\u001B[31m'));
  equal(coloured.replaceAll(/\p{Cc}\[\d+m/gu, ''), renderReport('text', exampleReport(), TEXT));
});

test('a comment stays within its limit with as much as there can be, and says that something is left out', () => {
  const long = 'x'.repeat(5000);
  const findings = Array.from({ length: 12 }, (_, at) =>
    exampleFinding({
      id: String(at),
      path: long,
      route: long,
      sample: { exchange: long, primary: long, other: long },
    }),
  );
  const mirrors = Array.from({ length: 20 }, (_, at) =>
    exampleMirrorVerdict({ mirror: `m${at}`, findings, reasons: [long, long, long] }),
  );
  const input = exampleReport({ verdicts: [exampleVerdict({ mirrors })] });
  const text = renderReport('markdown', input, TEXT);
  assertMarkdown(text);
  ok(text.includes('did not fit'));
});

const inline: readonly (readonly [value: string, code: string])[] = [
  ['a', '`a`'],
  ['a`b', '``a`b``'],
  ['`', '`` ` ``'],
  ['a|b', '<code>a&#124;b</code>'],
  ['a\\|b', '<code>a&#92;&#124;b</code>'],
  ['', '<code>&#32;</code>'],
  ['a\nb', String.raw`\`a\nb\``.replaceAll('\\`', '`')],
];
for (const [value, code] of inline) {
  test(`inline code of ${JSON.stringify(value)}`, () => equal(codeOf(value), code));
}

test('running text means itself', () => {
  equal(plainOf('see https://x.example'), String.raw`see https\://x.example`);
  equal(plainOf('1. first'), String.raw`1\. first`);
  equal(plainOf('- item *bold* <b>'), String.raw`\- item \*bold\* \<b\>`);
  equal(plainOf('@team 5 % #12'), '@\u200Bteam 5 % #\u200B12');
  equal(htmlTextOf('<b>'), '&#60;b&#62;');
});
