import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, toBinary } from '@bufbuild/protobuf';
import type { JsonValue } from '@bufbuild/protobuf';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { collectingContext } from '../format-fixture.ts';
import type { CollectingOptions } from '../format-fixture.ts';
import { ProtobufComparison } from './comparison.ts';
import { SHOP_DESCRIPTORS, SHOP_REGISTRY, shopType } from './fixture.ts';
import { ProtobufTypes } from './message-types.ts';
import { UNKNOWN } from './well-known.ts';

const TYPES = new ProtobufTypes(SHOP_DESCRIPTORS);
const ORDER = shopType('Order');

function order(json: JsonValue): Buffer {
  return Buffer.from(toBinary(ORDER, fromJson(ORDER, json, { registry: SHOP_REGISTRY })));
}

interface Options extends CollectingOptions {
  readonly untyped?: boolean;
  readonly unset?: 'default';
}

function compared(left: Buffer, right: Buffer, options: Options = {}): ReturnType<typeof collectingContext> {
  const collected = collectingContext(options);
  const comparison = new ProtobufComparison(
    collected.context,
    { typeOf: TYPES.message, unset: options.unset ?? 'differs' },
    left.length + right.length,
  );
  const plan = options.untyped === true ? UNKNOWN : TYPES.message('shop.Order');
  comparison.messages(left, right, plan, 'body');
  return collected;
}

const item = (sku: string, quantity = 1) => ({ sku, quantity, price: 1.5 });

interface Case {
  readonly name: string;
  readonly left: JsonValue;
  readonly right: JsonValue;
  readonly found: readonly string[];
  /** Without descriptors. */
  readonly untyped: readonly string[];
  readonly options?: Options;
}

