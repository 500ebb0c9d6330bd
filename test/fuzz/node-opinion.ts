import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import type { IncomingMessage } from 'node:http';

type Pairs = readonly (readonly [string, string])[];

/** A message as Node took it, in the form of the recorder. */
export interface NodeMessage {
  readonly start: string;
  readonly fields: Pairs;
  body: string;
  trailers: Pairs;
  whole: boolean;
}

export interface NodeOpinion {
  readonly messages: NodeMessage[];
  /** Octets after CONNECT or an upgrade. */
  tunnelled: string;
  /** Code of the parser's error. A connection that ended too early is none. */
  refused: string | undefined;
}

const HEAD_BYTES = 64 * 1024;
const PATIENCE_MS = 5_000;

/** What a `node:http` server makes of a client's stream over a real connection. */
export class NodeServer implements AsyncDisposable {
  readonly #server: http.Server;
  #opinion: NodeOpinion = { messages: [], tunnelled: '', refused: undefined };
  /** Called with each message that is whole. */
  #whenWhole = () => {};

  static async listen(): Promise<NodeServer> {
    const server = new NodeServer();
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  private constructor() {
    this.#server = http.createServer({ maxHeaderSize: HEAD_BYTES, keepAlive: true });
    const take = (request: IncomingMessage, response: http.ServerResponse) => {
      collect(this.#opinion, request, requestLine(request), () => {
        response.end();
        this.#whenWhole();
      });
    };
    this.#server.on('request', take);
    this.#server.on('checkContinue', take);
    this.#server.on('checkExpectation', take);
    this.#server.on('connect', (request, socket: Socket, head: Buffer) => {
      tunnel(this.#opinion, request, requestLine(request), socket, head);
      this.#whenWhole();
    });
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      refuse(this.#opinion, error);
      socket.destroy();
    });
  }

  /** @param awaited number of whole messages to wait for before the stream is closed: a FIN makes Node drop the others */
  async judge(stream: Buffer, awaited: number): Promise<NodeOpinion> {
    const opinion: NodeOpinion = { messages: [], tunnelled: '', refused: undefined };
    this.#opinion = opinion;
    const { port } = this.#server.address() as AddressInfo;
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.resume();
    socket.write(stream);
    // Only when Node never takes them, so that the comparison fails and not the clock.
    const deadline = setTimeout(() => socket.end(), PATIENCE_MS);
    let whole = 0;
    this.#whenWhole = () => {
      if (++whole === awaited) socket.end();
    };
    if (awaited === 0) socket.end();
    await once(socket, 'close');
    clearTimeout(deadline);
    return opinion;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** What a `node:http` client makes of a server's stream over a real connection. */
export class NodeClient implements AsyncDisposable {
  readonly #server: net.Server;
  #stream: Buffer = Buffer.alloc(0);

  static async listen(): Promise<NodeClient> {
    const client = new NodeClient();
    client.#server.listen(0, '127.0.0.1');
    await once(client.#server, 'listening');
    return client;
  }

  private constructor() {
    this.#server = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end(this.#stream));
    });
  }

  async judge(stream: Buffer, method: string): Promise<NodeOpinion> {
    this.#stream = stream;
    const opinion: NodeOpinion = { messages: [], tunnelled: '', refused: undefined };
    const { port } = this.#server.address() as AddressInfo;
    const request = http.request({
      host: '127.0.0.1',
      port,
      method,
      path: '/',
      agent: false,
      maxHeaderSize: HEAD_BYTES,
    });
    const ended = Promise.withResolvers<void>();
    let open = 1;
    const close = () => --open === 0 && ended.resolve();
    request.on('information', ({ httpVersion, statusCode, statusMessage, rawHeaders }) => {
      const start = `HTTP/${httpVersion} ${statusCode} ${statusMessage}`;
      opinion.messages.push({ start, fields: pairs(rawHeaders), body: '', trailers: [], whole: true });
    });
    request.on('response', (response) => {
      open++;
      response.on('close', close);
      collect(opinion, response, statusLine(response), () => {});
    });
    const opened = (response: IncomingMessage, socket: Socket, head: Buffer) => {
      open++;
      socket.on('close', close);
      tunnel(opinion, response, statusLine(response), socket, head);
    };
    request.on('upgrade', opened);
    request.on('connect', opened);
    request.on('error', (error) => refuse(opinion, error));
    request.on('close', close);
    request.end();
    await ended.promise;
    return opinion;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    await once(this.#server, 'close');
  }
}

function refuse(opinion: NodeOpinion, { code }: NodeJS.ErrnoException): void {
  if (code?.startsWith('HPE_') === true && code !== 'HPE_INVALID_EOF_STATE') opinion.refused ??= code;
}

function collect(opinion: NodeOpinion, message: IncomingMessage, start: string, whenWhole: () => void): void {
  const taken: NodeMessage = {
    start,
    fields: pairs(message.rawHeaders),
    body: '',
    trailers: [],
    whole: false,
  };
  opinion.messages.push(taken);
  message.on('data', (chunk: Buffer) => {
    taken.body += chunk.toString('latin1');
  });
  message.on('error', () => {});
  message.on('end', () => {
    taken.whole = message.complete;
    taken.trailers = pairs(message.rawTrailers);
    whenWhole();
  });
}

function tunnel(
  opinion: NodeOpinion,
  message: IncomingMessage,
  start: string,
  socket: Socket,
  head: Buffer,
): void {
  opinion.messages.push({ start, fields: pairs(message.rawHeaders), body: '', trailers: [], whole: true });
  opinion.tunnelled = head.toString('latin1');
  socket.on('data', (chunk: Buffer) => {
    opinion.tunnelled += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  socket.on('end', () => socket.end());
}

function requestLine({ method, url, httpVersion }: IncomingMessage): string {
  return `${method} ${url} HTTP/${httpVersion}`;
}

function statusLine({ httpVersion, statusCode, statusMessage }: IncomingMessage): string {
  return `HTTP/${httpVersion} ${statusCode} ${statusMessage}`;
}

function pairs(raw: readonly string[]): Pairs {
  const list: [string, string][] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) list.push([raw[i] ?? '', raw[i + 1] ?? '']);
  return list;
}
