import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { settingsFromFlags } from './flags.ts';
import type { ConfigFlags } from './flags.ts';
import { ConfigError } from './problem.ts';

const folder = mkdtempSync(join(tmpdir(), 'understudy-flags-'));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'understudy.yaml');
writeFileSync(
  file,
  `listeners: [{ name: a, listen: "127.0.0.1:8080", primary: "http://127.0.0.1:3000" }]
admin: { listen: "127.0.0.1:9901", token: a-token-in-the-file-itself }
log: { level: warn, format: text }
`,
);

const BASE: ConfigFlags = { listen: '127.0.0.1:8080', primary: ['http://127.0.0.1:3000'] };
const MIRROR = ['http://127.0.0.1:3001'];

/** `where: message` of every problem. */
function problemsOf(flags: ConfigFlags, env: Readonly<Record<string, string>> = {}): readonly string[] {
  try {
    settingsFromFlags(flags, env, folder);
  } catch (error) {
    if (error instanceof ConfigError)
      return error.problems.map(({ where, message }) => `${where}: ${message}`);
    throw error;
  }
  return [];
}

test('the quick start is a listener, a primary and a policy with a mirror', () => {
  const { settings, warnings } = settingsFromFlags({ ...BASE, mirror: MIRROR }, {}, folder);
  const [listener] = settings.listeners;
  const [policy] = settings.policies;
  assert.deepEqual(warnings, []);
  assert.deepEqual(listener?.listen, { kind: 'tcp', host: '127.0.0.1', port: 8080 });
  assert.deepEqual(
    listener.primary.endpoints.map(({ url }) => url),
    ['http://127.0.0.1:3000'],
  );
  assert.deepEqual(
    policy?.mirrors.map(({ name, endpoint }) => [name, endpoint.url]),
    [['mirror', 'http://127.0.0.1:3001']],
  );
  assert.deepEqual(policy.fraction, { numerator: 100, denominator: 100 });
  assert.equal(policy.writes, 'hold');
  assert.equal(policy.control, undefined);
});

test('without a mirror there is no policy', () => {
  assert.deepEqual(settingsFromFlags(BASE, {}, folder).settings.policies, []);
});

test('every flag reaches its setting', () => {
  const { settings } = settingsFromFlags(
    {
      listen: '[::]:0',
      primary: ['https://a:1', 'https://b:2'],
      mirror: ['v2=http://c:3', 'unix:/run/d.sock', 'https://e/'],
      control: 'http://f:4',
      percent: '0.01',
      sampleBy: 'cookie:session',
      writes: 'mirror',
      ignore: ['body.at', 'header.X-Build'],
      store: 'understudy.db',
      admin: 'off',
      log: 'debug,json',
    },
    {},
    folder,
  );
  const [policy] = settings.policies;
  assert.equal(settings.listeners[0]?.primary.endpoints.length, 2);
  assert.deepEqual(
    policy?.mirrors.map(({ name, endpoint }) => `${name} ${endpoint.url}`),
    ['v2 http://c:3', 'mirror-2 unix:/run/d.sock', 'mirror-3 https://e/'],
  );
  assert.deepEqual([policy.control?.name, policy.control?.endpoint.url], ['control', 'http://f:4']);
  assert.deepEqual(policy.fraction, { numerator: 0.01, denominator: 100 });
  assert.deepEqual(policy.sampleBy, { kind: 'cookie', name: 'session' });
  assert.equal(policy.writes, 'mirror');
  assert.deepEqual(
    policy.compare.ignore.map(({ path }) => path),
    ['body.at', 'header.x-build'],
  );
  assert.equal(settings.store.file, join(folder, 'understudy.db'));
  assert.equal(settings.admin.listen, undefined);
  assert.deepEqual(settings.log, { level: 'debug', format: 'json' });
});

