import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { eventually } from '../../test/fixtures/eventually.ts';
import {
  listenerSettings,
  openListener,
  openPrimary,
  readAll,
  readBytes,
} from '../../test/fixtures/live-listener.ts';
import type { OpenListener, RawPrimary } from '../../test/fixtures/live-listener.ts';

const MIB = 2 ** 20;
const folder = mkdtempSync(join(tmpdir(), 'relay-'));
after(() => rmSync(folder, { recursive: true }));

interface Pair {
  readonly live: OpenListener;
  readonly client: Socket;
  readonly primary: Socket;
}

/** Runs a test on a connection through a live listener. */
async function connected(run: (pair: Pair) => Promise<void>, unix = false): Promise<void> {
  const paths = unix ? [join(folder, 'primary'), join(folder, 'listener')] : [];
  await using upstream: RawPrimary = await openPrimary(paths[0]);
  const listen = paths[1] === undefined ? {} : { listen: { kind: 'unix', path: paths[1] } as const };
  await using live = await openListener(listenerSettings([upstream.place], listen));
  const client = await live.connect();
  const primary = await upstream.accept();
  try {
    await run({ live, client, primary });
  } finally {
    client.destroy();
    primary.destroy();
  }
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

test('bytes go both ways at once, unchanged, and both ends with them', async () => {
  await connected(async ({ live, client, primary }) => {
    const up = randomBytes(8 * MIB);
    const down = randomBytes(8 * MIB);
    client.end(up);
    primary.end(down);
    const [atPrimary, atClient] = await Promise.all([readAll(primary), readAll(client)]);
    assert.deepEqual([atPrimary.kind, hashOf(atPrimary.bytes)], ['end', hashOf(up)]);
    assert.deepEqual([atClient.kind, hashOf(atClient.bytes)], ['end', hashOf(down)]);
    await eventually('both sides are closed', () => live.stat('open') === 0);
    assert.deepEqual([live.stat('bytesFromClients'), live.stat('bytesFromPrimary')], [8 * MIB, 8 * MIB]);
  });
});

for (const slow of ['primary', 'client'] as const) {
  test(`a ${slow} that does not read holds the other side up, and loses nothing`, async () => {
    await connected(async ({ live, client, primary }) => {
      const [writer, reader] = slow === 'primary' ? [client, primary] : [primary, client];
      const stat = slow === 'primary' ? 'bytesFromClients' : 'bytesFromPrimary';
      const bytes = randomBytes(64 * MIB);
      reader.pause();
      writer.end(bytes);
      let before = -1;
      let looks = 0;
      await eventually('the relay stands still', () => {
        looks = live.stat(stat) === before ? looks + 1 : 0;
        before = live.stat(stat);
        return looks > 10;
      });
      assert.ok(live.stat(stat) < 32 * MIB, `${live.stat(stat)} bytes were taken in`);
      const ending = await readAll(reader);
      assert.deepEqual([ending.kind, hashOf(ending.bytes)], ['end', hashOf(bytes)]);
    });
  });
}

test('a client that has ended its side still gets its answer', async () => {
  await connected(async ({ live, client, primary }) => {
    client.end('question');
    const asked = await readAll(primary);
    assert.deepEqual([asked.kind, String(asked.bytes)], ['end', 'question']);
    primary.end('answer');
    const answered = await readAll(client);
    assert.deepEqual([answered.kind, String(answered.bytes)], ['end', 'answer']);
    await eventually('both sides are closed', () => live.stat('open') === 0);
  });
});

test('a primary that has ended its side still hears the client', async () => {
  await connected(async ({ client, primary }) => {
    primary.end('bye');
    assert.equal(String((await readAll(client)).bytes), 'bye');
    client.end('and more');
    const heard = await readAll(primary);
    assert.deepEqual([heard.kind, String(heard.bytes)], ['end', 'and more']);
  });
});

for (const side of ['client', 'primary'] as const) {
  test(`the ${side}'s reset reaches the other side as a reset, behind what was sent before it`, async () => {
    await connected(async ({ live, client, primary }) => {
      const [from, to] = side === 'client' ? [client, primary] : [primary, client];
      from.write('some bytes');
      const got = await readBytes(to, 10);
      from.resetAndDestroy();
      const ending = await readAll(to);
      assert.deepEqual([String(got), ending.kind], ['some bytes', 'reset']);
      await eventually('both sides are closed', () => live.stat('open') === 0);
    });
  });

  test(`the ${side}'s close within a stream of the other side ends that`, async () => {
    await connected(async ({ live, client, primary }) => {
      const [from, to] = side === 'client' ? [client, primary] : [primary, client];
      from.destroy();
      const ending = await readAll(to);
      assert.equal(ending.kind, 'end');
      // It goes on writing to one who has gone, and learns of it as it would without a relay between.
      const over = new Promise((resolve) => to.once('close', resolve));
      to.on('error', () => {});
      const pump = setInterval(() => to.write('more'), 1);
      await over;
      clearInterval(pump);
      await eventually('both sides are closed', () => live.stat('open') === 0);
    });
  });
}

test('what a primary sent before its reset is not lost', async () => {
  await connected(async ({ live, client, primary }) => {
    client.pause();
    primary.write(Buffer.alloc(20_000, 'x'));
    await eventually('the relay has it', () => live.stat('bytesFromPrimary') === 20_000);
    primary.resetAndDestroy();
    const ending = await readAll(client);
    assert.deepEqual([ending.kind, ending.bytes.length], ['reset', 20_000]);
  });
});

test('a whole answer reaches a slow client even if the primary is gone and refuses what the client sends on', async () => {
  await connected(async ({ live, client, primary }) => {
    client.pause();
    const answer = randomBytes(MIB);
    primary.end(answer);
    await eventually('the relay has it', () => live.stat('bytesFromPrimary') === MIB);
    primary.destroy();
    client.write('the next request');
    await eventually('the relay has that too', () => live.stat('bytesFromClients') === 16);
    const ending = await readAll(client);
    assert.deepEqual([ending.bytes.length, ending.kind], [MIB, 'end']);
  });
});

test('a client that sends on to a primary that is gone is reset', async () => {
  await connected(async ({ live, client, primary }) => {
    primary.end('answer');
    assert.equal((await readAll(client)).kind, 'end');
    primary.destroy();
    const over = new Promise((resolve) => client.once('close', resolve));
    const pump = setInterval(() => client.write('more'), 1);
    await over;
    clearInterval(pump);
    await eventually('both sides are closed', () => live.stat('open') === 0);
  });
});

test('on Unix sockets, which know no reset, an abort is a close', async () => {
  await connected(async ({ live, client, primary }) => {
    primary.write('half an ans');
    await readBytes(client, 11);
    primary.destroy();
    assert.equal((await readAll(client)).kind, 'end');
    client.destroy();
    await eventually('both sides are closed', () => live.stat('open') === 0);
  }, true);
});

test('on Unix sockets a client that goes away while the primary sends is the end of both', async () => {
  await connected(async ({ live, client, primary }) => {
    client.write('x');
    await readBytes(primary, 1);
    client.destroy();
    const over = new Promise((resolve) => primary.once('close', resolve));
    const pump = setInterval(() => primary.write('more'), 1);
    await over;
    clearInterval(pump);
    await eventually('both sides are closed', () => live.stat('open') === 0);
  }, true);
});
