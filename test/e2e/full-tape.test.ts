import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../fixtures/eventually.ts';
import { assertUntouched, openClient, SCRIPTS, startLoad } from '../fixtures/live-load.ts';
import { patternBytes, startPrimary } from '../fixtures/primary.ts';
import { oneTap, startUnderstudy } from '../fixtures/understudy.ts';

const MIB = 1024 * 1024;
const LIMITS = { bodyBytes: '64MiB', bufferBytes: '128MiB', timeout: '20s' };

test('bodies far larger than the tape: live bytes are exact, and what is copied is whole', async () => {
  await using primary = await startPrimary();
  await using mirror = await startPrimary();
  await using understudy = await startUnderstudy({
    config: oneTap(primary.url, mirror.url, {
      policy: { writes: 'mirror', limits: LIMITS },
      observer: { tapeBytes: '256KiB' },
    }),
  });
  const port = await understudy.port();
  await using load = await startLoad({ target: port, primary: primary.port });
  const body = patternBytes(16 * MIB);
  const upload = Buffer.concat([
    Buffer.from(`POST /stream HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`),
    body,
  ]);
  const [direct, ...clients] = [
    openClient(primary.port),
    ...Array.from({ length: 3 }, () => openClient(port)),
  ];
  const expected = await direct.ask('POST', upload);
  for (let round = 0; round < 2; round++) {
    const answers = await Promise.all(clients.map((client) => client.ask('POST', upload)));
    for (const answer of answers) equal(answer.equals(expected), true);
  }
  for (const client of [direct, ...clients]) client.close();
  const full = await understudy.summary();
  const { unfollowed } = await understudy.tap();
  ok(full.tapeDroppedBytes > 0 || unfollowed.left_out > 0, 'the tape was full');
  const copied = full.pairs.same;
  await eventually('copies go on', async () => (await understudy.summary()).pairs.same > copied + 50);
  await assertUntouched(load);
  const { code, result } = await understudy.stop();
  equal(code, 0);
  equal(result.pairs.different, 0);
  equal(mirror.malformed, 0);
  equal(result.observerRestarts, 0);
});

test('an observer that stands still for a while: connections are taken up again, with nothing mistaken', async () => {
  await using primary = await startPrimary();
  await using mirror = await startPrimary();
  await using understudy = await startUnderstudy({
    config: oneTap(primary.url, mirror.url, {
      policy: { writes: 'mirror' },
      observer: { tapeBytes: '256KiB', stall: '10s' },
    }),
    faults: true,
  });
  // Connections that last: what was left out must be taken in again in mid-stream.
  const scripts = SCRIPTS.filter(({ bytes }) => !/ \/(?:until-)?close/.test(bytes.toString('latin1')));
  await using load = await startLoad({ target: await understudy.port(), primary: primary.port, scripts });
  await eventually('copies', () => mirror.seen.length > 50);
  for (let round = 0; round < 2; round++) {
    await understudy.plant('observer', 'pause');
    await eventually('the tape is full', async () => {
      const { unfollowed, tape } = await understudy.tap();
      return unfollowed.left_out > round || tape.droppedBytes > 0;
    });
    const before = mirror.seen.length;
    await eventually('copies go on', () => mirror.seen.length > before + 200);
  }
  await assertUntouched(load);
  const { code, result } = await understudy.stop();
  equal(code, 0);
  equal(result.observerRestarts, 0);
  ok((result.taps[0]?.resynchronised ?? 0) > 0);
  equal(result.pairs.different, 0);
  equal(mirror.malformed, 0);
  equal(result.incompleteByReason.ambiguous, 0);
});
