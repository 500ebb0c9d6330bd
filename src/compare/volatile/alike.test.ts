import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LOOKED_CHARS, alike, recognise } from './alike.ts';

const positives: readonly (readonly [kind: string, primary: string, other: string])[] = [
  ['uuid', '3f2a8c1e-9b4d-4e6f-8a1b-2c3d4e5f6071', 'b81d5e02-77aa-4c39-9d10-5e0f6a7b8c9d'],
  ['uuid', '0190f7a4-1c2b-7d3e-8f4a-5b6c7d8e9f01', '0190f7a4-1c2c-7aaa-8f4a-0b6c7d8e9f55'],
  ['uuid', '3F2A8C1E-9B4D-1E6F-8A1B-2C3D4E5F6071', 'B81D5E02-77AA-1C39-9D10-5E0F6A7B8C9D'],
  ['ulid', '01JDAY7Z8K3M4N5P6Q7R8S9TVW', '01JDAY80AB9C8D7E6F5G4H3J2K'],
  ['ksuid', '2pQ8kXyZ1aBcDeFgH3iJkLmN0oP', '2pQ8kZaT9bVwXyQ2rS4tUvW1xYz'],
  ['timestamp', '2026-11-22T19:50:21Z', '2026-11-22T19:50:22Z'],
  ['timestamp', '2026-11-22T19:50:21.123456+02:00', '2026-11-22T19:50:21.9+02:00'],
  ['timestamp', '2026-11-22 19:50:21', '2026-11-22 19:51:00'],
  ['timestamp', '20261122T195021Z', '20261122T195022Z'],
  ['timestamp', '20261122195021', '20261122195101'],
  ['timestamp', 'Sun, 22 Nov 2026 19:50:21 GMT', 'Mon, 23 Nov 2026 00:00:01 GMT'],
  ['timestamp', 'Sun, 22 Nov 2026 19:50:21 +0100', 'Sun, 22 Nov 2026 19:50:23 +0100'],
  ['timestamp', 'Sunday, 22-Nov-26 19:50:21 GMT', 'Sunday, 22-Nov-26 19:50:22 GMT'],
  ['timestamp', 'Sun Nov  1 19:50:21 2026', 'Sun Nov  1 19:50:59 2026'],
  ['timestamp', 'Sun Nov 22 2026 19:50:21 GMT+0000', 'Sun Nov 22 2026 19:50:22 GMT+0000'],
  ['timestamp', '22/Nov/2026:19:50:21 +0000', '22/Nov/2026:19:50:22 +0000'],
  ['timestamp', '11/22/2026, 7:50:21 PM', '11/22/2026, 11:50:21 AM'],
  ['timestamp', 'November 22, 2026 at 7:50 PM', 'November 22, 2026 at 7:51 PM'],
  ['epoch', '1795377021', '1795377022'],
  ['epoch', '1795377021123', '1795377029999'],
  ['epoch', '1795377021123456', '1795377021999999'],
  ['epoch', '1795377021123456789', '1795377022123456789'],
  ['epoch', '1795377021.123', '1795377022.5'],
  ['hash', '5d41402abc4b2a76b9719d911017c592', '7d793037a0760186574b0282f2f435e7'],
  ['hash', 'aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d', '7c211433f02071597741e6ff5a8ea34789abbf43'],
  ['hash', '00f067aa0ba902b7', 'b7ad6b7169203331'],
  ['hash', '507f1f77bcf86cd799439011', '507f1f77bcf86cd799439012'],
  [
    'jwt',
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlLW9uZQ',
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIyIn0.c2lnbmF0dXJlLXR3bw',
  ],
  ['token', 'pX7vQ2mK9sT4wR8yB1nC6dF3', 'Zt5hJ0aL2gE7uI9oN4kM8xV1'],
  ['token', 'kH3+vQ/9sTzW4x8yB1nC6dF3Ab==', 'Zt5hJ0aL2gE7/I9oN4kM8xV1Q2=='],
  ['token', 'cm3t8x9k20001l708a1b2c3d4', 'cm3u0p1q9r702x5z8w4e6t1y3'],
  ['address', '0x7ffee4b2c8a0', '0x55d0c2b1a4f0'],
  ['duration', '12.345ms', '9.1ms'],
  ['duration', '0.0123s', '0.0098s'],
  ['duration', '12ms', '15ms'],
  ['duration', '1m2.345s', '1m3.101s'],
];
for (const [kind, primary, other] of positives) {
  test(`${primary} is a ${kind}, like ${other}`, () => {
    assert.equal(recognise(primary), kind);
    assert.equal(alike(primary, other), true);
    assert.equal(alike(other, primary), true);
  });
}

