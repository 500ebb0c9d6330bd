import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { fromBinary, fromJson, toBinary, toJson } from '@bufbuild/protobuf';
import { array, assert, constantFrom, dictionary, property, record, string, uint8Array } from 'fast-check';
import { SHOP_DESCRIPTORS, SHOP_REGISTRY, shopType } from '../../src/compare/protobuf/fixture.ts';
import { createMessageRedaction } from '../../src/compare/protobuf/redaction.ts';
import { DEFAULT_COMPARE } from '../../src/model/compare-settings.ts';
import { compileJsonFields } from '../../src/model/json-fields.ts';
import { redactJson } from '../../src/mirror/redact-json.ts';

const ORDER = shopType('Order');
const OPTIONS = { registry: SHOP_REGISTRY };
const descriptors = Buffer.from(SHOP_DESCRIPTORS).toString('base64');
const COMPARE = { ...DEFAULT_COMPARE, protobuf: { ...DEFAULT_COMPARE.protobuf, descriptors } };

/** Paths that end at texts: there, messages and JSON are redacted to the same. */
const PATHS = [
  'id',
  'secretNote',
  'items.*.sku',
  'items.1.sku',
  'items.*.parent.sku',
  'first.sku',
  '*.sku',
  'labels.*',
  'labels.a',
  'tags.*',
  'tags.0',
  'stock.*.sku',
  'extra.sku',
  'extra.*.sku',
] as const;

const text = string({ minLength: 1, maxLength: 6 });
const item = record({ sku: text, parent: record({ sku: text }) }, { requiredKeys: [] });
const order = record(
  {
    id: text,
    secretNote: text,
    items: array(item, { maxLength: 3 }),
    first: item,
    labels: dictionary(constantFrom('a', 'b', 'c.d'), text),
    tags: array(text, { maxLength: 3 }),
    stock: dictionary(constantFrom('1', '2'), item),
    extra: item.map((value) => ({ '@type': 'type.googleapis.com/shop.Item', ...value })),
  },
  { requiredKeys: [] },
);

function redact(fields: readonly string[], message: Buffer): Buffer | undefined {
  return createMessageRedaction(COMPARE, fields)?.of('/shop.Orders/Add', 'request', undefined)?.(message);
}

test('a message is redacted to what its JSON is redacted to', () => {
  assert(
    property(order, array(constantFrom(...PATHS), { minLength: 1, maxLength: 4 }), (given, fields) => {
      const message = fromJson(ORDER, given, OPTIONS);
      const redacted = redact(fields, Buffer.from(toBinary(ORDER, message)));
      const json = redactJson(
        Buffer.from(JSON.stringify(toJson(ORDER, message, OPTIONS))),
        compileJsonFields(fields),
      );
      const wanted = fromJson(ORDER, JSON.parse(String(json)), OPTIONS);
      const found = fromBinary(ORDER, redacted ?? Buffer.of(0));
      deepEqual(toJson(ORDER, found, OPTIONS), toJson(ORDER, wanted, OPTIONS));
    }),
    { numRuns: 500 },
  );
});

test('what is redacted once is redacted, whatever bytes it was', () => {
  assert(
    property(
      uint8Array({ maxLength: 60 }),
      array(constantFrom(...PATHS), { minLength: 1 }),
      (bytes, fields) => {
        const once = redact(fields, Buffer.from(bytes));
        if (once !== undefined) equal(redact(fields, once)?.equals(once), true);
      },
    ),
    { numRuns: 2000 },
  );
});