const EXACT: Options = { exact: true };
const CASES: readonly Case[] = [
  { name: 'equal', left: { id: 'a' }, right: { id: 'a' }, found: [], untyped: [] },
  {
    name: 'a text',
    left: { id: 'first' },
    right: { id: 'second' },
    found: ['value body.id'],
    untyped: ['value body.#1'],
  },
  {
    name: 'a field without presence that is not there is its default',
    left: { total: 1 },
    right: {},
    found: ['value body.total'],
    untyped: ['missing body.#2'],
  },
  {
    name: 'a field with presence that is not there is missing',
    left: { discount: 0 },
    right: {},
    found: ['missing body.discount'],
    untyped: ['missing body.#11'],
  },
  {
    name: 'unset is the default where that is asked for',
    left: { discount: 0, first: {} },
    right: {},
    found: [],
    untyped: [],
    options: { unset: 'default' },
  },
  {
    name: 'a message that is not there',
    left: {},
    right: { first: item('a') },
    found: ['added body.first'],
    untyped: ['added body.#8'],
  },
  {
    name: '64 bits are exact',
    left: { serial: '9007199254740993' },
    right: { serial: '9007199254740992' },
    found: ['value body.serial'],
    untyped: ['value body.#3'],
    options: EXACT,
  },
  {
    name: 'an element',
    left: { items: [item('a'), item('b'), item('c')] },
    right: { items: [item('a'), item('b', 2), item('c')] },
    found: ['value body.items[].quantity'],
    untyped: ['value body.#6[].#2'],
    options: EXACT,
  },
  {
    name: 'one element less',
    left: { items: [item('a'), item('b'), item('c')] },
    right: { items: [item('a'), item('c')] },
    found: ['length body.items'],
    untyped: ['length body.#6'],
  },
  {
    name: 'another order',
    left: { items: [item('a'), item('b'), item('c')] },
    right: { items: [item('c'), item('a'), item('b')] },
    found: ['order body.items'],
    untyped: ['order body.#6'],
  },
  {
    name: 'another order of a set',
    left: { items: [item('a'), item('b'), item('c')] },
    right: { items: [item('c'), item('a'), item('b')] },
    found: [],
    untyped: [],
    options: { unordered: ['body.items', 'body.#6'] },
  },
  {
    name: 'elements by key',
    left: { items: [item('a'), item('b'), item('c')] },
    right: { items: [item('c'), item('b', 7), item('d')] },
    found: ['value body.items[].quantity', 'missing body.items[]', 'added body.items[]'],
    untyped: ['value body.#6[].#2', 'missing body.#6[]', 'added body.#6[]'],
    options: { ...EXACT, keys: { 'body.items': 'sku', 'body.#6': '#1' } },
  },
  {
    name: 'maps go by their keys',
    left: { labels: { a: '1', b: 'x', c: 'gone' } },
    right: { labels: { d: 'new', b: 'y', a: '1' } },
    found: ['value body.labels.b', 'missing body.labels.c', 'added body.labels.d'],
    untyped: ['value body.#7[].#2', 'missing body.#7[]', 'added body.#7[]'],
    options: EXACT,
  },
  {
    name: 'maps of messages',
    left: { stock: { 1: item('a'), 2: {} } },
    right: { stock: { 1: item('a', 3), 2: item('b') } },
    found: [
      'value body.stock.1.quantity',
      'value body.stock.2.sku',
      'value body.stock.2.quantity',
      'value body.stock.2.price',
    ],
    untyped: [
      'value body.#17[].#2.#2',
      'added body.#17[].#2.#1',
      'added body.#17[].#2.#2',
      'added body.#17[].#2.#3',
    ],
    options: EXACT,
  },
  {
    name: 'another member of a oneof',
    left: { note: 'a' },
    right: { gift: item('b') },
    found: ['missing body.note', 'added body.gift'],
    untyped: ['missing body.#9', 'added body.#10'],
  },
  {
    name: 'enums',
    left: { state: 'PAID' },
    right: { state: 'SENT' },
    found: ['value body.state'],
    untyped: ['value body.#5'],
    options: EXACT,
  },
  {
    name: 'timestamps are alike',
    left: { created: '2026-11-22T10:00:00Z' },
    right: { created: '2026-11-22T11:30:00.5Z' },
    found: [],
    untyped: ['added body.#14.#2'],
  },
  {
    name: 'timestamps that are compared',
    left: { created: '2026-11-22T10:00:00Z', wait: '1.5s' },
    right: { created: '2026-11-22T11:30:00Z', wait: '2s' },
    found: ['value body.created', 'value body.wait'],
    untyped: ['value body.#14.#1', 'value body.#19.#1', 'missing body.#19.#2'],
    options: EXACT,
  },
  {
    name: 'what is packed into Any',
    left: { extra: { '@type': 'type.googleapis.com/shop.Item', sku: 'a', quantity: 1 } },
    right: { extra: { '@type': 'type.googleapis.com/shop.Item', sku: 'a', quantity: 2 } },
    found: ['value body.extra.quantity'],
    untyped: ['value body.#15.#2.#2'],
    options: EXACT,
  },
  {
    name: 'another type in Any',
    left: { extra: { '@type': 'type.googleapis.com/shop.Item', sku: 'a' } },
    right: { extra: { '@type': 'type.googleapis.com/google.protobuf.Any' } },
    found: ['type body.extra'],
    untyped: ['value body.#15.#1', 'missing body.#15.#2'],
  },
  {
    name: 'packed numbers',
    left: { numbers: [1, 2, 3], ratios: [0.5, 'NaN'] },
    right: { numbers: [1, -5, 3], ratios: [0.5, 'NaN'] },
    found: ['value body.numbers[]'],
    untyped: ['value body.#12'],
    options: EXACT,
  },
  {
    name: 'bytes',
    left: { raw: 'AAEC' },
    right: { raw: 'AAED' },
    found: ['value body.raw'],
    untyped: ['value body.#16'],
  },
  {
    name: 'volatile texts',
    left: { id: '2f1c3a52-8a0e-4d34-9d1f-3c1a5a1b9c11', tags: ['x'] },
    right: { id: '9b8d7c11-17aa-4b41-b3c5-0f7a6a2b1d22', tags: ['x'] },
    found: [],
    untyped: [],
  },
];

for (const { name, left, right, found, untyped, options = {} } of CASES) {
  test(`${name}, with descriptors`, () =>
    deepEqual(compared(order(left), order(right), options).shown(), found));
  test(`${name}, without`, () =>
    deepEqual(compared(order(left), order(right), { ...options, untyped: true }).shown(), untyped));
}

test('shows names and values', () => {
  const { found } = compared(order({ state: 'PAID', first: item('a') }), order({ state: 'SENT' }), EXACT);
  deepEqual(
    found.map(({ primary, other }) => [primary, other]),
    [
      ['PAID', 'SENT'],
      ['{sku: "a", quantity: 1, price: 1.5}', undefined],
    ],
  );
});

const write = (fill: (writer: BinaryWriter) => BinaryWriter) =>
  Buffer.from(fill(new BinaryWriter()).finish());

