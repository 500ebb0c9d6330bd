import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { crc32c } from '../kit/crc32c.ts';
import { encodeProxyHeader, parseProxyHeader } from './proxy-protocol.ts';

const SIGNATURE = '0d0a0d0a000d0a515549540a';

function v1(line: string) {
  return Buffer.from(line, 'latin1');
}

/** A version 2 header from its 13th byte on, in hex; the length field is put in after the family. */
function v2(versionCommandFamily: string, rest = '') {
  const restBytes = Buffer.from(rest.replaceAll(' ', ''), 'hex');
  const length = restBytes.length.toString(16).padStart(4, '0');
  return Buffer.concat([Buffer.from(SIGNATURE + versionCommandFamily + length, 'hex'), restBytes]);
}

function withChecksum(versionCommandFamily: string, rest: string) {
  const bytes = v2(versionCommandFamily, `${rest} 03 0004 00000000`);
  bytes.writeUInt32BE(crc32c(bytes), bytes.length - 4);
  return bytes;
}

const IPV4 = 'c0000201 c6336402 dc04 01bb';
const IPV4_ENDS = {
  source: { ip: '192.0.2.1', port: 56324 },
  destination: { ip: '198.51.100.2', port: 443 },
};
const IPV6 = `${'20010db8 00000000 00000000 00000001'} ${'20010db8 00000000 00000000 00000002'} 0001 ffff`;
const IPV6_ENDS = { source: { ip: '2001:db8::1', port: 1 }, destination: { ip: '2001:db8::2', port: 65535 } };
const NO_END = { ip: '', port: 0 };

const headers: readonly (readonly [string, Buffer, object])[] = [
  ['v1 TCP4', v1('PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n'), IPV4_ENDS],
  ['v1 TCP6', v1('PROXY TCP6 2001:DB8:0:0::1 2001:db8::2 1 65535\r\n'), IPV6_ENDS],
  [
    'v1 TCP6 with mapped IPv4',
    v1('PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.2 56324 443\r\n'),
    IPV4_ENDS,
  ],
  ['v1 UNKNOWN', v1('PROXY UNKNOWN\r\n'), {}],
  ['v1 UNKNOWN with addresses', v1('PROXY UNKNOWN 1.2.3.4 5.6.7.8 1 2\r\n'), {}],
  ['v1 UNKNOWN with anything', v1(`PROXY UNKNOWN ${'\xff'.repeat(91)}\r\n`), {}],
  ['v2 IPv4', v2('2111', IPV4), IPV4_ENDS],
  ['v2 IPv6', v2('2121', IPV6), IPV6_ENDS],
  ['v2 Unix', v2('2131', '61'.repeat(216)), { source: NO_END, destination: NO_END }],
  ['v2 IPv4 with TLVs', v2('2111', `${IPV4} 01 0002 6832 ee 0000`), IPV4_ENDS],
  ['v2 IPv4 with a checksum', withChecksum('2111', `${IPV4} 04 0003 000000`), IPV4_ENDS],
  ['v2 unspecified', v2('2100'), {}],
  ['v2 unspecified with something', v2('2100', 'ffffff'), {}],
  ['v2 datagram', v2('2112', IPV4), {}],
  ['v2 LOCAL', v2('2000'), { local: true }],
  ['v2 LOCAL with an odd family and block', v2('20ff', 'aabb'), { local: true }],
  ['v2 as long as allowed', v2('2111', `${IPV4} 04 0ff1 ${'00'.repeat(4081)}`), IPV4_ENDS],
];

for (const [name, bytes, expected] of headers) {
  test(`reads ${name}, and leaves what follows`, () => {
    const header = { kind: 'header', bytes: bytes.length, local: false, ...expected };
    assert.deepEqual(parseProxyHeader(Buffer.concat([bytes, Buffer.from('GET /\r\n')])), header);
    assert.deepEqual(parseProxyHeader(bytes), header);
  });

  test(`waits for the rest of ${name} wherever it is cut`, () => {
    for (let length = 0; length < bytes.length; length++) {
      assert.deepEqual(
        parseProxyHeader(bytes.subarray(0, length)),
        { kind: 'more' },
        `after ${length} bytes`,
      );
    }
  });
}

