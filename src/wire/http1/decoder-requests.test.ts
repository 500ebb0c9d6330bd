import { test } from 'node:test';
import { assertRecorded } from '../../../test/fixtures/http1-expected.ts';
import type { Expected } from '../../../test/fixtures/http1-expected.ts';
import { allCuts, recordRequests } from '../../../test/fixtures/http1-recorder.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: a\r\n';
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`;

type Case = readonly [name: string, stream: string, expected: Expected];

const accepted: readonly Case[] = [
  ['a request without a body', `${GET}\r\n`, { starts: ['GET / HTTP/1.1'], framing: { kind: 'none' } }],
  ['HTTP/1.0 without Host', 'GET / HTTP/1.0\r\n\r\n', { starts: ['GET / HTTP/1.0'] }],
  ['an unknown method', 'PURGE-X / HTTP/1.1\r\nHost: a\r\n\r\n', { starts: ['PURGE-X / HTTP/1.1'] }],
  ['an empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n', { starts: ['GET / HTTP/1.1'] }],
  ['an IPv6 Host', 'GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n', { starts: ['GET / HTTP/1.1'] }],
  ['one empty line before a request', `\r\n${GET}\r\n`, { starts: ['GET / HTTP/1.1'] }],
  [
    'one empty line before each request',
    `\r\n${GET}\r\n\r\n${GET}\r\n`,
    { starts: ['GET / HTTP/1.1', 'GET / HTTP/1.1'] },
  ],
  ['an empty line after the last request', `${GET}\r\n\r\n`, { starts: ['GET / HTTP/1.1'] }],
  [
    'an absolute target',
    'GET http://b:1/x?y HTTP/1.1\r\nHost: a\r\n\r\n',
    { starts: ['GET http://b:1/x?y HTTP/1.1'] },
  ],
  ['OPTIONS *', 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n', { starts: ['OPTIONS * HTTP/1.1'] }],
  [
    'characters in the target that clients do send',
    'GET /a|b{c}?"d"=<e>^`\\ HTTP/1.1\r\nHost: a\r\n\r\n',
    { starts: ['GET /a|b{c}?"d"=<e>^`\\ HTTP/1.1'] },
  ],
  [
    'a content length',
    `${POST}Content-Length: 5\r\n\r\nhello`,
    { starts: ['POST / HTTP/1.1'], framing: { kind: 'length', bytes: 5 }, content: ['hello'] },
  ],
  [
    'a content length of zero',
    `${POST}content-LENGTH:0\r\n\r\n`,
    { starts: ['POST / HTTP/1.1'], framing: { kind: 'length', bytes: 0 }, content: [] },
  ],
  [
    'a content length with leading zeros',
    `${POST}Content-Length: 0005 \t\r\n\r\nhello`,
    { starts: ['POST / HTTP/1.1'], framing: { kind: 'length', bytes: 5 }, content: ['hello'] },
  ],
  [
    'pipelined requests',
    `${POST}Content-Length: 2\r\n\r\nhi${GET}\r\n${CHUNKED}1\r\na\r\n0\r\n\r\nHEAD /z HTTP/1.1\r\nHost: a\r\n\r\n`,
    { starts: ['POST / HTTP/1.1', 'GET / HTTP/1.1', 'POST / HTTP/1.1', 'HEAD /z HTTP/1.1'] },
  ],
  [
    'chunks with extensions, leading zeros and either case',
    `${CHUNKED}5;a\r\nhello\r\n00A;b=c;d="e\\"\t;"\r\n0123456789\r\n000;z\r\n\r\n`,
    { starts: ['POST / HTTP/1.1'], framing: { kind: 'chunked' }, content: ['hello0123456789'] },
  ],
  [
    'Chunked in any case',
    `${POST}transfer-encoding: CHUNKED\r\n\r\n0\r\n\r\n`,
    { starts: ['POST / HTTP/1.1'], framing: { kind: 'chunked' }, content: [] },
  ],
  [
    'trailers',
    `${CHUNKED}1\r\nx\r\n0\r\nX-Sum: 1 2 \r\nB:\r\n\r\n${GET}\r\n`,
    { starts: ['POST / HTTP/1.1', 'GET / HTTP/1.1'] },
  ],
  [
    'CONNECT, and a tunnel after it',
    'CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n\x16\x03rest',
    { starts: ['CONNECT b:443 HTTP/1.1'], framing: { kind: 'tunnel' }, tunnelled: ['\x16\x03rest'] },
  ],
  [
    'CONNECT with a content length of zero',
    'CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\nContent-Length: 0\r\n\r\nx',
    { starts: ['CONNECT b:443 HTTP/1.1'], framing: { kind: 'tunnel' }, tunnelled: ['x'] },
  ],
  [
    'an upgrade request, as HTTP until its owner says otherwise',
    `${GET}Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n${GET}\r\n`,
    { starts: ['GET / HTTP/1.1', 'GET / HTTP/1.1'] },
  ],
  [
    'keep-alive among other options in HTTP/1.0',
    'GET /1 HTTP/1.0\r\nConnection: x, Keep-Alive\r\n\r\nGET /2 HTTP/1.0\r\n\r\n',
    { starts: ['GET /1 HTTP/1.0', 'GET /2 HTTP/1.0'] },
  ],
  [
    'an empty line after the last request that may come',
    `${GET}Connection: close\r\n\r\n\r\n`,
    { starts: ['GET / HTTP/1.1'] },
  ],
];

