import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { blocksOf, STREAM_PATH } from './blocks.ts';

/** Answers what it was asked, and remembers it by role: `/primary/…` and `/mirror/…`. */
export interface Checker extends AsyncDisposable {
  readonly port: number;
  /** What has come in under a path of a role, one entry per request. */
  seen(role: 'primary' | 'mirror', path: string): readonly Receipt[];
}

/** What a backend says about a request: proof that it arrived as it was sent. */
export interface Receipt {
  readonly method: string;
  readonly bytes: number;
  readonly sha256: string;
}

export async function openChecker(): Promise<Checker> {
  const receipts = new Map<string, Receipt[]>();
  const server = createServer(async (request, response) => {
    try {
      const receipt = await receiptOf(request);
      const url = request.url ?? '';
      const stream = url.split(STREAM_PATH)[1];
      if (stream !== undefined) {
        await pipeline(Readable.from(blocksOf(Number(stream)), { objectMode: false }), response);
        return;
      }
      receipts.set(url, [...(receipts.get(url) ?? []), receipt]);
      response.end(JSON.stringify(receipt));
    } catch {
      // a copy that was given up half-way, or its answer
      response.destroy();
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    seen: (role, path) => receipts.get(`/${role}/${path}`) ?? [],
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function receiptOf(request: IncomingMessage): Promise<Receipt> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of request) {
    hash.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
  }
  return { method: request.method ?? '', bytes, sha256: hash.digest('hex') };
}