const embedded: readonly (readonly [primary: string, other: string])[] = [
  [
    'order 3f2a8c1e-9b4d-4e6f-8a1b-2c3d4e5f6071 created at 2026-11-22T19:50:21Z',
    'order b81d5e02-77aa-4c39-9d10-5e0f6a7b8c9d created at 2026-11-22T19:50:22Z',
  ],
  [
    '/orders/3f2a8c1e-9b4d-4e6f-8a1b-2c3d4e5f6071/items',
    '/orders/b81d5e02-77aa-4c39-9d10-5e0f6a7b8c9d/items',
  ],
  ['/assets/main.8f3a2c1b.js', '/assets/main.02b7d9fe.js'],
  ['com.example.Order@1b6d3586', 'com.example.Order@4554617c'],
  ['took 12ms', 'took 15ms'],
  ['urn:uuid:3f2a8c1e-9b4d-4e6f-8a1b-2c3d4e5f6071', 'urn:uuid:b81d5e02-77aa-4c39-9d10-5e0f6a7b8c9d'],
  [
    '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    '00-a3ce929d0e0e47364bf92f3577b34da6-b7ad6b7169203331-01',
  ],
  ['cus_pX7vQ2mK9sT4wR8yB1nC6dF3', 'cus_Zt5hJ0aL2gE7uI9oN4kM8xV1'],
  ['/t/pX7vQ2mK9sT4wR8yB1nC6dF3/items', '/t/Zt5hJ0aL2gE7uI9oN4kM8xV1/items'],
  ['_X7vQ2mK9sT4wR8yB1nC6dF3', 'Zt5hJ0aL2gE7uI9oN4kM8xV1'],
  ['?sid=pX7vQ2mK9sT4wR8yB1nC6dF3&lang=de', '?sid=Zt5hJ0aL2gE7uI9oN4kM8xV1&lang=de'],
  ['generated Sun Nov 22 19:50:21 UTC 2026 by cron', 'generated Sun Nov 22 19:50:24 UTC 2026 by cron'],
];
for (const [primary, other] of embedded) {
  test(`alike in all but volatile parts: ${primary}`, () => assert.equal(alike(primary, other), true));
}

// Texts that look a little like volatile ones, and are not: nothing is taken for noise here.
const plain: readonly string[] = [
  '',
  'a',
  'true',
  'Anna Schmidt',
  'ACTIVE',
  'PENDING_REVIEW',
  'order_status_changed_to_delivered_by_courier',
  '19.99',
  '42',
  '1234567',
  '1.234,56 EUR',
  '$1795377021',
  '1.2.3',
  'v22.11.0-rc.1',
  '10.15.7',
  '#ff8800',
  '0xff8800',
  '0xff00ff00',
  'deadbeef',
  'cafebabe',
  'facade',
  'feedface',
  '1a2b3c4',
  '2026-11-22',
  '22.11.2026',
  '19:50:21',
  '09:00-17:30',
  '+1795377021',
  '4155552671',
  '9007199254740993',
  '4111111111111111',
  '978-3-16-148410-0',
  '9783161484100',
  '4006381333931',
  'DE89370400440532013000',
  'BE68539007547034',
  'AD1200012030200359100100',
  '0xffffffffffff',
  'ubuntu2204lts64bitserver5g',
  'user1account2name3street4city5',
  'MT84MALT011000012345MTLCAST001S',
  '192.168.100.200',
  '2001:db8::8a2e:370:7334',
  '00:1b:44:11:3a:b7',
  'https://example.com/products/blue-suede-shoes-2024-edition',
  'application/vnd.example.order.v2+json',
  'getUserAccountByIdAndOrganisation',
  'AbstractSingletonProxyFactoryBean2',
  'com.example.service.OrderServiceImplementation',
  'my-product-name-2024-edition-xl-blue',
  'iPhone15ProMax256GBNaturalTitanium',
  'Donaudampfschifffahrtsgesellschaft',
  'SKU-2024-000123',
  '30s',
  '500ms',
  '5m',
  '1h30m',
  '100 km',
  '00000000-0000-0000-0000-000000000000',
  '00000000-0000-0000-0000-000000000001',
  '11111111111111111111111111111111',
  'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
  'MTIz',
  'SGVsbG8=',
  'en-US,en;q=0.9,de;q=0.8',
  'Mon',
  'March 2026',
  '2026-13-45T99:99:99Z',
  'eyJ',
  'user@2f4a1c.com',
];
for (const text of plain) {
  test(`not volatile: ${JSON.stringify(text)}`, () => assert.equal(recognise(text), undefined));
}