/** Broken before a request could be handed out. */
const refused = {
  not_http: {
    'a TLS record': '\x16\x03\x01\x02\x00\x01',
    'white space first': ` ${GET}\r\n`,
    'two spaces before the version': 'GET /  HTTP/1.1\r\nHost: a\r\n\r\n',
    'another protocol': 'GET / RTSP/1.0\r\n\r\n',
    'a version in lower case': 'GET / http/1.1\r\nHost: a\r\n\r\n',
  },
  bad_start_line: {
    'two empty lines before a request': `\r\n\r\n${GET}\r\n`,
    'a method with an octet of no token': 'G(T / HTTP/1.1\r\n\r\n',
    'a line that is only a word': 'PING\r\n',
    'two spaces after the method': 'GET  / HTTP/1.1\r\nHost: a\r\n\r\n',
    'a tab after the method': 'GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n',
    'a space after the version': 'GET / HTTP/1.1 \r\nHost: a\r\n\r\n',
    'no version': 'GET /\r\n\r\n',
    'HTTP/1.2': 'GET / HTTP/1.2\r\nHost: a\r\n\r\n',
    'HTTP/2.0': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'HTTP/1.11': 'GET / HTTP/1.11\r\nHost: a\r\n\r\n',
    'a target without a form': 'GET foo HTTP/1.1\r\nHost: a\r\n\r\n',
    '* for another method': 'GET * HTTP/1.1\r\nHost: a\r\n\r\n',
    'a fragment': 'GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n',
    'an octet above 0x7f in the target': 'GET /\xfc HTTP/1.1\r\nHost: a\r\n\r\n',
    'NUL in the target': 'GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n',
    'user information': 'GET http://u@b/ HTTP/1.1\r\nHost: a\r\n\r\n',
    'an absolute target without authority': 'GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n',
    'authority form for GET': 'GET b:443 HTTP/1.1\r\nHost: a\r\n\r\n',
    'CONNECT with a path': 'CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n',
    'CONNECT without a port': 'CONNECT b HTTP/1.1\r\nHost: b\r\n\r\n',
  },
  bare_line_end: {
    'a bare LF before a request': `\n${GET}\r\n`,
    'a bare CR before a request': `\r${GET}\r\n`,
    'a bare LF after the request line': 'GET / HTTP/1.1\nHost: a\r\n\r\n',
    'a bare CR after the request line': 'GET / HTTP/1.1\rHost: a\r\n\r\n',
    'a bare LF after a field': 'GET / HTTP/1.1\r\nHost: a\n\r\n',
    'a bare CR in a value': `${GET}A: b\rc\r\n\r\n`,
    'a bare LF for the empty line': `${GET}\n`,
    'a bare CR for the empty line': `${GET}\rX`,
  },
  bad_framing: {
    'CONNECT with content': 'CONNECT b:1 HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\n\r\n',
    'both length and coding': `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`,
    'both, the other way round': `${POST}Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n`,
    'differing lengths': `${POST}Content-Length: 5\r\nContent-Length: 6\r\n\r\n`,
    'the same length twice': `${POST}Content-Length: 5\r\ncontent-length: 5\r\n\r\n`,
    'two transfer codings': `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`,
    'a coding in HTTP/1.0': 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n',
  },
  bad_header: {
    'a space before the colon': `${GET}A : b\r\n\r\n`,
    'a tab before the colon': `${GET}A\t: b\r\n\r\n`,
    'a folded line': `${GET}A: b\r\n c\r\n\r\n`,
    'a line folded with a tab': `${GET}A: b\r\n\tc\r\n\r\n`,
    'white space before the first field': 'GET / HTTP/1.1\r\n Host: a\r\n\r\n',
    'a field without a colon': `${GET}A\r\n\r\n`,
    'a field without a name': `${GET}: b\r\n\r\n`,
    'an octet of no token in a name': `${GET}A(: b\r\n\r\n`,
    'NUL in a value': `${GET}A: b\0c\r\n\r\n`,
    'DEL in a value': `${GET}A: b\x7f\r\n\r\n`,
    'a control character in a value': `${GET}A:\x0b\r\n\r\n`,
    'no Host': 'GET / HTTP/1.1\r\n\r\n',
    'two Hosts': `${GET}host: a\r\n\r\n`,
    'two Hosts in HTTP/1.0': 'GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n',
    'a Host with a path': 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n',
    'a Host with white space': 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n',
    'a Host with user information': 'GET / HTTP/1.1\r\nHost: b@a\r\n\r\n',
  },
  unexpected_close: {
    'the end within a head': 'GET / HTTP/1.1\r\nHost: a\r\n',
    'the end after a CR': '\r',
  },
} as const;

