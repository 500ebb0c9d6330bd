import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { equals, fromBinary, fromJson, toBinary } from '@bufbuild/protobuf';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import * as fc from 'fast-check';
import { createComparer } from '../../src/compare/comparer.ts';
import { collectingContext } from '../../src/compare/format-fixture.ts';
import { ProtobufComparison } from '../../src/compare/protobuf/comparison.ts';
import { SHOP_DESCRIPTORS, SHOP_REGISTRY, shopType } from '../../src/compare/protobuf/fixture.ts';
import { ProtobufTypes } from '../../src/compare/protobuf/message-types.ts';
import { UNKNOWN } from '../../src/compare/protobuf/well-known.ts';
import { DEFAULT_COMPARE } from '../../src/model/compare-settings.ts';
import type { Answer } from '../../src/model/difference.ts';

const TYPES = new ProtobufTypes(SHOP_DESCRIPTORS);
const ORDER = shopType('Order');
const PLAN = TYPES.message('shop.Order') ?? UNKNOWN;

function found(left: Uint8Array, right: Uint8Array, typed: boolean): readonly string[] {
  const { context, shown } = collectingContext({ exact: true });
  const sizes = left.length + right.length;
  new ProtobufComparison(context, { typeOf: TYPES.message, unset: 'differs' }, sizes).messages(
    Buffer.from(left),
    Buffer.from(right),
    typed ? PLAN : UNKNOWN,
    'body',
  );
  return shown();
}

const item = fc.record(
  {
    sku: fc.string({ maxLength: 12 }),
    quantity: fc.integer({ min: -5, max: 2 ** 31 - 1 }),
    price: fc.double({ noDefaultInfinity: true, noNaN: true }),
    codes: fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String), { maxLength: 4 }),
  },
  { requiredKeys: [] },
);
const order = fc.record(
  {
    id: fc.string({ unit: 'grapheme', maxLength: 20 }),
    total: fc.double({ noDefaultInfinity: true, noNaN: true }),
    serial: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String),
    paid: fc.boolean(),
    state: fc.constantFrom('OPEN', 'PAID', 'SENT'),
    items: fc.array(item, { maxLength: 4 }),
    labels: fc.dictionary(fc.string({ maxLength: 5 }), fc.string({ maxLength: 5 }), { maxKeys: 4 }),
    stock: fc.dictionary(fc.integer({ min: -9, max: 99 }).map(String), item, { maxKeys: 3 }),
    first: item,
    discount: fc.integer({ min: -1, max: 5 }),
    numbers: fc.array(fc.integer({ min: -3, max: 1000 }), { maxLength: 6 }),
    ratios: fc.array(fc.float({ noDefaultInfinity: true, noNaN: true }), {
      maxLength: 4,
    }),
    raw: fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString('base64')),
    tags: fc.array(fc.string({ maxLength: 6 }), { maxLength: 4 }),
  },
  { requiredKeys: [] },
);
type Json = Parameters<typeof fromJson>[1];
const bytesOf = (json: unknown) =>
  toBinary(ORDER, fromJson(ORDER, json as Json, { registry: SHOP_REGISTRY }));

/** Numbers of fields whose values may be written one by one, and how. */
const PACKED: ReadonlyMap<number, (reader: BinaryReader, writer: BinaryWriter) => void> = new Map([
  [12, (reader, writer) => void writer.tag(12, WireType.Varint).int32(reader.int32())],
  [13, (reader, writer) => void writer.tag(13, WireType.Bit32).float(reader.float())],
]);

/** The same message with its fields in another order, and packed ones apart. */
function rewritten(bytes: Uint8Array, turn: number, unpack: boolean): Uint8Array {
  const reader = new BinaryReader(bytes);
  const byNumber = new Map<number, Uint8Array[]>();
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag();
    const writer = new BinaryWriter();
    const one = unpack ? PACKED.get(number) : undefined;
    if (one !== undefined && wire === WireType.LengthDelimited) {
      const packed = new BinaryReader(reader.bytes());
      while (packed.pos < packed.len) one(packed, writer);
    } else writer.tag(number, wire).raw(reader.skip(wire, number));
    byNumber.set(number, [...(byNumber.get(number) ?? []), writer.finish()]);
  }
  const groups = [...byNumber.values()];
  const shift = groups.length === 0 ? 0 : turn % groups.length;
  return Buffer.concat([...groups.slice(shift), ...groups.slice(0, shift)].flat());
}

test('another order of fields, and values that are not packed, are no difference', () => {
  fc.assert(
    fc.property(order, fc.nat(20), fc.boolean(), (json, turn, unpack) => {
      const bytes = bytesOf(json);
      const other = rewritten(bytes, turn, unpack);
      ok(equals(ORDER, fromBinary(ORDER, bytes), fromBinary(ORDER, other)));
      deepEqual(found(bytes, other, true), []);
      deepEqual(found(bytes, other, false), []);
    }),
  );
});