const invalid: readonly (readonly [string, Buffer])[] = [
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\n')],
  ['one wrong byte', Buffer.from('Q')],
  ['lower case', v1('proxy TCP4 192.0.2.1 198.51.100.2 1 2\r\n')],
  ['two spaces', v1('PROXY  TCP4 192.0.2.1 198.51.100.2 1 2\r\n')],
  ['a space at the end', v1('PROXY TCP4 192.0.2.1 198.51.100.2 1 2 \r\n')],
  ['a tab', v1('PROXY\tTCP4 192.0.2.1 198.51.100.2 1 2\r\n')],
  ['a line feed alone', v1('PROXY TCP4 192.0.2.1 198.51.100.2 1 2\n')],
  ['no CRLF in 107 bytes', v1(`PROXY UNKNOWN ${'x'.repeat(93)}`)],
  ['CRLF at byte 108', v1(`PROXY UNKNOWN ${'x'.repeat(92)}\r\n`)],
  ['another protocol', v1('PROXY UDP4 192.0.2.1 198.51.100.2 1 2\r\n')],
  ['UNKNOWN and more letters', v1('PROXY UNKNOWNS\r\n')],
  ['IPv6 as TCP4', v1('PROXY TCP4 ::1 ::2 1 2\r\n')],
  ['IPv4 as TCP6', v1('PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n')],
  ['a zone', v1('PROXY TCP6 fe80::1%lo fe80::2 1 2\r\n')],
  ['a leading zero in an address', v1('PROXY TCP4 192.0.02.1 198.51.100.2 1 2\r\n')],
  ['a leading zero in a port', v1('PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n')],
  ['a port too large', v1('PROXY TCP4 192.0.2.1 198.51.100.2 1 65536\r\n')],
  ['a signed port', v1('PROXY TCP4 192.0.2.1 198.51.100.2 +1 2\r\n')],
  ['a missing port', v1('PROXY TCP4 192.0.2.1 198.51.100.2 1\r\n')],
  ['v2 with version 1', v2('1111', IPV4)],
  ['v2 with version 3', v2('3111', IPV4)],
  ['v2 with another command', v2('2211', IPV4)],
  ['v2 with another family', v2('2141', IPV4)],
  ['v2 with another transport', v2('2113', IPV4)],
  ['v2 IPv4 cut off', v2('2111', IPV4.slice(2))],
  ['v2 IPv6 with IPv4 addresses', v2('2121', IPV4)],
  ['v2 Unix cut off', v2('2131', '61'.repeat(215))],
  ['v2 too long', v2('2111', '00'.repeat(4097))],
  ['a TLV cut off in its length', v2('2111', `${IPV4} 0400`)],
  ['a TLV cut off in its value', v2('2111', `${IPV4} 04 0002 00`)],
  ['a wrong checksum', v2('2111', `${IPV4} 03 0004 00000000`)],
  ['a short checksum', v2('2111', `${IPV4} 03 0003 000000`)],
  ['two checksums', withChecksum('2111', `${IPV4} 03 0004 00000000`)],
];

for (const [name, bytes] of invalid) {
  test(`refuses ${name}`, () => {
    assert.equal(parseProxyHeader(bytes).kind, 'invalid');
  });
}

test('refuses a wrong beginning at its first wrong byte', () => {
  for (const good of [v1('PROXY '), Buffer.from(SIGNATURE, 'hex')]) {
    for (let i = 0; i < good.length; i++) {
      const bytes = Buffer.from(good.subarray(0, i + 1));
      bytes[i] = (bytes[i] ?? 0) ^ 0x80;
      assert.equal(parseProxyHeader(bytes).kind, 'invalid');
    }
  }
});

test('refuses a version 2 header that is too long before it has arrived', () => {
  assert.equal(parseProxyHeader(v2('2111', '00'.repeat(4097)).subarray(0, 16)).kind, 'invalid');
});

