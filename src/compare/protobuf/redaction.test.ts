import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { fromBinary, fromJson, toBinary, toJson } from '@bufbuild/protobuf';
import type { JsonValue } from '@bufbuild/protobuf';
import { array, assert, property, uint8Array } from 'fast-check';
import { DEFAULT_COMPARE } from '../../model/compare-settings.ts';
import { SHOP_DESCRIPTORS, SHOP_REGISTRY, shopType } from './fixture.ts';
import { createMessageRedaction } from './redaction.ts';

const ORDER = shopType('Order');
const PROTOBUF = {
  ...DEFAULT_COMPARE.protobuf,
  descriptors: Buffer.from(SHOP_DESCRIPTORS).toString('base64'),
};
const COMPARE = { ...DEFAULT_COMPARE, protobuf: PROTOBUF };

function redaction(fields: readonly string[]) {
  return createMessageRedaction(COMPARE, fields)?.of('/none', 'request', 'shop.Order');
}

function binary(order: JsonValue): Buffer {
  return Buffer.from(toBinary(ORDER, fromJson(ORDER, order, { registry: SHOP_REGISTRY })));
}

const ITEM = { sku: 'A', quantity: 2, codes: ['1', '2'] };
const CASES: readonly (readonly [
  what: string,
  fields: readonly string[],
  before: JsonValue,
  after: JsonValue,
])[] = [
  ['a text', ['id'], { id: 'x', total: 2 }, { id: 'redacted', total: 2 }],
  ['bytes', ['raw'], { raw: 'AAAA' }, { raw: Buffer.from('redacted').toString('base64') }],
  ['numbers, which are left out', ['total', 'state'], { id: 'x', total: 2, state: 'PAID' }, { id: 'x' }],
  ['a message', ['first'], { id: 'x', first: ITEM }, { id: 'x' }],
  ['in a message', ['first.sku'], { first: ITEM }, { first: { ...ITEM, sku: 'redacted' } }],
  [
    'in a message of a message',
    ['first.parent.sku'],
    { first: { parent: ITEM } },
    { first: { parent: { ...ITEM, sku: 'redacted' } } },
  ],
  [
    'in every element',
    ['items.*.sku'],
    { items: [ITEM, ITEM] },
    {
      items: [
        { ...ITEM, sku: 'redacted' },
        { ...ITEM, sku: 'redacted' },
      ],
    },
  ],
  [
    'in one element',
    ['items.1.sku'],
    { items: [ITEM, ITEM] },
    { items: [ITEM, { ...ITEM, sku: 'redacted' }] },
  ],
  ['by the name in JSON', ['secretNote'], { secretNote: 'x' }, { secretNote: 'redacted' }],
  ['by the name in the .proto file', ['secret_note'], { secretNote: 'x' }, { secretNote: 'redacted' }],
  ['a list', ['items'], { id: 'x', items: [ITEM, ITEM] }, { id: 'x' }],
  ['a list of texts, which is one then', ['tags'], { tags: ['a', 'b'] }, { tags: ['redacted'] }],
  ['elements that are texts', ['tags.*'], { tags: ['a', 'b'] }, { tags: ['redacted', 'redacted'] }],
  ['packed numbers', ['numbers.1'], { id: 'x', numbers: [1, 2] }, { id: 'x' }],
  ['a map', ['labels'], { id: 'x', labels: { a: 'b' } }, { id: 'x' }],
  ['a value of a map', ['labels.a'], { labels: { a: 'b', c: 'd' } }, { labels: { a: 'redacted', c: 'd' } }],
  [
    'all values of a map',
    ['labels.*'],
    { labels: { a: 'b', c: 'd' } },
    { labels: { a: 'redacted', c: 'redacted' } },
  ],
  [
    'in values of a map',
    ['stock.*.sku'],
    { stock: { 7: ITEM } },
    { stock: { 7: { ...ITEM, sku: 'redacted' } } },
  ],
  ['a field of a oneof', ['note'], { note: 'x' }, { note: 'redacted' }],
  [
    'what is packed into an Any',
    ['extra.sku'],
    { extra: { '@type': 'type.googleapis.com/shop.Item', ...ITEM } },
    { extra: { '@type': 'type.googleapis.com/shop.Item', ...ITEM, sku: 'redacted' } },
  ],
  ['nothing that is not named', ['user.email'], { id: 'x', items: [ITEM] }, { id: 'x', items: [ITEM] }],
  ['nothing where the path goes on below a text', ['id.name'], { id: 'x' }, { id: 'x' }],
];

