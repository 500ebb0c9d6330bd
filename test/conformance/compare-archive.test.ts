import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { answerOf, collectingContext, contentOf } from '../../src/compare/format-fixture.ts';
import { createFormats } from '../../src/compare/formats.ts';
import { compareHeaders } from '../../src/compare/headers.ts';
import { claimedStructure } from '../../src/compare/structure.ts';

interface ArchivedAnswer {
  readonly url: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly mediaType: string;
  readonly body: Buffer;
}

interface Archive {
  readonly log: {
    readonly entries: readonly {
      readonly request: { readonly url: string };
      readonly response: {
        readonly headers: readonly { readonly name: string; readonly value: string }[];
        readonly content: { readonly mimeType: string; readonly text?: string; readonly encoding?: string };
      };
    }[];
  };
}

function readArchive(name: string): readonly ArchivedAnswer[] {
  const packed = readFileSync(join(import.meta.dirname, '..', 'fixtures', 'har', name));
  const archive = JSON.parse(gunzipSync(packed).toString()) as Archive;
  return archive.log.entries.map(({ request, response: { headers, content } }) => ({
    url: request.url,
    headers: headers.map((header) => [header.name, header.value] as const),
    mediaType: content.mimeType,
    body: Buffer.from(content.text ?? '', content.encoding === 'base64' ? 'base64' : 'utf8'),
  }));
}

const ANSWERS = readArchive('firefox.har.gz').filter(({ body }) => body.length > 0);
const FORMATS = createFormats();

function differences(answer: ArchivedAnswer, body: Buffer): readonly string[] {
  const { context, shown } = collectingContext();
  const format = FORMATS[claimedStructure(answer.mediaType) ?? 'text'];
  const primary = contentOf(answer.body, answer.mediaType);
  assert.equal(format(primary, contentOf(body, answer.mediaType), 'body', context), undefined);
  return shown();
}

test('the archive has answers of every kind', () => {
  const kinds = new Set(ANSWERS.map(({ mediaType }) => claimedStructure(mediaType)));
  assert.deepEqual([...kinds].toSorted(), ['json', 'markup', 'octets', 'text']);
});

for (const answer of ANSWERS) {
  test(`an answer does not differ from itself: ${answer.mediaType} ${answer.url}`, () => {
    assert.deepEqual(differences(answer, Buffer.from(answer.body)), []);
    const { context, shown } = collectingContext();
    const headers = answerOf(answer.headers);
    compareHeaders(headers, answerOf(answer.headers.toReversed()), context, { volatile: 'value' });
    assert.deepEqual(shown(), []);
  });
}

const planted: readonly (readonly [end: string, from: string, to: string, expected: readonly string[]])[] = [
  ['mitmproxy.org/', 'alt="mitmproxy"', 'alt="mitmproxi"', ['value body.html.body.nav.div.div[].a.img.@alt']],
  ['mitmproxy.org/', '<title>mitmproxy - an', '<title>mitmproxy - the', ['value body.html.head.title.#text']],
  ['mitmproxy.org/', '\n    ', '\n\t\n', []],
  ['mitmproxy.org/', '<html lang="en-us">', '<html LANG=en-us><!-- by us -->', []],
  ['clipboard.min.js', 'readonly', 'readonli', ['value body']],
  ['snapshots.js', 'text/xml', 'text/html', ['value body']],
  ['snapshots.js', '\n', '\nstep();\n', ['added body']],
  ['&prefix=', '<Size>426</Size>', '<Size>427</Size>', ['value body.ListBucketResult.Contents[].Size.#text']],
  ['&prefix=', '<Size>426</Size>', '', ['missing body.ListBucketResult.Contents[].Size']],
  [
    '&prefix=',
    '<CommonPrefixes>',
    '<CommonPrefixes><Prefix>new/</Prefix></CommonPrefixes><CommonPrefixes>',
    ['length body.ListBucketResult.CommonPrefixes'],
  ],
  ['&prefix=', '2018-03-07T22:33:14.000Z', '2018-03-07T22:33:15.000Z', []],
  [
    '&prefix=',
    '2018-03-07T22:33:14.000Z',
    '2019-03-07T22:33:14.000Z',
    ['value body.ListBucketResult.Contents[].LastModified.#text'],
  ],
];
for (const [end, from, to, expected] of planted) {
  test(`one change in ${end} is found where it is: ${from.trim()} → ${to.trim()}`, () => {
    const answer = ANSWERS.find(({ url }) => url.endsWith(end));
    assert.ok(answer !== undefined);
    const text = answer.body.toString();
    assert.ok(text.includes(from), 'the change is one');
    assert.deepEqual(differences(answer, Buffer.from(text.replace(from, to))), expected);
  });
}

test('one byte more in an image is its length, one that changed its hash', () => {
  const icon = ANSWERS.find(({ mediaType }) => mediaType.startsWith('image/'));
  assert.ok(icon !== undefined);
  assert.deepEqual(differences(icon, Buffer.concat([icon.body, Buffer.from('x')])), ['length body']);
  const changed = Buffer.from(icon.body);
  changed[5000] = (changed[5000] ?? 0) ^ 1;
  assert.deepEqual(differences(icon, changed), ['value body']);
});
