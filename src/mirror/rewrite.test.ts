import { deepEqual, equal, match, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../kit/errors.ts';
import type { RequestHead } from '../model/exchange.ts';
import { testPolicy } from '../model/fixtures.ts';
import type { Redaction, Rewrite } from '../model/policy.ts';
import { RequestDecoder } from '../wire/http1/decoder.ts';
import type { Http1RequestHead } from '../wire/http1/head.ts';
import { compileRewrite } from './rewrite.ts';

interface Wish extends Partial<Omit<Rewrite, 'redact'>> {
  readonly redact?: Partial<Redaction>;
}

function rewriteOf(wish: Wish): Rewrite {
  const { rewrite } = testPolicy();
  return { ...rewrite, ...wish, redact: { ...rewrite.redact, ...wish.redact } };
}

/** A head as the wire brings it. */
function decoded(lines: readonly string[]): Http1RequestHead {
  let head: Http1RequestHead | undefined;
  new RequestDecoder({
    head: (read) => {
      head = read;
    },
    body: () => {},
    bodyGap: () => {},
    end: () => {},
    tunnel: () => {},
    broken: (reason, detail) => {
      throw new Error(`${reason}: ${detail}`);
    },
  }).write(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'));
  if (head === undefined) throw new Error('no head');
  return head;
}

/** The lines of a copy, without the empty one. */
function copied(
  head: RequestHead,
  wish: Wish = {},
  body: 'none' | 'chunked' | number = 'none',
): readonly string[] | undefined {
  return compileRewrite(rewriteOf(wish), 'p/m', 'fallback:81')
    .head(head, body, 'ID')
    ?.replace(/\r\n\r\n$/, '')
    .split('\r\n');
}

const MARKS = ['x-understudy-mirror: p/m', 'x-understudy-id: ID'];

interface Golden {
  readonly name: string;
  readonly request: readonly string[];
  readonly wish?: Wish;
  readonly body?: 'chunked' | number;
  /** Without the marker. */
  readonly copy: readonly string[];
}

const GOLDEN: readonly Golden[] = [
  {
    name: 'takes everything else over as it was sent, octet for octet',
    request: [
      'GET /a/%7Eb?q=1&&x HTTP/1.1',
      'Host: h.example:8080',
      'aCCept:*/*',
      'X-Latin: caf\u00e9 \t "',
      'Cookie: a=1',
      'Cookie: b=2',
    ],
    copy: [
      'GET /a/%7Eb?q=1&&x HTTP/1.1',
      'Host: h.example:8080',
      'aCCept:*/*',
      'X-Latin: caf\u00e9 \t "',
      'Cookie: a=1',
      'Cookie: b=2',
    ],
  },
  {
    name: 'drops the fields of the connection',
    request: [
      'GET / HTTP/1.1',
      'Connection: keep-alive, Upgrade, HTTP2-Settings',
      'Host: h',
      'Keep-Alive: timeout=5',
      'Proxy-Connection: keep-alive',
      'Proxy-Authorization: Basic c2VjcmV0',
      'Proxy-Authenticate: Basic',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABkAAQAAP__',
      'Accept: */*',
    ],
    copy: ['GET / HTTP/1.1', 'Host: h', 'Accept: */*'],
  },
  {
    name: 'drops what any Connection field names, in any case and also ahead of it',
    request: [
      'GET / HTTP/1.1',
      'X-One: 1',
      'Host: h',
      'X-Keep: k',
      'Connection: close , x-ONE',
      'connection: X-Two',
      'X-Two: 2',
    ],
    copy: ['GET / HTTP/1.1', 'Host: h', 'X-Keep: k'],
  },
  {
    name: 'keeps Host and framing even when Connection names them',
    request: ['POST / HTTP/1.1', 'Host: h', 'Content-Length: 3', 'Connection: host, content-length'],
    body: 3,
    copy: ['POST / HTTP/1.1', 'Host: h', 'Content-Length: 3'],
  },
  {
    name: 'says itself that trailers are welcome',
    request: ['GET / HTTP/1.1', 'Host: h', 'TE: gzip;q=0.5, Trailers', 'Connection: TE'],
    copy: ['GET / HTTP/1.1', 'Host: h', 'TE: trailers', 'Connection: TE'],
  },
  {
    name: 'drops a TE without trailers',
    request: ['GET / HTTP/1.1', 'Host: h', 'TE: gzip, x-trailers', 'Connection: TE'],
    copy: ['GET / HTTP/1.1', 'Host: h'],
  },
  {
    name: 'writes a length once',
    request: ['POST / HTTP/1.1', 'Host: h', 'content-length: 003', 'A: 1'],
    body: 3,
    copy: ['POST / HTTP/1.1', 'Host: h', 'A: 1', 'Content-Length: 3'],
  },
  {
    name: 'writes chunked once, and keeps the announcement of trailers',
    request: ['POST / HTTP/1.1', 'Host: h', 'transfer-encoding: Chunked', 'Trailer: Sum'],
    body: 'chunked',
    copy: ['POST / HTTP/1.1', 'Host: h', 'Trailer: Sum', 'Transfer-Encoding: chunked'],
  },
  {
    name: 'does not wait for 100 (Continue)',
    request: ['POST / HTTP/1.1', 'Host: h', 'Expect: 100-continue', 'Content-Length: 3'],
    body: 3,
    copy: ['POST / HTTP/1.1', 'Host: h', 'Content-Length: 3'],
  },
  {
    name: 'replaces markers that the client made up',
    request: [
      'GET / HTTP/1.1',
      'Host: h',
      'X-Understudy-Mirror: p/m',
      'x-understudy-ID: forged',
      'x-understudy-other: 1',
      'x-understudy: kept',
    ],
    copy: ['GET / HTTP/1.1', 'Host: h', 'x-understudy: kept'],
  },
  {
    name: 'makes an absolute target an origin one, whose authority is the Host',
    request: ['GET http://real.example:81/p?q HTTP/1.1', 'Host: other.example'],
    copy: ['GET /p?q HTTP/1.1', 'Host: real.example:81'],
  },
  {
    name: 'gives an absolute target without a path one',
    request: ['GET http://h?q HTTP/1.1', 'Host: h'],
    copy: ['GET /?q HTTP/1.1', 'Host: h'],
  },
  {
    name: 'leaves * alone',
    request: ['OPTIONS * HTTP/1.1', 'Host: h'],
    wish: { path: { type: 'ReplaceFullPath', replaceFullPath: '/x' } },
    copy: ['OPTIONS * HTTP/1.1', 'Host: h'],
  },
  {
    name: 'makes HTTP/1.0 without Host a proper HTTP/1.1 request',
    request: ['GET /old HTTP/1.0'],
    copy: ['GET /old HTTP/1.1', 'Host: fallback:81'],
  },
  {
    name: 'sets the Host',
    request: ['GET / HTTP/1.1', 'Host: h'],
    wish: { host: 'v2.example' },
    copy: ['GET / HTTP/1.1', 'Host: v2.example'],
  },
  {
    name: 'rewrites the path and keeps the query',
    request: ['GET /api/v1/x?y=/api HTTP/1.1', 'Host: h'],
    wish: { path: { type: 'ReplacePrefixMatch', prefix: '/api/v1', replacePrefixMatch: '/v2' } },
    copy: ['GET /v2/x?y=/api HTTP/1.1', 'Host: h'],
  },
  {
    name: 'removes, sets and adds headers, names in any case',
    request: [
      'GET / HTTP/1.1',
      'Host: h',
      'Authorization: secret',
      'X-Env: prod',
      'x-env: prod2',
      'X-Add: 1',
    ],
    wish: {
      headers: {
        remove: ['AUTHORIZATION', 'x-missing'],
        set: { 'X-ENV': 'shadow' },
        add: { 'x-add': '2', 'x-new': 'é' },
      },
    },
    copy: ['GET / HTTP/1.1', 'Host: h', 'X-Add: 1', 'X-ENV: shadow', 'x-add: 2', 'x-new: Ã©'],
  },
  {
    name: 'redacts headers and query parameters',
    request: ['GET /p?token=s3cret&a=1 HTTP/1.1', 'Host: h', 'Cookie: a=1', 'COOKIE: b=2', 'X: y'],
    wish: { redact: { headers: ['cookie'], queryParams: ['token'] } },
    copy: ['GET /p?token=redacted&a=1 HTTP/1.1', 'Host: h', 'Cookie: redacted', 'COOKIE: redacted', 'X: y'],
  },
  {
    name: 'redacts the query of an absolute target',
    request: ['GET http://h/p?token=s3cret HTTP/1.1', 'Host: h'],
    wish: { redact: { queryParams: ['token'] } },
    copy: ['GET /p?token=redacted HTTP/1.1', 'Host: h'],
  },
  {
    name: 'what is set is sent even when it is redacted otherwise',
    request: ['GET / HTTP/1.1', 'Host: h', 'Cookie: a=1'],
    wish: { headers: { set: { cookie: 'mirror=1' }, add: {}, remove: [] }, redact: { headers: ['cookie'] } },
    copy: ['GET / HTTP/1.1', 'Host: h', 'cookie: mirror=1'],
  },
  {
    name: 'drops a redacted field that Connection names',
    request: ['GET / HTTP/1.1', 'Host: h', 'Cookie: a', 'Connection: cookie'],
    wish: { redact: { headers: ['cookie'] } },
    copy: ['GET / HTTP/1.1', 'Host: h'],
  },
];

function framingLast(lines: readonly string[]): readonly string[] {
  // The marker's mirror stands before the framing, its id after it.
  const at = lines.findIndex((line) => /^(?:Content-Length|Transfer-Encoding):/.test(line));
  const [mirror = '', id = ''] = MARKS;
  return at === -1 ? [...lines, mirror, id] : [...lines.slice(0, at), mirror, ...lines.slice(at), id];
}

for (const { name, request, wish, body, copy } of GOLDEN) {
  test(name, () => {
    deepEqual(copied(decoded(request), wish, body ?? 'none'), framingLast(copy));
  });

  test(`${name}: the same for a head that is not from the wire`, () => {
    const head = decoded(request);
    const other: RequestHead = {
      method: head.method,
      target: head.target,
      path: head.path,
      query: head.query,
      authority: head.authority,
      header: (field) => head.header(field),
      headers: () => head.headers(),
    };
    const tidied = framingLast(copy).map((line) => line.replace(/^([^ :]+):(?! )/, '$1: '));
    deepEqual(copied(other, wish, body ?? 'none'), tidied);
  });
}

/** A head that no decoder has checked. */
function unchecked(
  part: Partial<Pick<RequestHead, 'method' | 'target' | 'authority'>>,
  fields: readonly (readonly [string, string])[] = [],
): RequestHead {
  const { method = 'GET', target = '/', authority = 'h' } = part;
  return {
    method,
    target,
    path: target,
    query: '',
    authority,
    header: () => undefined,
    headers: () => fields,
  };
}

const DANGEROUS: readonly (readonly [string, RequestHead])[] = [
  ['a line break in a value', unchecked({}, [['a', 'b\r\nc: d']])],
  ['a bare LF in a value', unchecked({}, [['a', 'b\nc: d']])],
  ['a bare CR in a value', unchecked({}, [['a', 'b\rc']])],
  ['NUL in a value', unchecked({}, [['a', 'b\0']])],
  ['a character that latin1 would make a line break', unchecked({}, [['a', 'b\u010a\u010dc']])],
  ['a colon in a name', unchecked({}, [['a:b', 'c']])],
  ['a space at the end of a name', unchecked({}, [['transfer-encoding ', 'chunked']])],
  ['an empty name', unchecked({}, [['', 'c']])],
  ['a line break in the method', unchecked({ method: 'GET / HTTP/1.1\r\nX:' })],
  ['a space in the target', unchecked({ target: '/ HTTP/1.1\r\n' })],
  ['an empty target', unchecked({ target: '' })],
  ['a line break in the authority', unchecked({ authority: 'h\r\nx: y' })],
  ['CONNECT', unchecked({ method: 'CONNECT', target: 'h:443' })],
];

for (const [what, head] of DANGEROUS) {
  test(`does not write ${what}`, () => equal(copied(head), undefined));
}

test('a Transfer-Encoding that nobody decoded does not go out', () => {
  deepEqual(
    copied(
      unchecked({}, [
        ['Transfer-Encoding', 'gzip, chunked'],
        ['Content-Length', '5'],
      ]),
      {},
      2,
    ),
    ['GET / HTTP/1.1', 'Host: h', 'x-understudy-mirror: p/m', 'Content-Length: 2', 'x-understudy-id: ID'],
  );
});

const REFUSED: readonly (readonly [string, Wish])[] = [
  ['set Host as a header', { headers: { set: { Host: 'x' }, add: {}, remove: [] } }],
  ['remove the framing', { headers: { set: {}, add: {}, remove: ['Transfer-Encoding'] } }],
  ['add a second length', { headers: { set: {}, add: { 'content-length': '3' }, remove: [] } }],
  ['redact the marker', { redact: { headers: ['x-understudy-id'] } }],
  ['add a value with a line break', { headers: { set: {}, add: { a: 'b\r\nc: d' }, remove: [] } }],
  ['set a name with a space', { headers: { set: { 'a b': 'c' }, add: {}, remove: [] } }],
  ['send a Host with a line break', { host: 'h\r\nx: y' }],
  ['replace the path by one with a space', { path: { type: 'ReplaceFullPath', replaceFullPath: '/a b' } }],
  [
    'replace a prefix by one with a line break',
    { path: { type: 'ReplacePrefixMatch', prefix: '/a', replacePrefixMatch: '/\r\n' } },
  ],
];

for (const [what, wish] of REFUSED) {
  test(`refuses a policy that would ${what}`, () => {
    throws(
      () => compileRewrite(rewriteOf(wish), 'p/m', 'h'),
      (error) => error instanceof UserError && error.code === 'config',
    );
  });
}

test('trailers go by the same rules, and what cannot be sent is left out', () => {
  const wish = { headers: { set: {}, add: {}, remove: ['gone'] }, redact: { headers: ['secret'] } };
  const { lastChunk } = compileRewrite(rewriteOf(wish), 'p/m', 'h');
  equal(lastChunk(undefined).toString('latin1'), '0\r\n\r\n');
  equal(
    lastChunk([
      ['Sum', '1'],
      ['Secret', 's'],
      ['Gone', 'g'],
      ['Content-Length', '9'],
      ['Host', 'x'],
      ['X-Understudy-Id', 'x'],
    ]).toString('latin1'),
    '0\r\nSum: 1\r\nSecret: redacted\r\n\r\n',
  );
  equal(lastChunk([['Sum', '1\r\n\r\nGET / HTTP/1.1']]).toString('latin1'), '0\r\n\r\n');
});

test('a head with many fields is written whole', () => {
  const fields = Array.from({ length: 900 }, (_, i) => `X-Field-${i}: ${i}`);
  const copy = copied(decoded(['GET / HTTP/1.1', 'Host: h', ...fields]));
  deepEqual(copy?.slice(2, 902), fields);
  match(copy?.at(-1) ?? '', /^x-understudy-id/);
});
