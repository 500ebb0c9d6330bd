import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Finds a loopback port that nobody listens on. Another process may take it before it is used. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** @throws Error when nothing listens within `withinMs` or `failed` settles first */
export async function untilListening(
  port: number,
  withinMs: number,
  failed: Promise<unknown>,
): Promise<void> {
  let over = false;
  void failed.finally(() => {
    over = true;
  });
  const deadline = Date.now() + withinMs;
  while (!(await accepts(port))) {
    if (over) throw new Error('it ended instead of listening');
    if (Date.now() > deadline) throw new Error(`nothing listens on port ${port} after ${withinMs} ms`);
    await sleep(20);
  }
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
