import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import type { Question, Reply } from './orders.ts';
import { answer } from './orders.ts';

/** One of the demo's services as it listens. */
export interface Service extends AsyncDisposable {
  readonly url: string;
}

/** Starts the orders API on a free loopback port. `spoil` changes its answers. */
export async function startService(spoil: (question: Question, reply: Reply) => Reply): Promise<Service> {
  // Node's 5 s would close a connection just as the load takes it up again: an error that is nobody's fault.
  const server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
    serve(request, response, spoil).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  spoil: (question: Question, reply: Reply) => Reply,
): Promise<void> {
  const question = { method: request.method ?? 'GET', target: request.url ?? '/', body: await text(request) };
  const { status, headers, body, delayMs } = spoil(question, answer(question));
  if (delayMs > 0) await wait(delayMs);
  if (status === 0) {
    request.socket.destroy();
    return;
  }
  const content = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  response.writeHead(status, { ...headers, 'content-length': content.length });
  response.end(content);
}
