import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { UserError, messageOf } from '../kit/errors.ts';
import type { Logger } from '../kit/log.ts';
import { removeStaleSocket } from '../kit/unix-socket.ts';
import { addressText, isLocal } from '../model/address.ts';
import type { AdminSource } from '../model/runtime.ts';
import type { Address } from '../model/settings.ts';
import { streamEvents } from './event-stream.ts';
import { createGuard } from './guard.ts';
import { ApiProblem, problemDocument } from './problem.ts';
import { readBody } from './request-body.ts';
import { findRoute } from './router.ts';
import { ROUTES } from './routes.ts';

export interface AdminOptions {
  readonly listen: Address;
  /** Needed for every address that others can reach. */
  readonly token: string | undefined;
  readonly source: AdminSource;
  readonly log: Logger;
  readonly limits?: Partial<AdminLimits>;
}

export interface AdminLimits {
  /** Open connections; more are closed at accept. Default 256. */
  readonly connections: number;
  /** Readers of `events`; more get 503. Default 32. */
  readonly eventReaders: number;
  /** Longest request body. Default 16 KiB. */
  readonly bodyBytes: number;
  /** A request's head and body have to be there within this time. Default 10 s. */
  readonly requestMs: number;
  /** A connection on which nothing moves for so long is closed; also a reader that does not read. Default 60 s. */
  readonly idleMs: number;
}

const DEFAULT_LIMITS: AdminLimits = {
  connections: 256,
  eventReaders: 32,
  bodyBytes: 16 * 1024,
  requestMs: 10_000,
  idleMs: 60_000,
};

/** Nothing here is a page to draw, to keep, or for another site to use. */
const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** The admin API as it listens. Disposing it closes every connection. */
export interface AdminServer extends AsyncDisposable {
  /** `http://host:port` or `unix:/path`, with the port that was really taken. */
  readonly url: string;
}

/**
 * Serves the admin API, metrics and health.
 *
 * @throws UserError when the address cannot be taken, or can be reached by others and no token is set
 */
export async function startAdmin(options: AdminOptions): Promise<AdminServer> {
  const { listen, token, log } = options;
  if (token === undefined && !isLocal(listen)) {
    throw new UserError('the admin API needs a token on an address that others can reach', {
      code: 'config',
      where: addressText(listen),
      hint: 'set admin.token, or listen on 127.0.0.1',
    });
  }
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const server = createServer({
    headersTimeout: limits.requestMs,
    requestTimeout: limits.requestMs,
    connectionsCheckingInterval: Math.min(1000, limits.requestMs),
    keepAliveTimeout: 5000,
    maxHeaderSize: 16 * 1024,
  });
  server.maxConnections = limits.connections;
  server.timeout = limits.idleMs;
  const closing = new AbortController();
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('request', createListener(options, limits, closing.signal));
  await bind(server, listen);
  server.on('error', (error) => log.error('admin API', { error: messageOf(error) }));
  return {
    url: urlOf(server, listen),
    async [Symbol.asyncDispose]() {
      closing.abort();
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function createListener(
  options: AdminOptions,
  limits: AdminLimits,
  closing: AbortSignal,
): (request: IncomingMessage, response: ServerResponse) => void {
  const { source, log } = options;
  const guard = createGuard({
    token: options.token,
    loopback: options.listen.kind === 'tcp' && isLocal(options.listen),
  });
  let eventReaders = 0;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = request.method ?? 'GET';
    const target = request.url ?? '/';
    const { route, params, allow } = findRoute(ROUTES, method, target);
    guard({ method, headers: request.headers, open: route?.open === true });
    if (route === undefined) {
      if (allow.length === 0) throw new ApiProblem(404, 'There is nothing here; see /api/v1/openapi.json.');
      throw new ApiProblem(405, `Only ${allow.join(', ')}.`, { allow: allow.join(', ') });
    }
    const body = route.method === 'POST' ? await readBody(request, route.body, limits.bodyBytes) : undefined;
    const reply = await route.handle({ source, target, params, body });
    if (reply.kind === 'text') send(response, reply.status, reply.type, reply.text);
    else await sendEvents(response);
  }

  async function sendEvents(response: ServerResponse): Promise<void> {
    if (eventReaders >= limits.eventReaders) {
      throw new ApiProblem(503, `There are ${eventReaders} readers of events already.`, {
        'retry-after': '5',
      });
    }
    eventReaders += 1;
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    const signal = AbortSignal.any([gone.signal, closing]);
    try {
      response.writeHead(200, { ...SECURITY_HEADERS, 'content-type': 'text/event-stream' });
      if (response.req.method === 'HEAD') return;
      const summary = source.summary();
      const first = { type: 'summary', at: Date.now(), summary } as const;
      await streamEvents(response, first, source.events(signal), signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      eventReaders -= 1;
      response.end();
    }
  }

  return (request, response) => {
    answer(request, response).catch((error: unknown) => {
      // A caller that went away in the middle of its body is no failure of ours.
      if (error === request.errored) return;
      if (!(error instanceof ApiProblem)) log.error('admin API request failed', { path: request.url, error });
      sendProblem(response, error);
    });
  };
}

function sendProblem(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const problem =
    error instanceof ApiProblem
      ? error
      : new ApiProblem(500, 'The log of the instance says what went wrong.');
  for (const [name, value] of Object.entries(problem.headers)) response.setHeader(name, value);
  // What is left of a refused body is not read; the connection cannot be used again.
  if (!response.req.complete) response.setHeader('connection', 'close');
  const text = `${JSON.stringify(problemDocument(problem.status, problem.message))}\n`;
  send(response, problem.status, 'application/problem+json', text);
}

/** A response to HEAD says how long the body would be; `end` leaves it out by itself. */
function send(response: ServerResponse, status: number, type: string, text: string): void {
  const body = Buffer.from(text);
  response.writeHead(status, { ...SECURITY_HEADERS, 'content-type': type, 'content-length': body.length });
  response.end(body);
}

async function bind(server: Server, listen: Address): Promise<void> {
  try {
    if (listen.kind === 'unix') {
      await removeStaleSocket(listen.path);
      listenPrivately(server, listen.path);
    } else {
      server.listen(listen.port, listen.host);
    }
    await once(server, 'listening');
  } catch (error) {
    throw new UserError(`the admin API cannot listen: ${messageOf(error)}`, {
      code: 'unavailable',
      where: addressText(listen),
      hint: 'is another instance running? choose another address with admin.listen or --admin',
      cause: error,
    });
  }
}

/** Only the user that runs the instance may connect: a Unix socket's file mode comes from the umask as it is bound. */
function listenPrivately(server: Server, path: string): void {
  const umask = process.umask(0o177);
  try {
    server.listen(path);
  } finally {
    process.umask(umask);
  }
}

function urlOf(server: Server, listen: Address): string {
  const bound = server.address();
  if (listen.kind === 'unix' || bound === null || typeof bound === 'string') return addressText(listen);
  return `http://${addressText({ kind: 'tcp', host: listen.host, port: bound.port })}`;
}
