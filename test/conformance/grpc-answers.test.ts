import { deepEqual } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fromJson, toBinary } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import { createComparer } from '../../src/compare/comparer.ts';
import { SHOP_DESCRIPTORS, SHOP_REGISTRY, shopType } from '../../src/compare/protobuf/fixture.ts';
import { DEFAULT_COMPARE } from '../../src/model/compare-settings.ts';
import { startGrpcExchange } from '../fixtures/grpc-exchange.ts';
import type { Behaviour, GrpcExchange, Rpc } from '../fixtures/grpc-exchange.ts';

/** What grpc-js sends, compared as an observer would do it. */
const ORDER = shopType('Order');
const order = (json: object) =>
  Buffer.from(toBinary(ORDER, fromJson(ORDER, { ...json }, { registry: SHOP_REGISTRY })));
const redact = { headers: [], queryParams: [], jsonFields: [] };
const descriptors = Buffer.from(SHOP_DESCRIPTORS).toString('base64');
const TYPED = createComparer(
  { ...DEFAULT_COMPARE, protobuf: { ...DEFAULT_COMPARE.protobuf, descriptors } },
  { redact, recognise: true },
);
const UNTYPED = createComparer(DEFAULT_COMPARE, { redact, recognise: true });

let exchange: GrpcExchange;
before(async () => {
  exchange = await startGrpcExchange();
});
after(() => exchange[Symbol.asyncDispose]());

interface Case {
  readonly name: string;
  readonly rpc?: Rpc;
  readonly left: Behaviour;
  readonly right: Behaviour;
  /** Kind, path and risk. */
  readonly typed: readonly string[];
  readonly untyped: readonly string[];
}

const one = order({ id: 'first order', items: [{ sku: 'A', price: 2 }] });
const dear = order({ id: 'first order', items: [{ sku: 'A', price: 3 }] });
const list = (...ids: readonly string[]): Behaviour => ({ messages: ids.map((id) => order({ id })) });
const notFound = { code: status.NOT_FOUND, details: 'no such order' };

const CASES: readonly Case[] = [
  { name: 'equal', left: { messages: [one] }, right: { messages: [one] }, typed: [], untyped: [] },
  {
    name: 'a field of the message',
    left: { messages: [one] },
    right: { messages: [dear] },
    typed: ['value body.items[].price medium'],
    untyped: ['value body.#6.#3 medium'],
  },
  {
    name: 'a call that fails now',
    left: { messages: [one] },
    right: { error: notFound },
    typed: ['status grpc.status high'],
    untyped: ['status grpc.status high'],
  },
  {
    name: 'another error',
    left: { error: notFound },
    right: { error: { code: status.PERMISSION_DENIED, details: 'no such order' } },
    typed: ['status grpc.status medium'],
    untyped: ['status grpc.status medium'],
  },
  {
    name: 'another text of an error, which is percent-encoded',
    left: { error: notFound },
    right: { error: { code: status.NOT_FOUND, details: 'keine Bestellung für 100 %' } },
    typed: ['value grpc.message medium'],
    untyped: ['value grpc.message medium'],
  },
  {
    name: 'an error before the headers and one after them',
    left: { error: notFound },
    right: { error: notFound, initial: {} },
    typed: [],
    untyped: [],
  },
  {
    name: 'metadata',
    left: {
      messages: [one],
      initial: { 'x-region': 'eu' },
      trailers: { 'x-cost': '3', 'x-sum-bin': Buffer.from('a') },
    },
    right: { messages: [one], initial: { 'x-region': 'us' }, trailers: { 'x-sum-bin': Buffer.from('b') } },
    typed: ['header header.x-region low', 'missing trailer.x-cost low', 'header trailer.x-sum-bin low'],
    untyped: ['header header.x-region low', 'missing trailer.x-cost low', 'header trailer.x-sum-bin low'],
  },
  {
    name: 'big metadata',
    left: { messages: [one], initial: { 'x-big': 'a'.repeat(12_000) } },
    right: { messages: [one], initial: { 'x-big': 'a'.repeat(12_000) } },
    typed: [],
    untyped: [],
  },
  {
    name: 'a stream that is the same',
    rpc: 'List',
    left: list('north', 'south', 'west'),
    right: list('north', 'south', 'west'),
    typed: [],
    untyped: [],
  },
  {
    name: 'a message less',
    rpc: 'List',
    left: list('north', 'south', 'west'),
    right: list('north', 'west'),
    typed: ['length body medium'],
    untyped: ['length body medium'],
  },
  {
    name: 'a message of a stream',
    rpc: 'List',
    left: list('north', 'south', 'west'),
    right: list('north', 'east', 'west'),
    typed: ['value body[].id medium'],
    untyped: ['value body[].#1 medium'],
  },
  {
    name: 'another order of messages',
    rpc: 'List',
    left: list('north', 'south', 'west'),
    right: list('west', 'south', 'north'),
    typed: ['order body medium'],
    untyped: ['order body medium'],
  },
  {
    name: 'a stream that breaks off',
    rpc: 'List',
    left: list('north', 'south'),
    right: { ...list('north'), error: { code: status.INTERNAL, details: 'broken' } },
    typed: ['status grpc.status high'],
    untyped: ['status grpc.status high'],
  },
];

for (const { name, rpc = 'Get', left, right, typed, untyped } of CASES) {
  test(name, async () => {
    const primary = await exchange.call(rpc, left);
    const other = await exchange.call(rpc, right);
    for (const [comparer, expected] of [
      [TYPED, typed],
      [UNTYPED, untyped],
    ] as const) {
      const { differences } = comparer.compare(primary, other, 'POST', `POST /shop.Orders/${rpc}`);
      deepEqual(
        differences.map(({ kind, path, risk }) => `${kind} ${path} ${risk}`),
        expected,
      );
    }
  });
}

test('a last message that is not whole is truncated', async () => {
  const primary = await exchange.call('List', list('north', 'south'));
  const body = [Buffer.concat(primary.body).subarray(0, -3)];
  const { differences } = TYPED.compare(primary, { ...primary, body }, 'POST', 'POST /shop.Orders/List');
  deepEqual(
    differences.map(({ kind, path, other }) => [kind, path, other]),
    [['type', 'body', 'not readable: truncated']],
  );
});
