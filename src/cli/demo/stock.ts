import { once } from 'node:events';
import { createServer } from 'node:http2';
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import { buffer } from 'node:stream/consumers';
import type { Service } from './service.ts';

export const STOCK_METHOD = '/demo.Stock/Get';

/** The demo's gRPC service, as its users know it. Its method changes nothing, so that its calls may be copied. */
export const STOCK_PROTO = `syntax = "proto3";
package demo;
service Stock {
  rpc Get(Request) returns (Reply) {
    option idempotency_level = NO_SIDE_EFFECTS;
  }
}
message Request {
  string sku = 1;
}
message Reply {
  string sku = 1;
  uint32 quantity = 2;
  string warehouse = 3;
}
`;

export interface StockRequest {
  readonly sku: string;
}

/** A reply, or an error. */
export interface StockReply {
  readonly quantity: number;
  readonly warehouse: string;
  /** A status of gRPC: 0 is OK, 5 is NOT_FOUND. */
  readonly status: number;
}

const NOT_FOUND = 5;
const WAREHOUSES = ['Bremen', 'Lyon', 'Porto'];

export function stockOf({ sku }: StockRequest): StockReply {
  const number = Number(/^sku-(\d+)$/.exec(sku)?.[1] ?? Number.NaN);
  if (!(number < 97)) return { quantity: 0, warehouse: '', status: NOT_FOUND };
  return { quantity: (number * 7) % 40, warehouse: WAREHOUSES[number % 3] ?? '', status: 0 };
}

/** Starts the service on a free loopback port, over HTTP/2 by prior knowledge. `spoil` changes its answers. */
export async function startStock(
  spoil: (request: StockRequest, reply: StockReply) => StockReply,
): Promise<Service> {
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer();
  server.on('session', (session: ServerHttp2Session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => {});
    void serve(stream, spoil).catch(() => stream.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `h2c://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const session of sessions) session.destroy();
      await closed;
    },
  };
}

async function serve(
  stream: ServerHttp2Stream,
  spoil: (request: StockRequest, reply: StockReply) => StockReply,
): Promise<void> {
  const request = readRequest(await buffer(stream));
  const { status, quantity, warehouse } = spoil(request, stockOf(request));
  const trailers = {
    'grpc-status': String(status),
    ...(status === 0 ? {} : { 'grpc-message': 'not found' }),
  };
  if (status !== 0) {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...trailers }, { endStream: true });
    return;
  }
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.end(
    framed(
      Buffer.concat([textField(1, request.sku), Buffer.from([0x10, quantity]), textField(3, warehouse)]),
    ),
  );
}

/** The body of a request. */
export function stockRequest({ sku }: StockRequest): Buffer {
  return framed(textField(1, sku));
}

/** A message as gRPC frames it: not compressed, with its length. */
function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** A short string as a field of Protobuf. */
function textField(number: number, text: string): Buffer {
  const bytes = Buffer.from(text).subarray(0, 127);
  return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
}

function readRequest(body: Buffer): StockRequest {
  const message = body.subarray(5);
  return { sku: message[0] === 0x0a ? message.subarray(2, 2 + (message[1] ?? 0)).toString() : '' };
}
