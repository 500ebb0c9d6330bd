import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { rawTcp } from './raw-tcp.ts';
import type { RawHandler, RawSocket } from './raw-tcp.ts';

/** Tells what happens on a raw socket as lines, and lets a test wait for one. */
class Witness implements RawHandler {
  readonly lines: string[] = [];
  #look = (): void => {};

  connected(): void {
    this.#say('connected');
  }
  data(_socket: RawSocket, chunk: Uint8Array): void {
    this.#say(`data ${Buffer.from(chunk).toString('latin1')}`);
  }
  ended(): void {
    this.#say('ended');
  }
  drained(): void {
    this.#say('drained');
  }
  failed(): void {
    this.#say('failed');
  }
  closed(): void {
    this.#say('closed');
  }
  async until(line: string): Promise<void> {
    while (!this.lines.includes(line)) {
      await new Promise<void>((resolve) => {
        this.#look = resolve;
      });
    }
  }
  #say(line: string): void {
    this.lines.push(line);
    this.#look();
  }
}

function raw() {
  assert.ok(rawTcp !== undefined, 'this Node has the handles');
  return rawTcp;
}

/** A raw connection to a listening `node:net` server, and the server's end of it. */
async function dialled(t: TestContext): Promise<{ socket: RawSocket; witness: Witness; peer: Socket }> {
  const server = net.createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const witness = new Witness();
  const accepted = once(server, 'connection');
  const socket = raw().connect('127.0.0.1', (server.address() as AddressInfo).port);
  socket.handler = witness;
  await witness.until('connected');
  const [peer] = (await accepted) as [Socket];
  peer.on('error', () => {});
  t.after(() => peer.destroy());
  t.after(() => socket.destroy());
  return { socket, witness, peer };
}

test('bytes go both ways, and both ends finish on their own', async (t) => {
  const { socket, witness, peer } = await dialled(t);
  socket.resume();
  socket.write(Buffer.from('ping'));
  const [ping] = (await once(peer, 'data')) as [Buffer];
  assert.equal(String(ping), 'ping');
  peer.end('pong');
  await witness.until('ended');
  assert.equal(socket.destroyed, false, 'the other direction is still open');
  const late = once(peer, 'data');
  socket.write(Buffer.from('late'));
  assert.equal(String((await late)[0]), 'late');
  socket.end();
  await once(peer, 'end');
  await witness.until('closed');
  assert.deepEqual(witness.lines, ['connected', 'data pong', 'ended', 'closed']);
});

test('nothing is read while paused', async (t) => {
  const { socket, witness, peer } = await dialled(t);
  peer.write('early');
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(witness.lines, ['connected']);
  socket.resume();
  await witness.until('data early');
});

test('a write that does not fit says false, and drained follows', async (t) => {
  const { socket, witness, peer } = await dialled(t);
  const chunk = Buffer.alloc(1024 * 1024, 'x');
  let sent = 0;
  do sent += chunk.length;
  while (socket.write(chunk));
  assert.ok(socket.writableLength > 0);
  let got = 0;
  peer.on('data', (bytes) => {
    got += bytes.length;
  });
  await witness.until('drained');
  assert.equal(socket.writableLength, 0);
  socket.end();
  await once(peer, 'end');
  assert.equal(got, sent);
});

test("the peer's reset is a failure, and ours reaches the peer", async (t) => {
  const first = await dialled(t);
  first.socket.resume();
  first.peer.resetAndDestroy();
  await first.witness.until('closed');
  assert.deepEqual(first.witness.lines, ['connected', 'failed', 'closed']);
  const second = await dialled(t);
  const error = once(second.peer, 'error');
  second.peer.resume();
  second.socket.resetAndDestroy();
  assert.equal(((await error)[0] as NodeJS.ErrnoException).code, 'ECONNRESET');
  await second.witness.until('closed');
});

test('a refused connect is a failure', async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  const witness = new Witness();
  raw().connect('127.0.0.1', port).handler = witness;
  await witness.until('closed');
  assert.deepEqual(witness.lines, ['failed', 'closed']);
});

test('nothing can be done to a socket that is closed, and nothing happens', async (t) => {
  const { socket, witness } = await dialled(t);
  socket.destroy();
  for (const act of ['resume', 'pause', 'end', 'destroy', 'destroySoon', 'resetAndDestroy'] as const)
    socket[act]();
  assert.equal(socket.write(Buffer.from('x')), false);
  assert.equal(socket.remoteAddress, undefined);
  await witness.until('closed');
  assert.deepEqual(witness.lines, ['connected', 'closed']);
});

test('a server hands over the connections that are wanted, with their addresses', async (t) => {
  const server = net.createServer().listen(0, '::1');
  t.after(() => server.close());
  await once(server, 'listening');
  const taken: RawSocket[] = [];
  let wanted = false;
  raw().accept(server, { wanted: () => wanted, accepted: (socket) => taken.push(socket) });
  const { port } = server.address() as AddressInfo;
  const plain = once(server, 'connection');
  const first = net.connect(port, '::1');
  ((await plain)[0] as Socket).destroy();
  wanted = true;
  const second = net.connect(port, '::1');
  await once(second, 'connect');
  while (taken.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(taken[0]?.remoteAddress, '::1');
  assert.equal(taken[0]?.remotePort, second.localPort);
  assert.equal(taken[0]?.localPort, port);
  for (const socket of [first, second, ...taken]) socket.destroy();
});

test('the live path passes the same tests on the sockets of node:net', () => {
  const env: NodeJS.ProcessEnv = { ...process.env, UNDERSTUDY_SOCKETS: 'node' };
  delete env['NODE_TEST_CONTEXT'];
  const files = ['relay', 'listener', 'connector'].map((name) =>
    join(import.meta.dirname, '..', 'live', `${name}.test.ts`),
  );
  const { status, stdout } = spawnSync(process.execPath, ['--test', '--test-timeout=60000', ...files], {
    env,
    encoding: 'utf8',
  });
  assert.equal(status, 0, stdout);
  assert.match(stdout, /pass [1-9]/);
});
