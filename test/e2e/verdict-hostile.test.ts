import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { eventually } from '../fixtures/eventually.ts';
import { oneTap, startUnderstudy } from '../fixtures/understudy.ts';
import { comparedBy, startVersion, verdictOf } from '../fixtures/versions.ts';
import type { VersionAnswer } from '../fixtures/versions.ts';
import { startVisitors } from '../fixtures/visitors.ts';

const MIB = 1024 * 1024;
const JSON_TYPE = { 'content-type': 'application/json' };
const GZIP = { ...JSON_TYPE, 'content-encoding': 'gzip' };
const GOOD = Buffer.from('{"id":1,"name":"Ada"}');

/** As sent by both versions, and what is said of a version that sends it where the other one is well. */
interface Lie {
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Of `body`, beside a good answer of the same headers. */
  readonly fault: string;
  /** What a version that is well sends under these headers. */
  readonly well?: Uint8Array;
}

const LIES: readonly Lie[] = [
  { name: 'not-json', headers: JSON_TYPE, body: Buffer.from('<html>sorry</html>'), fault: 'malformed' },
  { name: 'half-json', headers: JSON_TYPE, body: Buffer.from('{"id":1,"na'), fault: 'malformed' },
  {
    name: 'deep',
    headers: JSON_TYPE,
    body: Buffer.from('['.repeat(100_000) + ']'.repeat(100_000)),
    fault: 'too_deep',
  },
  {
    name: 'not-utf8',
    headers: JSON_TYPE,
    body: Buffer.from([0x22, 0xff, 0xfe, 0xc0, 0x22]),
    fault: 'invalid_encoding',
  },
  {
    name: 'not-gzip',
    headers: GZIP,
    body: Buffer.from('this was never compressed'),
    fault: 'malformed_coding',
    well: gzipSync(GOOD),
  },
  {
    name: 'half-gzip',
    headers: GZIP,
    body: gzipSync(GOOD).subarray(0, 25),
    fault: 'truncated_coding',
    well: gzipSync(GOOD),
  },
  {
    name: 'gzip-bomb',
    headers: GZIP,
    body: gzipSync(Buffer.alloc(64 * MIB)),
    fault: 'bomb',
    well: gzipSync(GOOD),
  },
  {
    name: 'br-bomb',
    headers: { ...JSON_TYPE, 'content-encoding': 'br' },
    body: brotliCompressSync(Buffer.alloc(64 * MIB)),
    fault: 'bomb',
    well: brotliCompressSync(GOOD),
  },
  {
    name: 'zstd-bomb',
    headers: { ...JSON_TYPE, 'content-encoding': 'zstd' },
    body: zstdCompressSync(Buffer.alloc(64 * MIB)),
    fault: 'bomb',
    well: zstdCompressSync(GOOD),
  },
  {
    name: 'onions',
    headers: { ...JSON_TYPE, 'content-encoding': 'gzip, gzip, gzip' },
    body: gzipSync(gzipSync(gzipSync(Buffer.alloc(64 * MIB)))),
    fault: 'bomb',
    well: gzipSync(gzipSync(gzipSync(GOOD))),
  },
];

/** Equal on both sides, and nothing to be sure of. */
const ODD: readonly (readonly [name: string, headers: Readonly<Record<string, string>>, body: string])[] = [
  ['huge-numbers', JSON_TYPE, `{"a":1e999999999,"b":${'9'.repeat(5000)},"c":-0.0,"d":1E-999999999}`],
  ['unknown-charset', { 'content-type': 'application/json; charset=klingon' }, '{"a":1}'],
  ['wrong-charset', { 'content-type': 'text/plain; charset=utf-16' }, 'odd'],
  ['no-type', { 'content-type': ';;;=' }, '{'],
  ['unknown-coding', { ...JSON_TYPE, 'content-encoding': 'rot13' }, '{"a":1}'],
];

const lieAt = (path: string): Lie | undefined => LIES.find(({ name }) => path.endsWith(`/${name}`));

/** `/both/…` is broken in both versions, `/one/…` in the mirror only. */
function answer(path: string, mirror: boolean): VersionAnswer {
  const lie = lieAt(path);
  if (lie !== undefined)
    return {
      headers: lie.headers,
      body: mirror || path.startsWith('/both/') ? lie.body : (lie.well ?? GOOD),
    };
  const odd = ODD.find(([name]) => path === `/odd/${name}`);
  return odd === undefined ? { body: GOOD } : { headers: odd[1], body: Buffer.from(odd[2]) };
}

const PATHS = [
  ...LIES.flatMap(({ name }) => [`/both/${name}`, `/one/${name}`]),
  ...ODD.map(([name]) => `/odd/${name}`),
];

test('bodies that lie are named for what they are, are no difference when both lie alike, and harm nobody', async () => {
  await using primary = await startVersion('primary', ({ path }) => answer(path, false));
  await using mirror = await startVersion('mirror', ({ path }) => answer(path, true));
  const policy = {
    limits: { bodyBytes: '2MiB' },
    compare: { routes: { templates: PATHS.map((path) => `GET ${path}`) } },
  };
  const config = oneTap(primary.url, mirror.url, { policy });
  await using understudy = await startUnderstudy({ config });
  const visits = 20 * PATHS.length;
  await using visitors = startVisitors(
    await understudy.port(),
    (index) => {
      const path = PATHS[index % PATHS.length] ?? '';
      return { path, expected: Buffer.from(answer(path, false).body as Uint8Array) };
    },
    visits,
  );
  await eventually('everything is compared', async () => (await comparedBy(understudy)) === visits, 30_000);
  await visitors.assertServed();
  const [judged] = (await verdictOf(understudy)).mirrors;
  const found = judged?.findings ?? [];
  for (const { name, fault } of LIES) {
    const here = found.filter(({ route }) => route === `GET /one/${name}`);
    deepEqual(
      here.map(({ kind, path, risk, sample }) => [kind, path, risk, sample.other]),
      [['type', 'body', 'high', `not readable: ${fault}`]],
      name,
    );
  }
  deepEqual(
    found.map(({ route }) => route).filter((route) => !route.startsWith('GET /one/')),
    [],
    'what is broken alike is no difference',
  );
  equal((await understudy.summary()).observerRestarts, 0);
  ok(understudy.alive);
});

test('two bodies that are broken alike but not the same are not taken for more than bytes', async () => {
  await using primary = await startVersion('primary', () => ({
    headers: GZIP,
    body: gzipSync(GOOD).subarray(0, 25),
  }));
  await using mirror = await startVersion('mirror', () => ({
    headers: GZIP,
    body: gzipSync(GOOD).subarray(0, 24),
  }));
  await using understudy = await startUnderstudy({ config: oneTap(primary.url, mirror.url) });
  await using visitors = startVisitors(await understudy.port(), () => ({ path: '/cut' }), 20);
  await eventually('they are compared', async () => (await comparedBy(understudy)) === 20);
  await visitors.assertServed();
  const [judged] = (await verdictOf(understudy)).mirrors;
  for (const { path } of judged?.findings ?? []) equal(path, 'body');
});