const refused: readonly (readonly [flags: ConfigFlags, problems: readonly RegExp[]])[] = [
  [{}, [/^the command line: neither --config nor/]],
  [{ admin: 'off' }, [/^the command line: neither --config nor/]],
  [{ listen: '127.0.0.1:1' }, [/^--primary: is missing/]],
  [{ mirror: MIRROR }, [/^--listen: is missing/, /^--primary: is missing/]],
  [
    { ...BASE, percent: '5', control: 'http://x' },
    [/^--control: needs --mirror/, /^--percent: needs --mirror/],
  ],
  [{ ...BASE, listen: '8080' }, [/^--listen: "8080" has no host/]],
  [{ ...BASE, primary: ['localhost:3000'] }, [/^--primary: "localhost:3000" is not a URL/]],
  [
    { ...BASE, primary: ['http://a', 'https://b'] },
    [/^--primary: the endpoints of a primary have one scheme/],
  ],
  [{ ...BASE, primary: ['http://127.0.0.1:8080'] }, [/^--primary: the primary is the listener itself/]],
  [{ ...BASE, mirror: ['ftp://a'] }, [/^--mirror: the scheme "ftp"/]],
  [{ ...BASE, mirror: ['=http://a'] }, [/^--mirror: "" is not a name/]],
  [{ ...BASE, mirror: ['a=http://a', 'a=http://b'] }, [/^--mirror: "a" is the name of another/]],
  [{ ...BASE, mirror: MIRROR, control: 'x' }, [/^--control: "x" is not a URL/]],
  [{ ...BASE, mirror: MIRROR, percent: '101' }, [/^--percent: 101 is too much/]],
  [{ ...BASE, mirror: MIRROR, percent: '5%' }, [/^--percent: a number is wanted/]],
  [{ ...BASE, mirror: MIRROR, percent: '-1' }, [/^--percent: a number is wanted/]],
  [{ ...BASE, mirror: MIRROR, sampleBy: 'user' }, [/^--sample-by: "user" is not known/]],
  [{ ...BASE, mirror: MIRROR, writes: 'yes' }, [/^--writes: "yes" is not known/]],
  [
    { ...BASE, mirror: MIRROR, ignore: ['body.at', 'at'] },
    [/^--ignore: policies\[0\]\.compare\.ignore\[1\]: "at" does not begin|^--ignore: "at" does not begin/],
  ],
  [{ ...BASE, ignore: ['body.at'] }, [/^--ignore: needs --mirror/]],
  [{ ...BASE, store: '' }, [/^--store: "" is not a file/]],
  [{ config: file, ignore: ['body.at'] }, [/^--ignore: does not go with --config/]],
  [{ ...BASE, admin: '9900' }, [/^--admin: "9900" has no host/]],
  [{ ...BASE, admin: '0.0.0.0:9900' }, [/^--admin: 0\.0\.0\.0:9900 can be reached/]],
  [{ ...BASE, log: 'loud' }, [/^--log: "loud" is not known/]],
  [
    { config: file, listen: 'x', mirror: MIRROR },
    [/^--listen: does not go with --config/, /^--mirror: does not go with --config/],
  ],
  [{ config: file, admin: 'x' }, [/^--admin: "x" has no port/]],
  [{ config: join(folder, 'missing.yaml') }, [/missing\.yaml: cannot read/]],
];

for (const [flags, problems] of refused) {
  test(`refuses ${JSON.stringify(flags).replaceAll(folder, '')}`, () => {
    const found = problemsOf(flags);
    assert.equal(found.length, problems.length, found.join('\n'));
    for (const [index, pattern] of problems.entries()) assert.match(found[index] ?? '', pattern);
  });
}

