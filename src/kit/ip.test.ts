import assert from 'node:assert/strict';
import { isIPv6, SocketAddress } from 'node:net';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { formatIp, mapIp, parseIp, unmapIp } from './ip.ts';

const forms: readonly (readonly [string, string])[] = [
  ['0.0.0.0', '0.0.0.0'],
  ['255.255.255.255', '255.255.255.255'],
  ['::', '::'],
  ['::1', '::1'],
  ['1::', '1::'],
  ['2001:DB8::A', '2001:db8::a'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['::ffff:10.0.0.1', '::ffff:10.0.0.1'],
  ['::ffff:a00:1', '::ffff:10.0.0.1'],
  ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
];

for (const [text, canonical] of forms) {
  test(`${text} is written ${canonical}`, () => {
    const bytes = parseIp(text);
    assert.ok(bytes !== undefined);
    assert.equal(formatIp(bytes), canonical);
  });
}

for (const text of [
  '',
  '1.2.3',
  '01.2.3.4',
  '1.2.3.256',
  '1.2.3.4 ',
  ':::',
  '1:2:3:4:5:6:7:8:9',
  'fe80::1%eth0',
  'host',
]) {
  test(`"${text}" is not an address`, () => {
    assert.equal(parseIp(text), undefined);
  });
}

test('every IPv6 address survives being written and read, in the form Node gives it', () => {
  const groups = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), {
    minLength: 8,
    maxLength: 8,
  });
  fc.assert(
    fc.property(groups, (words) => {
      const bytes = Uint8Array.from(words.flatMap((word) => [word >> 8, word & 0xff]));
      const text = formatIp(bytes);
      assert.ok(isIPv6(text), text);
      assert.deepEqual(parseIp(text), bytes);
      // The C library also writes the deprecated IPv4-compatible form with dots (`::1.2.3.4`), RFC 5952 does not.
      if (words.slice(0, 6).some((word) => word !== 0)) {
        assert.equal(text, new SocketAddress({ address: text, family: 'ipv6' }).address);
      }
    }),
  );
});

test('maps IPv4 into IPv6 and back, and leaves real IPv6 alone', () => {
  const bytes = Uint8Array.of(10, 0, 0, 1);
  assert.equal(formatIp(mapIp(bytes)), '::ffff:10.0.0.1');
  assert.deepEqual(unmapIp(mapIp(bytes)), bytes);
  const six = Uint8Array.from({ length: 16 }, (_, i) => i);
  assert.equal(unmapIp(six), six);
  assert.equal(mapIp(six), six);
});