/** Broken after the head of a request, or after a whole one. */
const refusedLater: readonly Case[] = [
  [
    'chunk data longer than its size',
    `${CHUNKED}4\r\nhello\r\n0\r\n\r\n`,
    { starts: ['POST / HTTP/1.1'], content: ['hell'], broken: 'bad_chunk' },
  ],
  [
    'LF after chunk data',
    `${CHUNKED}5\r\nhello\n0\r\n\r\n`,
    { starts: ['POST / HTTP/1.1'], content: ['hello'], broken: 'bare_line_end' },
  ],
  [
    'CR after chunk data',
    `${CHUNKED}5\r\nhello\r0\r\n\r\n`,
    { starts: ['POST / HTTP/1.1'], content: ['hello'], broken: 'bare_line_end' },
  ],
  [
    'LF in the trailers',
    `${CHUNKED}0\r\nA: b\n\r\n`,
    { starts: ['POST / HTTP/1.1'], broken: 'bare_line_end' },
  ],
  [
    'a folded trailer',
    `${CHUNKED}0\r\nA: b\r\n c\r\n\r\n`,
    { starts: ['POST / HTTP/1.1'], broken: 'bad_header' },
  ],
  [
    'a length in the trailers',
    `${CHUNKED}0\r\nContent-Length: 5\r\n\r\n`,
    { starts: ['POST / HTTP/1.1'], broken: 'bad_framing' },
  ],
  [
    'a coding in the trailers',
    `${CHUNKED}0\r\nTransfer-Encoding: chunked\r\n\r\n`,
    { starts: ['POST / HTTP/1.1'], broken: 'bad_framing' },
  ],
  [
    'a request after Connection: close',
    `${GET}Connection: x , Close\r\n\r\n${GET}\r\n`,
    { starts: ['GET / HTTP/1.1'], broken: 'bad_framing' },
  ],
  [
    'a request after HTTP/1.0',
    'GET /1 HTTP/1.0\r\n\r\nGET /2 HTTP/1.0\r\n\r\n',
    { starts: ['GET /1 HTTP/1.0'], broken: 'bad_framing' },
  ],
  [
    'the end within a body',
    `${POST}Content-Length: 5\r\n\r\nhell`,
    { starts: ['POST / HTTP/1.1'], content: ['hell'], broken: 'unexpected_close' },
  ],
  [
    'the end within a chunk',
    `${CHUNKED}5\r\nhel`,
    { starts: ['POST / HTTP/1.1'], content: ['hel'], broken: 'unexpected_close' },
  ],
  [
    'the end before the last chunk',
    `${CHUNKED}5\r\nhello\r\n`,
    { starts: ['POST / HTTP/1.1'], content: ['hello'], broken: 'unexpected_close' },
  ],
  [
    'the end within the trailers',
    `${CHUNKED}0\r\n`,
    { starts: ['POST / HTTP/1.1'], content: [], broken: 'unexpected_close' },
  ],
];