test('refuses each header with a checksum in which one bit was turned', () => {
  const bytes = withChecksum('2111', `${IPV4} 01 0002 6832`);
  for (let bit = 16 * 8; bit < bytes.length * 8; bit++) {
    const turned = Buffer.from(bytes);
    turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    // A TLV type that was the checksum's is another TLV then; a longer one is cut off.
    if (bit >> 3 === bytes.length - 7) continue;
    assert.equal(parseProxyHeader(turned).kind, 'invalid', `bit ${bit}`);
  }
});

const port = fc.integer({ min: 0, max: 65535 });
const end = (ip: fc.Arbitrary<string>) => fc.record({ ip, port }, { noNullPrototype: true });

for (const version of ['v1', 'v2'] as const) {
  for (const [family, ip] of [
    ['IPv4', fc.ipV4()],
    ['IPv6', fc.ipV6().filter((text) => !text.includes('.'))],
  ] as const) {
    test(`reads every ${version} header that it writes for ${family}`, () => {
      fc.assert(
        fc.property(end(ip), end(ip), (source, destination) => {
          const bytes = encodeProxyHeader(version, { source, destination });
          const header = parseProxyHeader(bytes);
          assert.ok(
            header.kind === 'header' && header.source !== undefined && header.destination !== undefined,
          );
          assert.equal(header.bytes, bytes.length);
          assert.equal(header.source.port, source.port);
          assert.equal(header.destination.port, destination.port);
          // Written again from its canonical addresses it is the same.
          const { source: from, destination: to } = header;
          assert.deepEqual(encodeProxyHeader(version, { source: from, destination: to }), bytes);
          if (family === 'IPv4') assert.deepEqual([from, to], [source, destination]);
        }),
      );
    });
  }
}

test('writes what the specification shows', () => {
  assert.equal(
    encodeProxyHeader('v1', IPV4_ENDS).toString(),
    'PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n',
  );
  assert.equal(
    encodeProxyHeader('v1', IPV6_ENDS).toString(),
    'PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n',
  );
  assert.deepEqual(encodeProxyHeader('v2', IPV4_ENDS), v2('2111', IPV4));
  assert.deepEqual(encodeProxyHeader('v2', IPV6_ENDS), v2('2121', IPV6));
});

test('writes IPv4 that came over a dual-stack socket as IPv4, and mixed ends as IPv6', () => {
  const source = { ip: '::ffff:192.0.2.1', port: 1 };
  assert.equal(
    encodeProxyHeader('v1', { source, destination: { ip: '198.51.100.2', port: 2 } }).toString(),
    'PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\n',
  );
  assert.equal(
    encodeProxyHeader('v1', { source, destination: { ip: '2001:db8::2', port: 2 } }).toString(),
    'PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 1 2\r\n',
  );
});

test('writes the ends of Unix sockets as unknown', () => {
  const ends = { source: NO_END, destination: IPV4_ENDS.destination };
  assert.equal(encodeProxyHeader('v1', ends).toString(), 'PROXY UNKNOWN\r\n');
  assert.deepEqual(encodeProxyHeader('v2', ends), v2('2000'));
});

// Random bytes hardly ever get past the signature, so most of these begin with a good one.
const hostile = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.uint8Array({ maxLength: 300 }).map((rest) => Buffer.concat([Buffer.from(SIGNATURE, 'hex'), rest])),
  fc
    .tuple(fc.constantFrom('2111', '2121', '2131', '2100', '2000'), fc.uint8Array({ maxLength: 300 }))
    .map(([kind, rest]) => v2(kind, Buffer.from(rest).toString('hex'))),
  fc.string({ unit: fc.constantFrom(...'PROXY TCP46.:0123456789\r\n') }).map((rest) => v1(`PROXY ${rest}`)),
);

test('says the same of hostile bytes however they arrive, and never more than it was given', () => {
  fc.assert(
    fc.property(hostile, (bytes) => {
      const whole = parseProxyHeader(bytes);
      let length = 0;
      let first = parseProxyHeader(bytes.subarray(0, 0));
      while (first.kind === 'more' && length < bytes.length)
        first = parseProxyHeader(bytes.subarray(0, ++length));
      assert.deepEqual(first, whole);
      if (whole.kind === 'header') assert.equal(whole.bytes, length);
    }),
    { numRuns: 2000 },
  );
});
