import { deepEqual, equal, notEqual, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { DIFFERENCE_KINDS } from '../../model/difference.ts';
import { FAULTS, ORDER_FAULTS, STOCK_FAULTS, faultsInTurn } from './faults.ts';
import { stockOf } from './stock.ts';
import type { Question } from './orders.ts';
import { ORDERS, answer, orderOf } from './orders.ts';

function get(target: string): Question {
  return { method: 'GET', target, body: '' };
}

const statusCases: readonly (readonly [question: Question, status: number])[] = [
  [get('/'), 200],
  [get('/api/orders'), 200],
  [get('/api/orders?page=3'), 200],
  [get('/api/orders?page=junk'), 200],
  [get('/api/orders/7'), 200],
  [get('/api/orders/0'), 404],
  [get(`/api/orders/${ORDERS + 1}`), 404],
  [get('/api/search?q=ada'), 200],
  [get('/none'), 404],
  [{ method: 'POST', target: '/api/orders', body: '{"customer":"ada"}' }, 201],
  [{ method: 'POST', target: '/api/orders', body: '{' }, 400],
  [{ method: 'POST', target: '/api/orders', body: 'null' }, 400],
  [{ method: 'DELETE', target: '/api/orders/7', body: '' }, 405],
];
for (const [question, status] of statusCases) {
  test(`answers ${question.method} ${question.target} ${question.body} with ${status}`, () => {
    equal(answer(question).status, status);
  });
}

test('the same question gets the same body; what differs is the noise', () => {
  deepEqual(answer(get('/api/search?q=ada')).body, answer(get('/api/search?q=ada')).body);
  notEqual(answer(get('/')).headers['x-request-id'], answer(get('/')).headers['x-request-id']);
  ok('generatedAt' in Object(answer(get('/api/orders')).body));
});

const TARGETS: readonly string[] = [
  '/',
  '/api/orders',
  '/api/orders/7',
  '/api/orders/999',
  '/api/search?q=ada',
];

for (const fault of ORDER_FAULTS) {
  test(`strikes as stated: ${fault.what}`, () => {
    const target = TARGETS.find((one) => fault.concerns(get(one), answer(get(one)))) ?? '';
    const spoil = faultsInTurn([fault]);
    let struck = 0;
    for (let i = 0; i < 2000; i++) {
      const reply = answer(get(target));
      if (spoil(get(target), reply) !== reply) struck += 1;
    }
    equal(struck, 2000 / fault.oneIn);
  });
}

for (const fault of STOCK_FAULTS) {
  test(`strikes as stated: ${fault.what}`, () => {
    const request = [{ sku: 'sku-7' }, { sku: 'none' }].find((one) => fault.concerns(one, stockOf(one)));
    const spoil = faultsInTurn([fault]);
    let struck = 0;
    for (let i = 0; i < 2000; i++) {
      const reply = stockOf(request ?? { sku: '' });
      if (spoil(request ?? { sku: '' }, reply) !== reply) struck += 1;
    }
    equal(struck, 2000 / fault.oneIn);
  });
}

test('there is a fault of every kind of difference', () => {
  const planted = FAULTS.flatMap(({ findings }) => findings.map(({ kind }) => kind));
  deepEqual(new Set(planted), new Set(DIFFERENCE_KINDS));
});

test('an order is the same each time and of a known shape', () => {
  equal(orderOf(1.5), undefined);
  deepEqual(Object.keys(orderOf(12) ?? {}), [
    'id',
    'customer',
    'status',
    'currency',
    'total',
    'paid',
    'items',
  ]);
});