const contentLengths = [
  '5, 5',
  '5,6',
  '+5',
  '-5',
  '',
  '0x5',
  '5 5',
  '5;',
  '5.0',
  '1e1',
  '\xb2',
  '9007199254740992',
  '99999999999999999999',
];
const transferCodings = [
  'gzip',
  'identity',
  'gzip, chunked',
  'chunked, chunked',
  'chunked, gzip',
  'chunked,',
  ',chunked',
  'xchunked',
  'chunked;a=b',
  '"chunked"',
  'chunked\xa0',
  'chunk\xe9d',
  '',
];
const chunkSizes = [
  '',
  ' 5',
  '5 ',
  'x',
  '-1',
  '+5',
  '0x5',
  '5;',
  '5; a',
  '5;a =b',
  '5 ;a',
  '5;a=',
  '5;a="b',
  '5;a="b"c',
  '5;=b',
  '20000000000000',
  'fffffffffffffffff',
  '5;a="\0"',
  '5;a="\\\x01"',
];
const chunkLineEnds = ['5\n', '5\rx', '5;a\n', '5;a=\n', '5;a="\n"', '5;a="\\\n"', '\n'];

for (const [name, stream, expected] of [...accepted, ...refusedLater]) testAllCuts(name, stream, expected);
for (const [reason, streams] of Object.entries(refused)) {
  for (const [name, stream] of Object.entries<string>(streams)) {
    testAllCuts(name, stream, { starts: [], broken: reason as keyof typeof refused });
  }
}
for (const length of contentLengths) {
  const name = `Content-Length: ${JSON.stringify(length)}`;
  testAllCuts(name, `${POST}Content-Length: ${length}\r\n\r\nhello`, { starts: [], broken: 'bad_framing' });
}
for (const coding of transferCodings) {
  const name = `Transfer-Encoding: ${JSON.stringify(coding)}`;
  const stream = `${POST}Transfer-Encoding: ${coding}\r\n\r\n0\r\n\r\n`;
  testAllCuts(name, stream, { starts: [], broken: 'bad_framing' });
}
for (const [sizes, broken] of [
  [chunkSizes.map((size) => `${size}\r\n`), 'bad_chunk'],
  [chunkLineEnds, 'bare_line_end'],
] as const) {
  for (const size of sizes) {
    const expected = { starts: ['POST / HTTP/1.1'], content: [], broken };
    testAllCuts(`chunk size ${JSON.stringify(size)}`, `${CHUNKED}${size}hello\r\n0\r\n\r\n`, expected);
  }
}

function testAllCuts(name: string, stream: string, expected: Expected): void {
  test(`requests, ${expected.broken ?? 'accepted'}: ${name}`, () => {
    for (const pieces of allCuts(stream)) assertRecorded(recordRequests(pieces), expected);
  });
}
