import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { segmentsOf } from './path.ts';
import { TEMPLATES_LIMIT, TemplateTree } from './templates.ts';

const TEMPLATES = [
  '/api/orders/{id}',
  '/api/orders/search',
  'POST /api/orders/{number}',
  'GET /api/users/{name}',
  '/files/{name}.json',
  '/files/report-{year}.pdf',
  '/files/{name}',
  '/static/**',
  '/proxy/{path+}',
  '/a/{x}/c',
  '/a/b/d',
  '/range/{from}-{to}',
  '/caf%c3%a9/{id}',
  '/slash/',
];

const cases: readonly (readonly [request: string, template: string | undefined])[] = [
  ['GET /api/orders/42', '/api/orders/{id}'],
  ['GET /api/orders/anything', '/api/orders/{id}'],
  ['GET /api/orders/search', '/api/orders/search'],
  ['POST /api/orders/42', '/api/orders/{number}'],
  ['GET /api/orders', undefined],
  ['GET /api/orders/42/items', undefined],
  ['GET /api/orders/', undefined],
  ['GET /api/users/jane', '/api/users/{name}'],
  ['HEAD /api/users/jane', '/api/users/{name}'],
  ['DELETE /api/users/jane', undefined],
  ['GET /files/a.json', '/files/{name}.json'],
  ['GET /files/.json', '/files/{name}'],
  ['GET /files/report-2024.pdf', '/files/report-{year}.pdf'],
  ['GET /files/a', '/files/{name}'],
  ['GET /static', undefined],
  ['GET /static/', '/static/**'],
  ['GET /static/a/b', '/static/**'],
  ['GET /proxy/a/b', '/proxy/**'],
  ['GET /a/b/c', '/a/{x}/c'],
  ['GET /a/b/d', '/a/b/d'],
  ['GET /range/1-2', '/range/{from}-{to}'],
  ['GET /caf%C3%A9/1', '/caf%C3%A9/{id}'],
  ['GET /slash/', '/slash/'],
  ['GET /slash', undefined],
];

const tree = new TemplateTree(TEMPLATES);
for (const [request, template] of cases) {
  const [method = '', path = ''] = request.split(' ');
  test(`${request} → ${template ?? 'none'}`, () => equal(tree.find(method, segmentsOf(path)), template));
}

test('the first of two templates that fit the same counts', () =>
  equal(new TemplateTree(['/a/{x}', '/a/{y}']).find('GET', ['a', '1']), '/a/{x}'));

test('more templates than the limit are left out, and what is no path', () => {
  const many = new TemplateTree([
    'nothing',
    ...Array.from({ length: TEMPLATES_LIMIT + 1 }, (_, i) => `/t${i}`),
  ]);
  equal(many.find('GET', [`t${TEMPLATES_LIMIT - 1}`]), `/t${TEMPLATES_LIMIT - 1}`);
  equal(many.find('GET', [`t${TEMPLATES_LIMIT}`]), undefined);
});

test('templates that fit in exponentially many ways are looked through once', () => {
  const wide: string[] = [];
  for (let bits = 0; bits < 256; bits++)
    wide.push(`/${Array.from({ length: 8 }, (_, at) => ((bits >> at) & 1 ? 'a' : '{p}')).join('/')}/end`);
  const found = new TemplateTree(wide);
  equal(found.find('GET', segmentsOf('/a/a/a/a/a/a/a/a/no')), undefined);
  equal(found.find('GET', segmentsOf('/a/b/a/a/a/a/a/a/end')), '/a/{p}/a/a/a/a/a/a/end');
});
