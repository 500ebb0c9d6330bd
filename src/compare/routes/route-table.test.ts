import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { RouteSettings } from '../../model/compare-settings.ts';
import { RouteTable, isCatchAll } from './route-table.ts';

type Fold = readonly [from: readonly string[], to: string];

function openTable(part: Partial<RouteSettings> = {}) {
  const folds: Fold[] = [];
  const table = new RouteTable({ templates: [], limit: 500, segmentValues: 3, ...part }, (from, to) =>
    folds.push([from.toSorted(), to]),
  );
  const all = (...paths: readonly string[]): readonly string[] =>
    paths.map((path) => table.routeOf('GET', path));
  return { table, folds, all };
}

const cases: readonly (readonly [path: string, route: string])[] = [
  ['/', 'GET /'],
  ['/api/orders/42', 'GET /api/orders/{id}'],
  ['/api/orders/42/', 'GET /api/orders/{id}/'],
  ['/api/orders/9b2f7c1e-3d4a-4f6b-8c9d-0e1f2a3b4c5d/items', 'GET /api/orders/{uuid}/items'],
  ['/static/index-DhG8fj2k.js', 'GET /static/{token}.js'],
  ['/%61pi', 'GET /api'],
  ['/{id}', 'GET /%7Bid%7D'],
  ['//a', 'GET //a'],
  ['', 'GET /'],
  ['*', 'GET /*'],
  ['example.org:443', 'GET (no path)'],
];
for (const [path, route] of cases)
  test(`${JSON.stringify(path)} → ${route}`, () => equal(openTable().table.routeOf('GET', path), route));

test('the same path gives the same string, and a route of two methods is two', () => {
  const { table } = openTable();
  equal(table.routeOf('GET', '/a/1'), table.routeOf('GET', '/a/2'));
  equal(table.routeOf('DELETE', '/a/1'), 'DELETE /a/{id}');
  equal(table.size, 2);
});

test('names at one place become a parameter when they are too many, and their routes are folded', () => {
  const { table, folds, all } = openTable();
  deepEqual(all('/u/ann', '/u/bob', '/u/eve'), ['GET /u/ann', 'GET /u/bob', 'GET /u/eve']);
  deepEqual(folds, []);
  deepEqual(all('/u/zoe', '/u/ann', '/u/17'), ['GET /u/{segment}', 'GET /u/{segment}', 'GET /u/{id}']);
  deepEqual(folds, [[['GET /u/ann', 'GET /u/bob', 'GET /u/eve'], 'GET /u/{segment}']]);
  equal(table.size, 2);
});

test('a path that was remembered long ago has its new route after a fold', () => {
  const { all } = openTable();
  all('/u/ann', '/u/bob', '/u/eve');
  // More than are remembered as new ones.
  for (let id = 0; id < 2048; id++) all(`/n/${id}`);
  all('/u/zoe');
  deepEqual(all('/u/bob', '/u/eve'), ['GET /u/{segment}', 'GET /u/{segment}']);
});

test('methods of services are never folded, up to the limit of routes', () => {
  const { table, folds } = openTable();
  const methods = Array.from({ length: 10 }, (_, index) => `/shop.v1.Orders/GetDeadbeef${index}`);
  for (const path of methods) equal(table.routeOf('POST', path), `POST ${path}`);
  for (const path of methods) equal(table.adopt(`POST ${path}`), `POST ${path}`);
  deepEqual(folds, []);
  equal(table.routeOf('GET', '/shop.v1.Orders/4711'), 'GET /shop.v1.Orders/{id}');
});

test('what lies below is folded too, and a parameter below stays one', () => {
  const { folds, all } = openTable();
  all('/u/ann/x', '/u/ann/y', '/u/ann/z', '/u/ann/w', '/u/bob/x', '/u/eve');
  deepEqual(all('/u/zoe/x'), ['GET /u/{segment}/{segment}']);
  deepEqual(
    folds.slice(1),
    [
      [['GET /u/eve'], 'GET /u/{segment}'],
      [['GET /u/ann/{segment}', 'GET /u/bob/x'], 'GET /u/{segment}/{segment}'],
    ].toReversed(),
  );
  deepEqual(all('/u/eve', '/u/bob/q'), ['GET /u/{segment}', 'GET /u/{segment}/{segment}']);
});

test('a fold that makes another place too wide folds that too, and tells the names that were given out', () => {
  const { table, folds, all } = openTable();
  const given = all('/u/ann/a', '/u/ann/b', '/u/bob/c', '/u/bob/d', '/u/eve/a');
  deepEqual(all('/u/zoe/a'), ['GET /u/{segment}/{segment}']);
  const told = folds.flatMap(([from, to]) => from.map((name) => [name, to]));
  for (const name of given)
    ok(
      told.some(([from, to]) => from === name && to === 'GET /u/{segment}/{segment}'),
      name,
    );
  equal(table.size, 1);
});

