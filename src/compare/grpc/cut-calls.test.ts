import { deepEqual, equal, notEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, toBinary } from '@bufbuild/protobuf';
import { DEFAULT_COMPARE } from '../../model/compare-settings.ts';
import type { CompareSettings } from '../../model/compare-settings.ts';
import type { Answer } from '../../model/difference.ts';
import { SAME, UNSAID, createComparer } from '../comparer.ts';
import { SHOP_DESCRIPTORS, shopType } from '../protobuf/fixture.ts';

const ITEM = shopType('Item');
const item = (sku: string, price: number) => toBinary(ITEM, fromJson(ITEM, { sku, price }));
const A = item('a', 1);
const B = item('b', 2);
const C = item('c', 3);

function framed(messages: readonly Uint8Array[], flags = 0): Buffer {
  const parts = messages.flatMap((message) => {
    const prefix = Buffer.from([flags, 0, 0, 0, 0]);
    prefix.writeUInt32BE(message.length, 1);
    return [prefix, message];
  });
  return Buffer.concat(parts);
}

interface Wish {
  readonly type?: string;
  readonly region?: string;
  /** Status of one that has ended; without it the answer was cut. */
  readonly status?: number;
}

function answer(
  body: Uint8Array,
  { type = 'application/grpc', region = 'north', status }: Wish = {},
): Answer {
  const fields = [
    ['content-type', type],
    ['x-region', region],
  ] as const;
  return {
    status: 200,
    header: (name) => fields.find(([field]) => field === name)?.[1],
    headers: () => fields,
    trailers: status === undefined ? [] : [['grpc-status', String(status)]],
    body: body.length === 0 ? [] : [body],
    truncated: status === undefined,
  };
}

function compared(primary: Answer, other: Answer, settings: Partial<CompareSettings> = {}) {
  const protobuf = {
    ...DEFAULT_COMPARE.protobuf,
    descriptors: Buffer.from(SHOP_DESCRIPTORS).toString('base64'),
  };
  const comparer = createComparer(
    { ...DEFAULT_COMPARE, protobuf, ...settings },
    { redact: { headers: [], queryParams: [], jsonFields: [] }, recognise: false },
  );
  return comparer.compare(primary, other, 'POST', 'POST /shop.Other/Watch');
}

const found = (...of: Parameters<typeof compared>) =>
  compared(...of).differences.map(({ kind, path, risk }) => `${kind} ${path} ${risk}`);

const TYPES: readonly (readonly [string, (messages: readonly Uint8Array[]) => Buffer])[] = [
  ['application/grpc', framed],
  ['application/grpc-web', framed],
  ['application/grpc-web-text', (messages) => Buffer.from(framed(messages).toString('base64'))],
  ['application/connect+proto', framed],
];

for (const [type, encode] of TYPES) {
  test(`${type} that was cut anywhere is the same as far as whole messages came, and says nothing before`, () => {
    const bytes = encode([A, B, C]);
    const all = answer(bytes, { type });
    const first = encode([A]).length;
    for (let end = 0; end <= bytes.length; end++) {
      const cut = answer(bytes.subarray(0, end), { type });
      // Base64 says what a byte is with its last character, and fills up afterwards.
      if (end >= first) equal(compared(cut, all), SAME, `${end}`);
      else if (end < first - 4) equal(compared(cut, all), UNSAID, `${end}`);
      equal(compared(all, cut), compared(cut, all), `${end}`);
    }
    equal(compared(all, all), SAME);
  });
}

test('what differs in the messages that both have is found, whatever comes after', () => {
  const other = framed([item('a', 7), B, C]);
  deepEqual(found(answer(framed([A, B])), answer(other)), ['value body[].#3 medium']);
  // As in longer answers of the same stream.
  deepEqual(found(answer(framed([A, B])), answer(framed([item('a', 7)]))), ['value body[].#3 medium']);
  deepEqual(found(answer(framed([A, B])), answer(framed([A, B]), { region: 'south' })), [
    'header header.x-region low',
  ]);
});

test('JSON messages are compared as such', () => {
  const type = 'application/connect+json';
  const one = answer(framed([Buffer.from('{"n":1}'), Buffer.from('{"n":2}')]), { type });
  const two = answer(framed([Buffer.from('{"n":5}')]), { type });
  deepEqual(found(one, two), ['value body[].n medium']);
});

test('how many messages there are and how a call ends is no difference where the primary goes on', () => {
  const open = answer(framed([A, B]));
  equal(compared(open, answer(framed([A]), { status: 0 })), SAME);
  equal(compared(open, answer(framed([A, B, C]), { status: 0 })), SAME);
  equal(compared(open, answer(framed([]), { status: 0 })), UNSAID);
});

test('a call that failed before it had sent what the primary has is a difference', () => {
  const open = answer(framed([A, B]));
  deepEqual(found(open, answer(framed([A]), { status: 14 })), ['status grpc.status high']);
  deepEqual(found(open, answer(framed([]), { status: 14 })), ['status grpc.status high']);
  // It may be that the primary fails next.
  equal(compared(open, answer(framed([A, B]), { status: 14 })), SAME);
  // The client was the reason.
  equal(compared(open, answer(framed([A]), { status: 1 })), SAME);
  equal(compared(open, answer(framed([A]), { status: 4 })), SAME);
});

test('nothing is said of one that was too long beside a whole one', () => {
  equal(compared(answer(framed([A]), { status: 0 }), answer(framed([A, B]))), UNSAID);
});

test('messages whose order says nothing are the same, or say nothing', () => {
  const settings = { unordered: ['body'] };
  equal(compared(answer(framed([A, B])), answer(framed([A, B, C])), settings), SAME);
  equal(compared(answer(framed([A, B])), answer(framed([B, C])), settings), UNSAID);
});

test('a message that is not whole is a fault of who has ended, and so is what cannot be read', () => {
  const broken = framed([A, B]).subarray(0, -1);
  deepEqual(found(answer(framed([A, B])), answer(broken, { status: 0 })), ['type body high']);
  deepEqual(found(answer(framed([A, B])), answer(framed([A], 0x40))), ['type body high']);
  notEqual(compared(answer(broken), answer(framed([A, B]))), UNSAID);
});

test('what is past the limit of values is cut for both', () => {
  const limits = { ...DEFAULT_COMPARE.limits, values: 2 };
  equal(compared(answer(framed([A, B, C])), answer(framed([A])), { limits }), SAME);
});
