import { deepEqual, equal, match } from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { cliContext } from '../../test/fixtures/cli-context.ts';
import { dispatch } from './dispatch.ts';

const folder = mkdtempSync(join(tmpdir(), 'understudy-check-'));
after(() => rmSync(folder, { recursive: true }));

const GOOD = join(folder, 'good.yaml');
writeFileSync(
  GOOD,
  `admin: { listen: 127.0.0.1:9900, token: correct-horse-battery }
listeners:
  - { name: orders, listen: 127.0.0.1:8080, primary: "http://127.0.0.1:3000" }
policies:
  - name: orders-v2
    matches:
      - path: { type: PathPrefix, value: /api }
        headers: [ { type: Exact, name: x-env, value: prod } ]
        source: { cidrs: [ 10.0.0.0/8 ] }
    mirrors: [ { name: v2, url: "http://127.0.0.1:3001" } ]
`,
);
const BAD = join(folder, 'bad.yaml');
writeFileSync(
  BAD,
  `listeners:
  - { name: orders, listen: 127.0.0.1:808080, primary: "http://127.0.0.1:3000" }
policys: []
`,
);

async function check(...args: readonly string[]) {
  const context = cliContext();
  const code = await dispatch(['check', ...args], context);
  return { code, ...context.printed() };
}

test('a good file is OK, with an overview and its warnings', async () => {
  const { code, out, err } = await check('--config', GOOD);
  equal(code, 0);
  equal(
    out,
    `OK
listener orders: 127.0.0.1:8080 → http://127.0.0.1:3000
policy orders-v2: 100 % → v2 (http://127.0.0.1:3001); writes are held back
  noise: not measured, as there is no control: what differs in up to 0.1 % of the answers counts as noise; UUIDs, timestamps and other volatile values are compared by their form
  fails: a difference of class medium or above is proven beyond noise, or answers that take longer by 20 % and 10ms; false alarms at most 5 % over the whole run
  passes: proof of at most 0.1 % such differences and 0.1 % copies without an answer, with 30 pairs on every route of 1 % of the traffic; not before 2,995 pairs
admin: 127.0.0.1:9900
store: in memory
`,
  );
  match(err, /good\.yaml:1:\d+: admin\.token: warning/);
  equal(/correct-horse/.test(out + err), false);
});

test('a bad file has all its problems told, with places and suggestions', async () => {
  const { code, out, err } = await check('--config', BAD);
  equal(code, 64);
  equal(out, '');
  match(err, /bad\.yaml:2:\d+: listeners\[0\]\.listen/);
  match(err, /bad\.yaml:3:1: /);
  match(err, /policies/);
});

test('--json says the problems as data', async () => {
  const { code, out, err } = await check('--config', BAD, '--json');
  equal(code, 64);
  equal(err, '');
  const result = JSON.parse(out);
  equal(result.ok, false);
  equal(result.problems.length, 2);
});

const REQUEST = ['--config', GOOD, '--header', 'x-env: prod', '--source', '10.1.2.3'];

test('says what would be done with a request, and why', async () => {
  const copied = await check(...REQUEST, '--request', 'GET /api/orders');
  equal(copied.code, 0);
  match(copied.out, /policy orders-v2, tap orders: copied/);
  const held = await check(...REQUEST, '--request', 'POST /api/orders');
  match(held.out, /not copied: unsafe_method/);
  const other = await check('--config', GOOD, '--request', 'GET /api/orders', '--source', '10.1.2.3');
  match(other.out, /not copied: not_matched[\s\S]*x-env/);
});

test('says it as data too', async () => {
  const { code, out } = await check(...REQUEST, '--request', 'GET /api/orders', '--json');
  equal(code, 0);
  const result = JSON.parse(out);
  deepEqual(
    [result.ok, result.policies[0].policy, result.policies[0].outcome],
    [true, 'orders-v2', { kind: 'copied' }],
  );
});

const wrong: readonly (readonly [args: readonly string[], err: RegExp])[] = [
  [['--request', 'nonsense'], /--request: "nonsense" is not a request/],
  [['--request', 'GET /', '--header', 'nonsense'], /--header: "nonsense" is not a header/],
  [['--request', 'GET /', '--source', '10.0.0.256'], /--source: "10\.0\.0\.256" is not an IP address/],
  [['--request', 'GET /', '--tap', 'none'], /--tap: there is no tap "none"/],
];
for (const [args, err] of wrong) {
  test(`refuses ${args.join(' ')}`, async () => {
    const result = await check('--config', GOOD, ...args);
    equal(result.code, 64);
    match(result.err, err);
  });
}

test('checks the quick start too', async () => {
  const { code, out } = await check('--listen', '127.0.0.1:8080', '--primary', 'http://127.0.0.1:3000');
  equal(code, 0);
  match(out, /^OK\nlistener main: /);
});