test('a name that most requests have stays one', () => {
  const { all } = openTable();
  for (let i = 0; i < 200; i++) all('/api/x');
  deepEqual(all('/wp-login', '/admin', '/env', '/phpmyadmin', '/api/x', '/api/y'), [
    'GET /wp-login',
    'GET /admin',
    'GET /{segment}',
    'GET /{segment}',
    'GET /api/x',
    'GET /api/y',
  ]);
});

test('extensions stay when files become a parameter', () =>
  equal(openTable().all('/i/a.png', '/i/b.png', '/i/c.png', '/i/d.png').at(-1), 'GET /i/{segment}.png'));

test('templates win over what is learned, whatever was asked before, and take no room', () => {
  const { table, all } = openTable({ templates: ['/u/{name}', 'GET /u/me'], limit: 1 });
  deepEqual(all('/u/me', '/u/ann', '/u/bob', '/u/17', '/x'), [
    'GET /u/me',
    'GET /u/{name}',
    'GET /u/{name}',
    'GET /u/{name}',
    'GET /x',
  ]);
  equal(table.size, 1);
});

test('past the limit requests count under one route for each method, also those that are remembered', () => {
  const { table, all } = openTable({ limit: 2, segmentValues: 10 });
  deepEqual(all('/a', '/b', '/c', '/c', '/a'), ['GET /a', 'GET /b', 'GET (other)', 'GET (other)', 'GET /a']);
  equal(table.routeOf('POST', '/a'), 'POST (other)');
  equal(table.turnedAway, 3);
  ok(isCatchAll('GET (other)') && !isCatchAll('GET /(other)'));
});

test('a full table goes on learning, and has room when names have become a parameter', () => {
  const { table, all } = openTable({ limit: 3, segmentValues: 3 });
  deepEqual(all('/a/x', '/a/y', '/b', '/a/z', '/a/z', '/a/w'), [
    'GET /a/x',
    'GET /a/y',
    'GET /b',
    'GET (other)',
    'GET (other)',
    'GET /a/{segment}',
  ]);
  deepEqual(all('/a/x', '/c'), ['GET /a/{segment}', 'GET /c']);
  equal(table.size, 3);
});

test('a few further methods are told apart', () => {
  const { table } = openTable();
  equal(table.routeOf('PURGE', '/a'), 'PURGE /a');
  equal(table.routeOf('get', '/a'), 'OTHER /a');
  equal(table.routeOf('X'.repeat(100), '/a'), 'OTHER /a');
  for (let i = 0; i < 20; i++) table.routeOf(`M${'-'.repeat(i % 10)}${'Y'.repeat(i / 10)}`, '/a');
  equal(table.routeOf('LOCK', '/a'), 'OTHER /a');
  equal(table.routeOf('PURGE', '/a'), 'PURGE /a');
});

const adoptions: readonly (readonly [
  what: string,
  before: readonly string[],
  route: string,
  here: string,
])[] = [
  ['a route that is known', ['/a/1'], 'GET /a/{id}', 'GET /a/{id}'],
  ['one that is new', [], 'GET /a/{date}/x', 'GET /a/{date}/x'],
  ['one of a parameter folds names', ['/u/ann', '/u/bob'], 'GET /u/{segment}', 'GET /u/{segment}'],
  ['a name where there is a parameter', ['/u/a', '/u/b', '/u/c', '/u/d'], 'GET /u/x', 'GET /u/{segment}'],
  ['a rest', [], 'GET /a/**', 'GET /a/**'],
  ['what fits a template', [], 'GET /t/{id}', 'GET /t/{name}'],
  ['a catch-all', [], 'GET (other)', 'GET (other)'],
  ['no path', [], 'CONNECT (no path)', 'CONNECT (no path)'],
  ['nothing that makes sense', [], 'nonsense', 'OTHER (other)'],
  ['a slash at the end', [], 'GET /a/', 'GET /a/'],
];
for (const [what, before, route, here] of adoptions) {
  test(`adopts ${what}`, () => {
    const { table, all, folds } = openTable({ templates: ['/t/{name}'] });
    all(...before);
    equal(table.adopt(route, 10), here);
    if (what.includes('folds')) deepEqual(folds, [[['GET /u/ann', 'GET /u/bob'], 'GET /u/{segment}']]);
    equal(table.turnedAway, 0 + (route === 'nonsense' ? 10 : 0));
  });
}

test('tables that learned different things agree after adoption', () => {
  const main = openTable();
  const first = openTable();
  const second = openTable();
  for (const name of first.all('/u/a', '/u/b')) main.table.adopt(name);
  for (const name of second.all('/u/c', '/u/d')) main.table.adopt(name);
  deepEqual(
    ['GET /u/a', 'GET /u/d'].map((name) => main.table.adopt(name)),
    ['GET /u/{segment}', 'GET /u/{segment}'],
  );
  equal(main.folds.length, 1);
});

test('a full table turns the routes of others away, and counts their requests', () => {
  const { table } = openTable({ limit: 1 });
  table.adopt('GET /a', 5);
  equal(table.adopt('GET /b', 7), 'GET (other)');
  equal(table.turnedAway, 7);
});