test('finds a difference where @bufbuild/protobuf does', () => {
  fc.assert(
    fc.property(order, order, (json, otherJson) => {
      const bytes = bytesOf(json);
      const other = bytesOf({ ...json, ...otherJson });
      const same = equals(ORDER, fromBinary(ORDER, bytes), fromBinary(ORDER, other));
      equal(found(bytes, other, true).length === 0, same);
    }),
  );
});

const PLANTED: readonly (readonly [change: object, found: string, untyped: string])[] = [
  [{ id: 'planted' }, 'value body.id', 'body.#1'],
  [{ total: 12_345.5 }, 'value body.total', 'body.#2'],
  [{ state: 'SENT' }, 'value body.state', 'body.#5'],
  [{ discount: 4711 }, 'value body.discount', 'body.#11'],
  [{ first: { sku: 'planted' } }, 'value body.first.sku', 'body.#8.#1'],
];
test('one planted change is one difference', () => {
  const base = { id: 'a', total: 1, state: 'PAID', discount: 1, first: { sku: 'b' } };
  const others = order.map(({ items = [], labels = {}, numbers = [], raw = '' }) => ({
    items,
    labels,
    numbers,
    raw,
  }));
  fc.assert(
    fc.property(others, fc.constantFrom(...PLANTED), fc.nat(20), (more, [change, typed, untyped], turn) => {
      const left = bytesOf({ ...more, ...base });
      const right = rewritten(bytesOf({ ...more, ...base, ...change }), turn, true);
      deepEqual(found(left, right, true), [typed]);
      deepEqual(found(left, right, false), [`value ${untyped}`]);
    }),
  );
});

test('what no one wrote never throws', () => {
  const bytes = fc.uint8Array({ maxLength: 200 });
  fc.assert(
    fc.property(bytes, bytes, (left, right) => {
      for (const typed of [true, false]) {
        deepEqual(found(left, left, typed), []);
        found(left, right, typed);
      }
    }),
    { numRuns: 2000 },
  );
});

const TYPE = fc.constantFrom(
  'application/grpc',
  'application/grpc+json',
  'application/grpc-web',
  'application/grpc-web-text',
  'application/connect+proto',
  'application/connect+json',
  'application/x-protobuf',
);
const FIELDS = fc.array(
  fc.tuple(
    fc.constantFrom(
      'grpc-status',
      'grpc-message',
      'grpc-status-details-bin',
      'grpc-encoding',
      'x-a',
      'x-a-bin',
    ),
    fc.string({ maxLength: 20 }),
  ),
  { maxLength: 4 },
);
const FRAME = fc
  .tuple(fc.constantFrom(0, 1, 2, 0x80, 3), fc.uint8Array({ maxLength: 40 }), fc.nat(50))
  .map(([flags, bytes, length]) =>
    Buffer.from([flags, 0, 0, 0, length > 40 ? length : bytes.length, ...bytes]),
  );
const BODY = fc.array(FRAME, { maxLength: 4 }).map((frames) => Buffer.concat(frames));

test('answers to calls that no one gave never throw, and are like themselves', () => {
  const comparer = createComparer(DEFAULT_COMPARE, {
    redact: { headers: [], queryParams: [], jsonFields: [] },
    recognise: true,
  });
  fc.assert(
    fc.property(
      TYPE,
      FIELDS,
      FIELDS,
      BODY,
      FIELDS,
      BODY,
      (type, headers, trailers, body, otherTrailers, otherBody) => {
        const fields = [['content-type', type] as const, ...headers];
        const answer = (bytes: Buffer, ends: NonNullable<Answer['trailers']>): Answer => ({
          status: 200,
          header: (name) => fields.find(([field]) => field === name)?.[1],
          headers: () => fields,
          // In pieces, so that equal ones are not found by their bytes at once.
          body: [bytes.subarray(0, 3), bytes.subarray(3)],
          trailers: ends,
        });
        const one = answer(body, trailers);
        comparer.compare(one, answer(otherBody, otherTrailers), 'POST', 'POST /shop.Orders/Get');
        const again = answer(body, [...trailers, ['x-request-id', 'other']]);
        const withId = answer(body, [['x-request-id', 'one'], ...trailers]);
        deepEqual(comparer.compare(withId, again, 'POST', 'POST /shop.Orders/Get').differences, []);
      },
    ),
    { numRuns: 1000 },
  );
});

test('a message that was damaged never throws', () => {
  const damage = fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 4 });
  fc.assert(
    fc.property(order, damage, (json, places) => {
      const bytes = bytesOf(json);
      const damaged = Buffer.from(bytes);
      for (const [place, value] of places) if (place < damaged.length) damaged[place] = value;
      for (const typed of [true, false]) found(bytes, damaged, typed);
    }),
    { numRuns: 1000 },
  );
});
