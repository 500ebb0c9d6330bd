import { equal, ok } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { removeStaleSocket } from './unix-socket.ts';

const folder = mkdtempSync(join(tmpdir(), 'understudy-'));
after(() => rm(folder, { recursive: true }));

test('removes the socket of a program that was killed', async () => {
  const path = join(folder, 'stale.sock');
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', script]);
  ok(existsSync(path));
  await removeStaleSocket(path);
  equal(existsSync(path), false);
});

test('keeps a socket on which somebody answers', async () => {
  const path = join(folder, 'alive.sock');
  const server = createServer().listen(path);
  await once(server, 'listening');
  await removeStaleSocket(path);
  equal(existsSync(path), true);
  server.close();
});

test('keeps a file that is no socket, and does not mind one that is not there', async () => {
  const path = join(folder, 'file');
  writeFileSync(path, '');
  await removeStaleSocket(path);
  equal(existsSync(path), true);
  await removeStaleSocket(join(folder, 'none'));
});