test('flags hold over variables, variables over the file', () => {
  const fromFile = settingsFromFlags({ config: file }, {}, folder);
  assert.deepEqual(fromFile.settings.log, { level: 'warn', format: 'text' });
  assert.deepEqual(fromFile.settings.admin, {
    listen: { kind: 'tcp', host: '127.0.0.1', port: 9901 },
    token: 'a-token-in-the-file-itself',
  });
  assert.deepEqual(
    fromFile.warnings.map(({ path }) => path),
    ['admin.token'],
  );

  const env = { UNDERSTUDY_LOG: 'debug', UNDERSTUDY_ADMIN_TOKEN: 'a-token-from-a-variable' };
  const fromEnv = settingsFromFlags({ config: file }, env, folder);
  assert.deepEqual(fromEnv.settings.log, { level: 'debug', format: 'text' });
  assert.equal(fromEnv.settings.admin.token, 'a-token-from-a-variable');
  assert.deepEqual(fromEnv.warnings, []);

  const fromFlags = settingsFromFlags({ config: file, log: 'error,auto', admin: '0.0.0.0:1' }, env, folder);
  assert.deepEqual(fromFlags.settings.log, { level: 'error', format: 'auto' });
  assert.deepEqual(fromFlags.settings.admin.listen, { kind: 'tcp', host: '0.0.0.0', port: 1 });
});

test('a variable that is wrong is named, and a token is not shown', () => {
  const env = { UNDERSTUDY_LOG: 'loud', UNDERSTUDY_ADMIN_TOKEN: 'hunter2' };
  assert.throws(
    () => settingsFromFlags(BASE, env, folder),
    (error: unknown) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, /^UNDERSTUDY_LOG: /m);
      assert.match(error.message, /^UNDERSTUDY_ADMIN_TOKEN: admin\.token: the token is too short$/m);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    },
  );
});

test('the store of a flag holds over the file, and starts from the working directory', () => {
  const elsewhere = join(folder, 'elsewhere');
  const { settings } = settingsFromFlags({ config: file, store: 'understudy.db' }, {}, elsewhere);
  assert.equal(settings.store.file, join(elsewhere, 'understudy.db'));
});

test('an empty variable counts as not set', () => {
  const { settings } = settingsFromFlags(BASE, { UNDERSTUDY_LOG: '', UNDERSTUDY_ADMIN_TOKEN: '' }, folder);
  assert.equal(settings.admin.token, undefined);
  assert.equal(settings.log.level, 'info');
});

test('captures need no listener, and their flags say where they come from', () => {
  const { settings } = settingsFromFlags(
    {
      capture: ['eth0', 'old.pcap'],
      captureFilter: 'port 80',
      namespace: 'blue',
      serverPorts: '80,8080',
      keyLog: 'keys.log',
      captureOutput: '127.0.0.1:0',
    },
    {},
    '/etc/understudy',
  );
  assert.deepEqual(settings.listeners, []);
  const [eth0, old] = settings.captures;
  assert.equal(eth0?.name, 'capture');
  assert.ok(eth0?.source.kind === 'interface' && eth0.source.filter === 'port 80');
  assert.equal(eth0.source.namespace, 'blue');
  assert.deepEqual(eth0.serverPorts, [80, 8080]);
  assert.equal(eth0.keyLog, '/etc/understudy/keys.log');
  assert.ok(eth0.output !== undefined && old?.output === undefined);
  assert.deepEqual(old?.source, {
    kind: 'file',
    path: '/etc/understudy/old.pcap',
    follow: false,
    pace: 'fast',
  });
});

const refusedCaptures: readonly (readonly [
  flags: Parameters<typeof settingsFromFlags>[0],
  message: RegExp,
])[] = [
  [{ capture: ['a.pcap'], captureFilter: 'port 80' }, /--capture-filter: .*filter is for interface/],
  [{ keyLog: 'k', listen: ':1', primary: ['http://a'] }, /--key-log: needs --capture/],
  [{ capture: ['eth0'], control: 'http://a' }, /--control: needs --mirror/],
  [{ capture: ['eth0'], listen: ':8080' }, /--primary: is missing/],
  [{ capture: ['vxlan://nowhere:x'] }, /--capture: .*is not a port/],
  [{ capture: ['eth0'], serverPorts: '80,http' }, /--server-ports: .*an integer is wanted/],
];
for (const [flags, message] of refusedCaptures) {
  test(`refuses ${JSON.stringify(flags)}`, () =>
    assert.throws(
      () => settingsFromFlags(flags, {}, '/'),
      (error: Error) => {
        assert.match(`${error.message} ${String((error as { hint?: string }).hint)}`, message);
        return true;
      },
    ));
}
