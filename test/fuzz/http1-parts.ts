import * as fc from 'fast-check';

// Parts of messages, as strings with an octet per character. `hostile` parts are what attackers and bad programs send.

const TOKEN_CHARACTERS = "ABCXYZabcxyz0129!#$%&'*+-.^_`|~";
const VALUE_CHARACTERS = 'abcXYZ019 ,;=:"/\\\t!~\x80\xa0\xff';

export const text = (characters: string, maxLength: number, minLength = 0) =>
  fc.string({ unit: fc.constantFrom(...characters), minLength, maxLength });

const anyOctets = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 40,
});

/** Content, now and then such that it looks like framing. */
export const content = fc.oneof(
  { weight: 3, arbitrary: anyOctets },
  { weight: 1, arbitrary: anyOctets.map((part) => part.repeat(8)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '',
      '0\r\n\r\n',
      '\r\n',
      'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
      'HTTP/1.1 200 OK\r\n\r\n',
    ),
  },
);

const fieldName = text(TOKEN_CHARACTERS, 17, 1).filter(
  // These would change what a message means; they are added on purpose below.
  (name) => !['host', 'connection', 'content-length', 'transfer-encoding'].includes(name.toLowerCase()),
);
const space = fc.constantFrom('', ' ', '\t', ' \t ');
const fieldLine = fc
  .tuple(fieldName, space, text(VALUE_CHARACTERS, 20), space)
  .map(([name, before, value, after]) => `${name}:${before}${value}${after}\r\n`);

const usualLine = fc.constantFrom(
  'Connection: keep-alive\r\n',
  'connection: x , Keep-Alive\r\n',
  'Connection: close\r\n',
  'Upgrade: websocket\r\nConnection: Upgrade\r\n',
  'Expect: 100-continue\r\n',
  'Cookie: a=b; c="d"\r\n',
  'X-Empty:\r\n',
);

const hostileLine = fc.constantFrom(
  ...[
    '5',
    '0',
    '05',
    '5, 5',
    '+5',
    '-1',
    ' 5 ',
    '5 5',
    '',
    '0x5',
    '1e1',
    '99999999999999999999',
    '9007199254740992',
  ].map((length) => `Content-Length: ${length}\r\n`),
  ...[
    'chunked',
    'Chunked',
    'gzip',
    'identity',
    'gzip, chunked',
    'chunked, chunked',
    'chunked, gzip',
    'chunked,',
    ',chunked',
    '\tchunked ',
    'xchunked',
    'chunked;a=b',
    '"chunked"',
    'chunked\xa0',
    '',
  ].map((coding) => `Transfer-Encoding: ${coding}\r\n`),
  ...['b', '', 'a b', 'a,b', 'u@a', 'a/b'].map((host) => `Host: ${host}\r\n`),
  'Content-Length : 5\r\n',
  'Transfer-Encoding : chunked\r\n',
  'Content-Length:\x0b5\r\n',
  'Content_Length: 5\r\n',
  ' Content-Length: 5\r\n',
  'X: y\r\n Transfer-Encoding: chunked\r\n',
  'X: y\r\n\tz\r\n',
  'X: y\nContent-Length: 5\r\n',
  'X: y\rContent-Length: 5\r\n',
  'X: y\r\r\n',
  'X: y\n\r\n',
  'X\r\n',
  ': y\r\n',
  'X: a\0b\r\n',
  'X: \x7f\r\n',
  '\r\n',
  '\n',
);

export const lines = (hostile: boolean) =>
  fc
    .array(
      fc.oneof(
        { weight: 4, arbitrary: fieldLine },
        { weight: 1, arbitrary: usualLine },
        { weight: hostile ? 2 : 0, arbitrary: hostileLine },
      ),
      { maxLength: 5 },
    )
    .map((list) => list.join(''));

const extension = fc.oneof(
  { weight: 4, arbitrary: fc.constant('') },
  { weight: 2, arbitrary: fc.constantFrom(';a', ';a=b', ';a="b\\"c;\t\x80"', ';a;b=c', ';a=""') },
);
const hostileExtension = fc.oneof(
  { weight: 4, arbitrary: extension },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      ' ',
      ';',
      ';;a',
      '; a',
      ' ;a',
      ';a=',
      ';a =b',
      ';a= b',
      ';=b',
      ';a="',
      ';a="b"c',
      ';a="\n"',
      '\n',
      '\r',
      ';\n',
      ';a\n',
    ),
  },
);
const hostileSize = fc.constantFrom(
  '',
  'x',
  '-1',
  '+5',
  '0x5',
  ' 5',
  '20000000000000',
  'ffffffffffffffff',
  '10000000000000005',
);

function chunkedBody(hostile: boolean): fc.Arbitrary<string> {
  const chunk = fc
    .tuple(
      content.filter((data) => data !== ''),
      fc.constantFrom('', '0', '000'),
      hostile ? hostileExtension : extension,
      hostile ? fc.option(hostileSize, { freq: 20, nil: undefined }) : fc.constant(undefined),
      hostile
        ? fc.constantFrom('\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r', '', 'x\r\n')
        : fc.constant('\r\n'),
    )
    .map(
      ([data, zeros, extra, size, end]) =>
        `${size ?? zeros + data.length.toString(16)}${extra}\r\n${data}${end}`,
    );
  const trailers = fc.oneof(
    { weight: 3, arbitrary: fc.constant('') },
    { weight: 1, arbitrary: fc.array(fieldLine, { maxLength: 2 }).map((list) => list.join('')) },
    { weight: hostile ? 1 : 0, arbitrary: hostileLine },
  );
  return fc
    .tuple(fc.array(chunk, { maxLength: 4 }), fc.constantFrom('0', '000'), extension, trailers)
    .map(([chunks, zero, extra, trailer]) => `${chunks.join('')}${zero}${extra}\r\n${trailer}\r\n`);
}

/** Framing fields and the body that belongs to them; `''` first for none. */
export function body(hostile: boolean): fc.Arbitrary<readonly [fields: string, body: string]> {
  return fc.oneof(
    fc.constant(['', ''] as const),
    content.map((data) => [`Content-Length: ${data.length}\r\n`, data] as const),
    chunkedBody(hostile).map((data) => ['Transfer-Encoding: chunked\r\n', data] as const),
  );
}
