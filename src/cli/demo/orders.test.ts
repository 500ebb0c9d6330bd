import { deepEqual, equal, notEqual, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { FAULTS, faultsInTurn } from './faults.ts';
import type { Question, Reply } from './orders.ts';
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
  deepEqual(answer(get('/api/orders/7')).body, answer(get('/api/orders/7')).body);
  notEqual(answer(get('/')).headers['x-request-id'], answer(get('/')).headers['x-request-id']);
  ok('generatedAt' in Object(answer(get('/api/orders')).body));
});

/** How many of the replies to a question are not what the primary says. */
function spoilt(target: string, times: number, differs: (reply: Reply) => boolean): number {
  const spoil = faultsInTurn(FAULTS);
  let count = 0;
  for (let i = 0; i < times; i++) if (differs(spoil(get(target), answer(get(target))))) count += 1;
  return count;
}

function bodyOf(reply: Reply): Readonly<Record<string, unknown>> {
  return JSON.parse(JSON.stringify(reply.body));
}

function startsWithFirst(reply: Reply): boolean {
  return JSON.stringify(bodyOf(reply)['orders']).startsWith('[{"id":1,');
}

test('the faults strike at the rates they state', () => {
  equal(
    spoilt('/api/orders/7', 100, (reply) => !('currency' in bodyOf(reply))),
    10,
  );
  equal(
    spoilt('/api/orders/7', 100, (reply) => !('total' in bodyOf(reply))),
    0,
  );
  equal(
    spoilt('/api/orders/999', 100, (reply) => reply.status === 200),
    100,
  );
  equal(
    spoilt('/api/orders', 100, (reply) => !startsWithFirst(reply)),
    5,
  );
  equal(
    spoilt('/api/search?q=ada', 100, (reply) => reply.status === 500),
    2,
  );
  equal(
    spoilt('/api/search?q=ada', 100, (reply) => reply.delayMs >= 40),
    100,
  );
  equal(
    spoilt('/', 100, (reply) => reply.status !== 200),
    0,
  );
});

test('an order is the same each time and of a known shape', () => {
  equal(orderOf(1.5), undefined);
  deepEqual(Object.keys(orderOf(12) ?? {}), ['id', 'customer', 'status', 'currency', 'total', 'items']);
});
