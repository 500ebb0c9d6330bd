import { test } from 'node:test';
import { assertRecorded } from '../../../test/fixtures/http1-expected.ts';
import type { Expected } from '../../../test/fixtures/http1-expected.ts';
import { allCuts, recordResponses } from '../../../test/fixtures/http1-recorder.ts';

const OK = 'HTTP/1.1 200 OK\r\n';
const OK_CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;

type Case = readonly [name: string, methods: readonly string[], stream: string, expected: Expected];

const accepted: readonly Case[] = [
  [
    'a content length',
    ['GET'],
    `${OK}Content-Length: 2\r\n\r\nhi`,
    { starts: ['HTTP/1.1 200 OK'], framing: { kind: 'length', bytes: 2 }, content: ['hi'] },
  ],
  ['no reason', ['GET'], 'HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n', { starts: ['HTTP/1.1 200 '] }],
  [
    'no space before no reason',
    ['GET'],
    'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n',
    { starts: ['HTTP/1.1 200 '] },
  ],
  [
    'any text as reason',
    ['GET'],
    'HTTP/1.1 200 \tA\xe9 b \r\nContent-Length: 0\r\n\r\n',
    { starts: ['HTTP/1.1 200 \tA\xe9 b '] },
  ],
  [
    'chunks and trailers',
    ['GET'],
    `${OK_CHUNKED}2;x=y\r\nhi\r\n0\r\nA: b\r\n\r\n`,
    { starts: ['HTTP/1.1 200 OK'], framing: { kind: 'chunked' }, content: ['hi'], trailers: [['A', 'b']] },
  ],
  [
    'content until close',
    ['GET'],
    `${OK}\r\nall\r\n\r\nof it`,
    { starts: ['HTTP/1.1 200 OK'], framing: { kind: 'close' }, content: ['all\r\n\r\nof it'] },
  ],
  [
    'no content until close',
    ['GET'],
    `${OK}\r\n`,
    { starts: ['HTTP/1.1 200 OK'], framing: { kind: 'close' }, content: [] },
  ],
  [
    'HTTP/1.0',
    ['GET'],
    'HTTP/1.0 200 OK\r\n\r\nx',
    { starts: ['HTTP/1.0 200 OK'], framing: { kind: 'close' }, content: ['x'] },
  ],
  [
    'HEAD with a length',
    ['HEAD', 'GET'],
    `${OK}Content-Length: 9\r\n\r\n${OK}Content-Length: 1\r\n\r\nx`,
    { starts: ['HTTP/1.1 200 OK', 'HTTP/1.1 200 OK'], content: ['x'] },
  ],
  [
    'HEAD with chunked',
    ['HEAD'],
    `${OK}Transfer-Encoding: chunked\r\n\r\n`,
    { starts: ['HTTP/1.1 200 OK'], framing: { kind: 'none' } },
  ],
  [
    'HEAD without a length',
    ['HEAD'],
    `${OK}\r\n`,
    { starts: ['HTTP/1.1 200 OK'], framing: { kind: 'none' } },
  ],
  [
    '204',
    ['GET', 'GET'],
    `HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n${OK}Content-Length: 0\r\n\r\n`,
    { starts: ['HTTP/1.1 204 No', 'HTTP/1.1 200 OK'] },
  ],
  [
    '304 with the length it would have',
    ['GET'],
    'HTTP/1.1 304 Not\r\nContent-Length: 9\r\n\r\n',
    { starts: ['HTTP/1.1 304 Not'], framing: { kind: 'none' } },
  ],
  [
    'interim responses',
    ['POST'],
    `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n${OK}Content-Length: 1\r\n\r\nx`,
    { starts: ['HTTP/1.1 100 Continue', 'HTTP/1.1 103 Early', 'HTTP/1.1 200 OK'], content: ['x'] },
  ],
  [
    '101',
    ['GET'],
    'HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: x,Upgrade\r\n\r\nHTTP/1.1',
    { starts: ['HTTP/1.1 101 S'], framing: { kind: 'tunnel' }, tunnelled: ['HTTP/1.1'] },
  ],
  [
    '2xx to CONNECT, whatever its fields say',
    ['CONNECT'],
    `${OK}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nraw`,
    { starts: ['HTTP/1.1 200 OK'], framing: { kind: 'tunnel' }, tunnelled: ['raw'] },
  ],
  [
    'CONNECT refused',
    ['CONNECT', 'GET'],
    `HTTP/1.1 407 Auth\r\nContent-Length: 1\r\n\r\nx${OK}Content-Length: 0\r\n\r\n`,
    { starts: ['HTTP/1.1 407 Auth', 'HTTP/1.1 200 OK'] },
  ],
  [
    'a coding that is not chunked, until close',
    ['GET'],
    `${OK}Transfer-Encoding: gzip\r\n\r\n2\r\nhi`,
    { starts: ['HTTP/1.1 200 OK'], framing: { kind: 'close' }, content: ['2\r\nhi'] },
  ],
  [
    'chunked over another coding',
    ['GET'],
    `${OK}Transfer-Encoding: gzip ,\tChunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n`,
    { starts: ['HTTP/1.1 200 OK'], framing: { kind: 'chunked' }, content: ['hi'] },
  ],
  [
    'chunked over another coding in two fields',
    ['GET'],
    `${OK}Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n`,
    { starts: ['HTTP/1.1 200 OK'], framing: { kind: 'chunked' }, content: ['hi'] },
  ],
  ['status 999', ['GET'], 'HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n', { starts: ['HTTP/1.1 999 X'] }],
];

