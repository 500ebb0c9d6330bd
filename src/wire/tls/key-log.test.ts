import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyLog, KeyLogReader } from './key-log.ts';

const RANDOM = 'ab'.repeat(32);
const MASTER = 'cd'.repeat(48);
const SECRET = 'ef'.repeat(32);

function logOf(text: string): KeyLog {
  const log = new KeyLog();
  const reader = new KeyLogReader(log);
  reader.write(Buffer.from(text));
  reader.end();
  return log;
}

function hexOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes && Buffer.from(bytes).toString('hex');
}

const lines: readonly (readonly [
  what: string,
  line: string,
  counted: 'secrets' | 'ignored' | 'malformed' | 'none',
])[] = [
  ['a master secret', `CLIENT_RANDOM ${RANDOM} ${MASTER}`, 'secrets'],
  ['a traffic secret of SHA-256', `SERVER_TRAFFIC_SECRET_0 ${RANDOM} ${SECRET}`, 'secrets'],
  ['one of SHA-384', `CLIENT_EARLY_TRAFFIC_SECRET ${RANDOM} ${MASTER}`, 'secrets'],
  ['capital digits', `CLIENT_RANDOM ${RANDOM.toUpperCase()} ${MASTER}`, 'secrets'],
  ['a line end of Windows', `CLIENT_RANDOM ${RANDOM} ${MASTER}\r`, 'secrets'],
  ['a comment', '# SSL/TLS secrets log file', 'none'],
  ['an empty line', '', 'none'],
  ['an exporter', `EXPORTER_SECRET ${RANDOM} ${SECRET}`, 'ignored'],
  ['an old RSA line', `RSA 0123456789abcdef ${MASTER}`, 'ignored'],
  ['a label that nobody knows', `__PROTO__ ${RANDOM} ${SECRET}`, 'malformed'],
  ['a label of another kind', `ECH_SECRET ${RANDOM} ${SECRET}`, 'ignored'],
  ['a master secret that is too short', `CLIENT_RANDOM ${RANDOM} ${SECRET}`, 'malformed'],
  ['a random that is too long', `CLIENT_RANDOM ${RANDOM}00 ${MASTER}`, 'malformed'],
  ['half an octet', `CLIENT_RANDOM ${RANDOM} ${MASTER.slice(1)}`, 'malformed'],
  ['no secret', `CLIENT_RANDOM ${RANDOM}`, 'malformed'],
  ['a line without an end', 'x'.repeat(100_000), 'malformed'],
];
for (const [what, line, counted] of lines) {
  test(`${what} is ${counted === 'none' ? 'nothing' : `one of ${counted}`}`, () => {
    const none = { secrets: 0, ignored: 0, malformed: 0, evicted: 0 };
    const log = logOf(`${line}\n`);
    assert.deepEqual(log.counts, counted === 'none' ? none : { ...none, [counted]: 1 });
    assert.equal(log.size, counted === 'secrets' ? 1 : 0);
  });
}

test('the secrets of a session, in pieces of any size', () => {
  const text = `CLIENT_HANDSHAKE_TRAFFIC_SECRET ${RANDOM} ${SECRET}\n# more\nCLIENT_TRAFFIC_SECRET_0 ${RANDOM} ${MASTER}`;
  for (const size of [1, 7, 64, 1000]) {
    const log = new KeyLog();
    const reader = new KeyLogReader(log);
    const told: string[] = [];
    log.listen((random) => told.push(random));
    for (let at = 0; at < text.length; at += size) reader.write(Buffer.from(text.slice(at, at + size)));
    // The last line may not be whole.
    assert.deepEqual(told, [RANDOM]);
    reader.end();
    assert.deepEqual(told, [RANDOM, RANDOM]);
    const secrets = log.secretsOf(RANDOM);
    assert.deepEqual([hexOf(secrets?.clientHandshake), hexOf(secrets?.clientTraffic)], [SECRET, MASTER]);
    assert.equal(secrets?.serverTraffic, undefined);
  }
});

test('a line that is said again is no news', () => {
  const log = new KeyLog();
  let told = 0;
  const stop = log.listen(() => told++);
  for (let i = 0; i < 3; i++) log.line(`CLIENT_RANDOM ${RANDOM} ${MASTER}`);
  assert.deepEqual([told, log.counts.secrets], [1, 1]);
  stop();
  log.line(`CLIENT_RANDOM ${'00'.repeat(32)} ${MASTER}`);
  assert.deepEqual([told, log.size], [1, 2]);
});

test('the oldest session makes room', () => {
  const log = new KeyLog({ sessions: 2 });
  const randoms = ['01', '02', '03'].map((octet) => octet.repeat(32));
  for (const random of randoms) log.line(`CLIENT_RANDOM ${random} ${MASTER}`);
  assert.deepEqual(
    randoms.map((random) => log.secretsOf(random) !== undefined),
    [false, true, true],
  );
  assert.deepEqual([log.size, log.counts.evicted], [2, 1]);
});
