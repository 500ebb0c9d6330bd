import * as fc from 'fast-check';
import { body, content, lines, text } from './http1-parts.ts';

// Streams of octets, as strings with an octet per character: valid ones, valid ones with parts that attackers use, and
// any of those with octets changed.

const TARGET_CHARACTERS = 'ABCxyz012/?&=%:@;,+-._~!$\'()*"|{}<>^`\\[]';
/** Octets that parsers disagree about. */
const SHARP_CHARACTERS = '\r\n\0\t :;,="\\/#+-05aZ\x0b\x1f\x7f\x80\xa0\xff';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'PROPFIND', 'M-SEARCH'];

const target = fc.oneof(
  { weight: 6, arbitrary: text(TARGET_CHARACTERS, 20).map((rest) => `/${rest}`) },
  { weight: 1, arbitrary: fc.constantFrom('http://b', 'http://b:8/x?y', 'https://[::1]/z') },
);
const hostileTarget = fc.constantFrom(
  '*',
  'foo',
  'a:80',
  'http://',
  'http:///',
  'http://u@b/',
  '/#',
  '//',
  '/\xfc',
  '/a b',
  '',
  '/\t',
  'x1+://b/',
);

function startLine(hostile: boolean): fc.Arbitrary<string> {
  const usual = fc
    .tuple(fc.constantFrom(...METHODS), target, fc.constantFrom('1.1', '1.1', '1.1', '1.0'))
    .map(([method, where, version]) => `${method} ${where} HTTP/${version}\r\n`);
  if (!hostile) return usual;
  const odd = fc
    .tuple(
      fc.constantFrom('GET', 'CONNECT', 'OPTIONS', 'get', 'FOO', 'G(', ''),
      fc.constantFrom(' ', '  ', '\t'),
      fc.oneof(target, hostileTarget),
      fc.constantFrom(
        ' HTTP/1.1',
        ' HTTP/1.0',
        ' HTTP/1.2',
        ' HTTP/2.0',
        ' http/1.1',
        ' HTTP/1.1 ',
        '  HTTP/1.1',
        ' HTTP/01.1',
        ' RTSP/1.0',
        '',
      ),
      fc.constantFrom('\r\n', '\n', '\r'),
    )
    .map((parts) => parts.join(''));
  return fc.oneof({ weight: 5, arbitrary: usual }, { weight: 1, arbitrary: odd });
}

function request(hostile: boolean): fc.Arbitrary<string> {
  return fc
    .tuple(
      fc.constantFrom('', '', '', '\r\n', ...(hostile ? ['\n', '\r\n\r\n', ' '] : [])),
      startLine(hostile),
      fc.constantFrom(
        'Host: a\r\n',
        'host:b:80\r\n',
        'HOST: [::1] \r\n',
        ...(hostile ? ['', 'Host: a\r\nHost: a\r\n'] : []),
      ),
      lines(hostile),
      body(hostile),
      fc.boolean(),
    )
    .map(([before, start, host, fields, [framing, data], late]) =>
      [before, start, host, late ? fields + framing : framing + fields, '\r\n', data].join(''),
    );
}

const CONNECT = 'CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n';

/** A place in a stream, as a share of its length: 0 to just below 1, evenly (`double` likes values near 0). */
export const share = fc.nat(9999).map((part) => part / 10_000);

/** What a client may send on one connection. */
export const requestStream: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: stream(request(false)) },
  { weight: 3, arbitrary: stream(request(true)) },
  { weight: 3, arbitrary: mutated(stream(request(false))) },
  { weight: 1, arbitrary: mutated(stream(request(true))) },
  { weight: 1, arbitrary: content.map((data) => CONNECT + data) },
);

function statusLine(hostile: boolean): fc.Arbitrary<string> {
  const usual = fc
    .tuple(
      fc.constantFrom('1.1', '1.1', '1.1', '1.0'),
      fc.constantFrom(200, 200, 200, 201, 204, 206, 302, 304, 404, 500, 599, 700),
      fc.constantFrom(' OK', ' ', '', ' \tany \xe9 text', ' Not Found'),
    )
    .map(([version, status, reason]) => `HTTP/${version} ${status}${reason}\r\n`);
  if (!hostile) return usual;
  const odd = fc
    .tuple(
      fc.constantFrom(
        'HTTP/1.1',
        'HTTP/1.0',
        'HTTP/1.2',
        'http/1.1',
        'HTTP/2',
        'RTSP/1.0',
        '\r\nHTTP/1.1',
        '',
      ),
      fc.constantFrom(' ', '  ', '\t', ''),
      fc.constantFrom('200', '099', '000', '20', '2000', '2x0', '-20', '101', '999', ''),
      fc.constantFrom(' OK', '', ' O\0K', ' O\x7fK', '\tOK'),
      fc.constantFrom('\r\n', '\n', '\r', ''),
    )
    .map((parts) => parts.join(''));
  return fc.oneof({ weight: 5, arbitrary: usual }, { weight: 1, arbitrary: odd });
}

const interim = fc.constantFrom(
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n',
  'HTTP/1.1 102 \r\n\r\n',
);

function response(hostile: boolean): fc.Arbitrary<string> {
  return fc
    .tuple(
      fc.array(interim, { maxLength: 1 }),
      statusLine(hostile),
      lines(hostile),
      body(hostile),
      fc.boolean(),
    )
    .map(([before, start, fields, [framing, data], late]) =>
      [...before, start, late ? fields + framing : framing + fields, '\r\n', data].join(''),
    );
}

const UPGRADE = 'HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n';

/** What a server may send on one connection; made for one request, unless it has been changed. */
export const responseStream: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: response(false) },
  { weight: 3, arbitrary: response(true) },
  { weight: 3, arbitrary: mutated(response(false)) },
  { weight: 1, arbitrary: mutated(stream(response(true))) },
  { weight: 1, arbitrary: content.map((data) => UPGRADE + data) },
);

/** The same, for connections that carry several answers. */
export const responseStreams: fc.Arbitrary<string> = fc.oneof(
  stream(response(false)),
  mutated(stream(response(true))),
  responseStream,
);

/** Methods of the requests that are answered. */
export const requestMethod = fc.constantFrom('GET', 'GET', 'GET', 'POST', 'HEAD', 'CONNECT');

function stream(message: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.array(message, { minLength: 1, maxLength: 4 }).map((messages) => messages.join(''));
}

/** A stream with octets replaced, put in, left out or doubled, or cut off. */
function mutated(original: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const octet = fc.oneof(
    fc.constantFrom(...SHARP_CHARACTERS),
    fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  );
  const change = fc.tuple(
    fc.constantFrom('replace', 'insert', 'remove', 'repeat', 'end'),
    share,
    octet,
    fc.integer({ min: 1, max: 12 }),
  );
  return fc.tuple(original, fc.array(change, { minLength: 1, maxLength: 3 })).map(([before, changes]) => {
    let after = before;
    for (const [kind, where, replacement, length] of changes) {
      const at = Math.floor(where * after.length);
      if (kind === 'replace') after = after.slice(0, at) + replacement + after.slice(at + 1);
      else if (kind === 'insert') after = after.slice(0, at) + replacement + after.slice(at);
      else if (kind === 'remove') after = after.slice(0, at) + after.slice(at + length);
      else if (kind === 'repeat') after = after.slice(0, at + length) + after.slice(at);
      else if (length === 1) after = after.slice(0, at);
    }
    return after;
  });
}