/** Broken before an answer to GET could be handed out. */
const refused = {
  not_http: {
    'another protocol': 'SSH-2.0-OpenSSH\r\n',
    'an empty line first': `\r\n${OK}\r\n`,
  },
  bad_start_line: {
    'HTTP/1.2': 'HTTP/1.2 200 OK\r\n\r\n',
    'HTTP/2': 'HTTP/2 200 OK\r\n\r\n',
    'two digits': 'HTTP/1.1 20 OK\r\n\r\n',
    'four digits': 'HTTP/1.1 2000 OK\r\n\r\n',
    'a status below 100': 'HTTP/1.1 099 OK\r\n\r\n',
    'a status with a letter': 'HTTP/1.1 2x0 OK\r\n\r\n',
    'two spaces before the status': 'HTTP/1.1  200 OK\r\n\r\n',
    'no status': 'HTTP/1.1\r\n\r\n',
    'NUL in the reason': 'HTTP/1.1 200 O\0K\r\n\r\n',
  },
  bare_line_end: {
    'LF after the status line': 'HTTP/1.1 200 OK\nA: b\r\n\r\n',
    'LF after the status': 'HTTP/1.1 200\n\r\n',
    'CR in the reason': 'HTTP/1.1 200 O\rK\r\n\r\n',
  },
  bad_header: {
    'a space before the colon': `${OK}A : b\r\n\r\n`,
  },
  bad_framing: {
    'both length and coding': `${OK}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n`,
    'length and another coding': `${OK}Content-Length: 2\r\nTransfer-Encoding: gzip\r\n\r\n`,
    'differing lengths': `${OK}Content-Length: 2\r\nContent-Length: 3\r\n\r\n`,
    'a coding in HTTP/1.0': 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
    '101 without Upgrade': 'HTTP/1.1 101 S\r\nConnection: upgrade\r\n\r\n',
    '101 without the connection option': 'HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: close\r\n\r\n',
    'chunked twice': `${OK}Transfer-Encoding: chunked, chunked\r\n\r\n`,
    'chunked not last': `${OK}Transfer-Encoding: chunked, gzip\r\n\r\n`,
    'an octet that only looks like white space after chunked': `${OK}Transfer-Encoding: chunked\xa0\r\n\r\n0\r\n\r\n`,
    'a malformed coding': `${OK}Transfer-Encoding: gzip;, chunked\r\n\r\n`,
  },
  unexpected_close: {
    'the end within a head': 'HTTP/1.1 200 OK\r\n',
  },
} as const;

const refusedOtherwise: readonly Case[] = [
  ['no request', [], `${OK}\r\n`, { starts: [], broken: 'no_request' }],
  [
    'a second answer',
    ['GET'],
    `${OK}Content-Length: 0\r\n\r\n${OK}Content-Length: 0\r\n\r\n`,
    { starts: ['HTTP/1.1 200 OK'], broken: 'no_request' },
  ],
  [
    'content after 204',
    ['GET', 'GET'],
    'HTTP/1.1 204 No\r\n\r\nhi',
    { starts: ['HTTP/1.1 204 No'], broken: 'not_http' },
  ],
  [
    'both, and no content anyway',
    ['HEAD'],
    `${OK}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n`,
    { starts: [], broken: 'bad_framing' },
  ],
  [
    'an answer after Connection: close',
    ['GET', 'GET'],
    `${OK}Connection: close\r\nContent-Length: 0\r\n\r\n${OK}\r\n`,
    { starts: ['HTTP/1.1 200 OK'], broken: 'bad_framing' },
  ],
  [
    'the end within a body',
    ['GET'],
    `${OK}Content-Length: 2\r\n\r\nh`,
    { starts: ['HTTP/1.1 200 OK'], content: ['h'], broken: 'unexpected_close' },
  ],
];

for (const [name, methods, stream, expected] of [...accepted, ...refusedOtherwise]) {
  testAllCuts(name, methods, stream, expected);
}
for (const [reason, streams] of Object.entries(refused)) {
  for (const [name, stream] of Object.entries<string>(streams)) {
    testAllCuts(name, ['GET'], stream, { starts: [], broken: reason as keyof typeof refused });
  }
}

function testAllCuts(name: string, methods: readonly string[], stream: string, expected: Expected): void {
  test(`responses, ${expected.broken ?? 'accepted'}: ${name}`, () => {
    for (const pieces of allCuts(stream)) assertRecorded(recordResponses(pieces, methods), expected);
  });
}