const SAME: readonly (readonly [name: string, left: Buffer, right: Buffer])[] = [
  [
    'packed and not packed',
    write((w) => w.tag(12, 2).fork().int32(1).int32(300).join()),
    write((w) => w.tag(12, 0).int32(1).tag(12, 0).int32(300)),
  ],
  [
    'another order of fields',
    write((w) => w.tag(1, 2).string('a').tag(4, 0).bool(true)),
    write((w) => w.tag(4, 0).bool(true).tag(1, 2).string('a')),
  ],
  [
    'another order of fields in a message',
    write((w) => w.tag(8, 2).fork().tag(1, 2).string('sku').tag(2, 0).int32(5).join()),
    write((w) => w.tag(8, 2).fork().tag(2, 0).int32(5).tag(1, 2).string('sku').join()),
  ],
  [
    'a number written longer than it need be',
    Buffer.from([0x20, 0x01]),
    Buffer.from([0x20, 0x81, 0x80, 0x00]),
  ],
];
for (const [name, left, right] of SAME) {
  test(`${name} is no difference`, () => {
    deepEqual(compared(left, right).shown(), []);
    deepEqual(compared(left, right, { untyped: true }).shown(), []);
  });
}

test('of a field that stands several times the last one counts, and messages are merged', () => {
  const twice = write((w) =>
    w
      .tag(1, 2)
      .string('x')
      .tag(1, 2)
      .string('a')
      .tag(8, 2)
      .fork()
      .tag(1, 2)
      .string('s')
      .join()
      .tag(8, 2)
      .fork()
      .tag(2, 0)
      .int32(3)
      .join(),
  );
  deepEqual(compared(twice, order({ id: 'a', first: { sku: 's', quantity: 3 } })).shown(), []);
});

test('of a oneof the last member counts', () => {
  const both = write((w) => w.tag(9, 2).string('x').tag(10, 2).fork().tag(1, 2).string('s').join());
  deepEqual(compared(both, order({ gift: { sku: 's' } })).shown(), []);
});

test('a zero that is written is none, without presence', () =>
  deepEqual(
    compared(
      write((w) => w.tag(2, 1).double(0)),
      order({}),
    ).shown(),
    [],
  ));

test('unknown fields are compared by their numbers', () => {
  const left = write((w) => w.tag(99, 0).uint32(1));
  deepEqual(
    compared(
      left,
      write((w) => w.tag(99, 0).uint32(2)),
      EXACT,
    ).shown(),
    ['value body.#99'],
  );
  deepEqual(compared(left, Buffer.alloc(0)).shown(), ['missing body.#99']);
});

test('another wire type than the descriptor says is another type', () => {
  const left = write((w) => w.tag(2, 0).uint32(1));
  deepEqual(compared(left, order({ total: 1 })).shown(), ['type body.#2']);
});

const group = (value: number) => write((w) => w.tag(30, 3).tag(1, 0).int32(value).tag(30, 4));

test('groups are messages', () => {
  deepEqual(compared(group(1), group(1)).shown(), []);
  deepEqual(compared(group(1), group(2), EXACT).shown(), ['value body.#30.#1']);
});

const BROKEN: readonly (readonly [name: string, bytes: readonly number[]])[] = [
  ['a field without a number', [0x00, 0x01]],
  ['a length past the end', [0x0a, 0x7f, 0x61]],
  ['a varint without end', [0x20, 0xff]],
  ['a group without end', [0x0b, 0x08, 0x01]],
  ['the end of a group that was not begun', [0x0c]],
  ['a wire type that does not exist', [0x0e]],
];
for (const [name, bytes] of BROKEN) {
  test(`${name} is malformed`, () => {
    const { found } = compared(order({ id: 'a' }), Buffer.from(bytes));
    deepEqual(
      found.map(({ kind, path, other }) => [kind, path, other]),
      [['type', 'body', 'not readable: malformed']],
    );
  });
}

const nested = (sku: string) => {
  let bytes = Buffer.from(write((w) => w.tag(1, 2).string(sku)));
  for (let i = 0; i < 500; i++) bytes = write((w) => w.tag(5, 2).bytes(bytes));
  return write((w) => w.tag(8, 2).bytes(bytes));
};

test('nesting is bounded', () => {
  equal(compared(nested('a'), nested('b')).found.length, 1);
  equal(compared(nested('a'), nested('b'), { untyped: true }).found.length, 1);
});

// A text as well as a message: a quotation mark, a length and as many letters.
const ambiguous = (id: string) => write((w) => w.tag(20, 2).fork().tag(4, 2).string(id).join());

test('what is ignored below a guess makes no difference at the guess', () => {
  const [left, right] = [ambiguous('a'.repeat(40)), ambiguous('b'.repeat(40))];
  const collected = collectingContext({ exact: true });
  const context = {
    ...collected.context,
    sink: { ...collected.context.sink, ignores: (_: unknown, path: string) => path === 'body.#20.#4' },
  };
  new ProtobufComparison(context, { typeOf: () => undefined, unset: 'differs' }, 200).messages(
    left,
    right,
    UNKNOWN,
    'body',
  );
  deepEqual(collected.shown(), ['value body.#20.#4']);
});
