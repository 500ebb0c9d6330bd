import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { DEFAULT_COMPARE } from '../../model/compare-settings.ts';
import type { CompareSettings } from '../../model/compare-settings.ts';
import type { Answer } from '../../model/difference.ts';
import { createComparer } from '../comparer.ts';
import { SHOP_DESCRIPTORS, shopType } from '../protobuf/fixture.ts';

type Fields = readonly (readonly [name: string, value: string])[];

const DESCRIPTORS = Buffer.from(SHOP_DESCRIPTORS).toString('base64');
const ITEM = shopType('Item');
const ORDER = shopType('Order');
const item = (json: object) => toBinary(ITEM, fromJson(ITEM, { ...json }));
const order = (json: object) => toBinary(ORDER, fromJson(ORDER, { ...json }));

function answer(
  messages: readonly Uint8Array[],
  trailers: Fields = [['grpc-status', '0']],
  type = 'application/grpc',
): Answer {
  return {
    status: 200,
    header: (name) => (name === 'content-type' ? type : undefined),
    headers: () => [['content-type', type]],
    trailers,
    body: messages.flatMap((message) => {
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(message.length, 1);
      return [prefix, message];
    }),
  };
}

interface Options {
  readonly settings?: Partial<CompareSettings>;
  readonly untyped?: boolean;
  readonly hidden?: readonly string[];
  readonly method?: string;
}

function compared(primary: Answer, other: Answer, options: Options = {}) {
  const { settings, untyped = false, hidden = [], method = 'Get' } = options;
  const protobuf = { ...DEFAULT_COMPARE.protobuf, descriptors: untyped ? undefined : DESCRIPTORS };
  const comparer = createComparer(
    { ...DEFAULT_COMPARE, protobuf, ...settings },
    { redact: { headers: [], queryParams: [], jsonFields: hidden }, recognise: true },
  );
  return comparer.compare(primary, other, 'POST', `POST /shop.Orders/${method}`).differences;
}

const shown = (differences: ReturnType<typeof compared>) =>
  differences.map(({ kind, path, primary, other }) => `${kind} ${path}: ${primary} ↔ ${other}`);

/** `google.rpc.Status` with an Any in it. */
function details(quantity: number): string {
  const packed = new BinaryWriter()
    .tag(1, 2)
    .string('type.googleapis.com/shop.Item')
    .tag(2, 2)
    .bytes(item({ sku: 'a', quantity }))
    .finish();
  const status = new BinaryWriter().tag(1, 0).int32(5).tag(3, 2).bytes(packed).finish();
  return Buffer.from(status).toString('base64').replaceAll('=', '');
}
const failed = (quantity: number): Fields => [
  ['grpc-status', '9'],
  ['grpc-status-details-bin', details(quantity)],
];

test('details of an error are unpacked', () =>
  deepEqual(shown(compared(answer([], failed(1)), answer([], failed(2)))), [
    'value grpc.details[].quantity: 1 ↔ 2',
  ]));

test('details that are no status are compared as they are', () =>
  deepEqual(
    shown(
      compared(
        answer(
          [],
          [
            ['grpc-status', '9'],
            ['grpc-status-details-bin', '////'],
          ],
        ),
        answer(
          [],
          [
            ['grpc-status', '9'],
            ['grpc-status-details-bin', '///+'],
          ],
        ),
      ),
    ),
    ['value grpc.details: //// ↔ ///+'],
  ));

test('an answer that does not say how it ended has failed', () =>
  deepEqual(shown(compared(answer([item({})]), answer([item({})], []))), [
    'status grpc.status: OK (0) ↔ none',
  ]));

test('an answer of gRPC and one that is none are compared as HTTP', () =>
  deepEqual(
    compared(answer([order({ id: 'a' })]), answer([order({ id: 'b' })], [], 'text/html')).map(
      ({ path }) => path,
    ),
    ['header.content-type', 'trailer.grpc-status', 'body'],
  ));

test('a message that is not there', () =>
  deepEqual(shown(compared(answer([order({ id: 'a' })]), answer([]))), [
    'missing body: 1 message ↔ undefined',
  ]));

test('a method that streams has its messages in a list, also when there is one', () => {
  const [left, right] = [answer([order({ id: 'one' })]), answer([order({ id: 'two' })])];
  deepEqual(shown(compared(left, right, { method: 'List' })), ['value body[].id: "one" ↔ "two"']);
  deepEqual(shown(compared(left, right, { method: 'Get' })), ['value body.id: "one" ↔ "two"']);
});

test('messages of a stream as a set, and by a key', () => {
  const [left, right] = [
    answer([order({ id: 'one', total: 1 }), order({ id: 'two', total: 1 })]),
    answer([order({ id: 'two', total: 1 }), order({ id: 'one', total: 1 })]),
  ];
  deepEqual(shown(compared(left, right, { settings: { unordered: ['body'] }, method: 'List' })), []);
  deepEqual(
    shown(compared(left, right, { settings: { keys: [{ path: 'body', key: 'id' }] }, method: 'List' })),
    [],
  );
});

test('rules hold by path', () => {
  const [left, right] = [answer([order({ id: 'a', total: 1 })]), answer([order({ id: 'b', total: 1.001 })])];
  const ignore = [{ path: 'body.id', kinds: [], route: undefined }];
  const tolerance = [{ path: 'body.total', absolute: 0.01, relative: 0 }];
  deepEqual(shown(compared(left, right, { settings: { ignore, tolerance } })), []);
});

test('what is redacted is not shown, by number it is never known what is', () => {
  const [left, right] = [answer([order({ id: 'secret' })]), answer([order({ id: 'hidden' })])];
  const hidden = ['value body.id: (redacted) ↔ (redacted)'];
  deepEqual(shown(compared(left, right, { hidden: ['id'] })), hidden);
  const notes = [{ secretNote: 'secret' }, { secretNote: 'hidden' }].map((note) => answer([order(note)]));
  const [one, two] = notes;
  if (one !== undefined && two !== undefined)
    deepEqual(shown(compared(one, two, { hidden: ['secretNote'] })), [
      'value body.secret_note: (redacted) ↔ (redacted)',
    ]);
  deepEqual(shown(compared(left, right, { hidden: ['id'], untyped: true })), [
    'value body.#1: (redacted) ↔ (redacted)',
  ]);
});

function plain(id: string): Answer {
  const type = 'application/x-protobuf; messageType="shop.Order"';
  return {
    status: 200,
    header: (name) => (name === 'content-type' ? type : undefined),
    headers: () => [['content-type', type]],
    body: [order({ id })],
  };
}

test('a body of plain HTTP is a message of the type that it names', () => {
  deepEqual(shown(compared(plain('one'), plain('two'), { method: 'Unknown' })), [
    'value body.id: "one" ↔ "two"',
  ]);
});