const unlike: readonly (readonly [primary: string, other: string])[] = [
  ['Anna', 'Bernd'],
  ['19.99', '20.99'],
  ['ACTIVE', 'CLOSED'],
  ['#ff8800', '#00ff88'],
  ['v1.2.3', 'v1.2.4'],
  ['500ms', '250ms'],
  ['30s', '60s'],
  ['4155552671', '4155552672'],
  ['2026-11-22', '2026-11-23'],
  // Of one kind, but not in one form.
  ['2026-11-22T19:50:21Z', '2026-11-22T19:50:21+00:00'],
  ['2026-11-22T19:50:21Z', '2026-11-22 19:50:21Z'],
  ['2026-11-22T19:50:21Z', 'Sun, 22 Nov 2026 19:50:21 GMT'],
  ['1795377021', '1795377021123'],
  ['3f2a8c1e-9b4d-4e6f-8a1b-2c3d4e5f6071', '3F2A8C1E-9B4D-4E6F-8A1B-2C3D4E5F6071'],
  ['5d41402abc4b2a76b9719d911017c592', 'aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d'],
  ['3f2a8c1e-9b4d-4e6f-8a1b-2c3d4e5f6071', '2026-11-22T19:50:21Z'],
  // Further apart than two answers to one request.
  ['2026-11-22T19:50:21Z', '2024-02-01T08:00:00Z'],
  ['1795377021', '1705377021'],
  // An id beside something that did change.
  ['order 3f2a8c1e-9b4d-4e6f-8a1b-2c3d4e5f6071 open', 'order b81d5e02-77aa-4c39-9d10-5e0f6a7b8c9d shipped'],
  ['3f2a8c1e-9b4d-4e6f-8a1b-2c3d4e5f6071', ''],
  ['3f2a8c1e-9b4d-4e6f-8a1b-2c3d4e5f6071', 'null'],
  ['/t/pX7vQ2mK9sT4wR8yB1nC6dF3/items', '/t/Zt5hJ0aL2gE7uI9oN4kM8xV1/order'],
  ['BE68539007547034', 'BE71096123456769'],
  // Written, with one place changed.
  ['48656c6c6f2c20576f726c64212048656c6c6f21', '48656c6c6f2c20576f726c64212048656c6c6f2e'],
  ['pX7vQ2mK9sT4wR8yB1nC6dF3', 'pX7vQ2mK9sT4wR8yB1nC6dF4'],
];
for (const [primary, other] of unlike) {
  test(`not alike: ${primary} and ${other}`, () => {
    assert.equal(alike(primary, other), false);
    assert.equal(alike(other, primary), false);
  });
}

test('a volatile value within a long text is seen, and a change of another kind beside it', () => {
  const text = 'lorem ipsum '.repeat(LOOKED_CHARS);
  const at = (value: string) => `${text}${value} ${text}`;
  assert.equal(alike(at('2026-11-22T19:50:21Z'), at('2026-11-22T19:50:25Z')), true);
  assert.equal(alike(at('open'), at('shut')), false);
});

test('texts that differ over more than is looked at are not alike', () => {
  const one = '2026-11-22T19:50:21Z '.repeat(LOOKED_CHARS / 10);
  assert.equal(alike(`1${one}`, `${one}1`), false);
});