for (const [what, fields, before, after] of CASES) {
  test(`takes out ${what}`, () => {
    const redacted = redaction(fields)?.(binary(before));
    const options = { registry: SHOP_REGISTRY };
    const wanted = toJson(ORDER, fromBinary(ORDER, binary(after)), options);
    deepEqual(toJson(ORDER, fromBinary(ORDER, redacted ?? Buffer.of(0)), options), wanted);
  });
}

test('a message without named fields stays the same object', () => {
  const bytes = binary({ id: 'x', items: [ITEM], labels: { a: 'b' } });
  equal(redaction(['user', 'items.*.owner'])?.(bytes), bytes);
});

test('fields that have no known name are left out, as they may be what is named', () => {
  const unknown = Buffer.of(0xf8, 0x7f, 1);
  const secret = Buffer.concat([binary({ id: 'x' }), unknown]);
  deepEqual(redaction(['user'])?.(secret), binary({ id: 'x' }));
});

test('an Any of an unknown type keeps its name only', () => {
  const type = 'type/X.Y';
  const packed = Buffer.concat([
    Buffer.of(0x0a, type.length),
    Buffer.from(type),
    Buffer.of(0x12, 3),
    Buffer.from('123'),
  ]);
  const order = Buffer.concat([Buffer.of(0x7a, packed.length), packed]);
  const redacted = redaction(['extra.email'])?.(order)?.toString('latin1') ?? '';
  equal(redacted.includes('123'), false);
  equal(redacted.includes('type/X.Y'), true);
});

test('what cannot be read is not let through', () => {
  equal(redaction(['id'])?.(Buffer.of(0xff)), undefined);
  const bomb = Array.from({ length: 300 }).reduce<Buffer>(
    (inner) => Buffer.concat([Buffer.from([0x2a, ...lengthOf(inner.length)]), inner]),
    Buffer.alloc(0),
  );
  const deep = Buffer.concat([Buffer.from([0x42, ...lengthOf(bomb.length)]), bomb]);
  const path = `first${'.parent'.repeat(200)}.sku`;
  equal(redaction([path])?.(deep), undefined);
});

function lengthOf(length: number): readonly number[] {
  return length < 128 ? [length] : [(length % 128) + 128, Math.floor(length / 128)];
}

test('types are known by method and by name, and by nothing without descriptors', () => {
  const known = createMessageRedaction(COMPARE, ['id']);
  equal(typeof known?.of('/shop.Orders/Get', 'answer', undefined), 'function');
  equal(known?.of('/shop.Orders/None', 'answer', undefined), undefined);
  equal(createMessageRedaction(DEFAULT_COMPARE, ['id']), undefined);
  equal(createMessageRedaction(COMPARE, []), undefined);
  const broken = { ...COMPARE, protobuf: { ...PROTOBUF, descriptors: 'AAAA' } };
  equal(createMessageRedaction(broken, ['id'])?.of('/shop.Orders/Get', 'answer', undefined), undefined);
});

test('any bytes are redacted or refused, and no named text is left', () => {
  const redact = redaction(['id', 'items.*.sku', 'labels.*', 'extra.sku']);
  assert(
    property(array(uint8Array({ maxLength: 12 }), { maxLength: 6 }), (parts) => {
      const out = redact?.(Buffer.concat([binary({ id: 'secret', items: [{ sku: 'secret' }] }), ...parts]));
      equal(out?.includes('secret') ?? false, false);
    }),
  );
});
