import assert from 'node:assert/strict';
import { once } from 'node:events';
import { METHODS, createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { AddressInfo, Server, Socket } from 'node:net';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Mirror } from '../../src/mirror/mirror.ts';
import { isOwnCopy } from '../../src/mirror/marker.ts';
import type { Copy, CopyOutcome } from '../../src/model/copy.ts';
import type { NotMirroredReason, RequestHead } from '../../src/model/exchange.ts';
import { RequestDecoder } from '../../src/wire/http1/decoder.ts';
import type { Http1RequestHead } from '../../src/wire/http1/head.ts';
import { TEST_KEY, openMirror, wordOf } from '../fixtures/mirror-driver.ts';
import { cutAt } from '../fixtures/http1-recorder.ts';
import { requestStream, share } from './http1-streams.ts';

/** UNDERSTUDY_FUZZ_SEED and UNDERSTUDY_FUZZ_MS look elsewhere and longer. */
const SEED = Number(process.env['UNDERSTUDY_FUZZ_SEED'] ?? 9110);
const TOTAL_MS = Number(process.env['UNDERSTUDY_FUZZ_MS'] ?? 5_000);

type Pairs = readonly (readonly [name: string, value: string])[];

/** A request as Node's own server understood it. */
interface Understood {
  readonly method: string;
  readonly url: string;
  readonly fields: Pairs;
  readonly body: string;
  readonly trailers: Pairs;
}

/** A live request that was copied. */
interface Live {
  readonly head: Http1RequestHead;
  readonly copy: Copy | NotMirroredReason;
  readonly outcome: Promise<CopyOutcome>;
  body: string;
  trailers: Pairs;
  ended: boolean;
}

function pairs(raw: readonly string[]): Pairs {
  return Array.from({ length: raw.length / 2 }, (_, i) => [raw[2 * i] ?? '', raw[2 * i + 1] ?? ''] as const);
}

/** Node's servers, which keep by exchange id what they have understood of whole requests. */
async function openServer(kind: 'http1' | 'h2c') {
  const understood = new Map<string, Understood>();
  const refused: string[] = [];
  const sockets = new Set<Socket>();
  const onRequest = (
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
  ): void => {
    let body = '';
    let aborted = false;
    request.setEncoding('latin1');
    request.on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('error', () => {});
    request.on('aborted', () => {
      aborted = true;
    });
    response.on('error', () => {});
    request.on('end', () => {
      // A stream of HTTP/2 that is reset ends too, and may do so before it is said to be aborted.
      if (aborted || ('stream' in request && request.stream.rstCode !== 0)) return;
      const { method = '', url = '', headers, rawHeaders, rawTrailers } = request;
      const id = String(headers['x-understudy-id']).replace(/\.[^.]*$/, '');
      assert.ok(!understood.has(id), 'two requests with one id');
      understood.set(id, { method, url, fields: pairs(rawHeaders), body, trailers: pairs(rawTrailers) });
      response.end('ok');
    });
  };
  const server: Server =
    kind === 'h2c' ? createHttp2Server(onRequest) : createServer({ keepAliveTimeout: 60_000 }, onRequest);
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.on('sessionError', (error: Error) => refused.push(error.message));
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // A copy that is given up half-way ends like this.
    if (error.code !== 'HPE_INVALID_EOF_STATE' && error.code !== 'ECONNRESET') refused.push(`${error.code}`);
    socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    understood,
    refused,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

let exchanges = 0;

/** What Node's parser cannot take although it is valid: methods that it does not know. */
function copyable(head: RequestHead): boolean {
  return METHODS.includes(head.method) && head.method !== 'CONNECT';
}

/**
 * Decodes a client's bytes, cut somewhere, and copies each request as it comes.
 *
 * @param slowly lets the copies go out between the pieces
 */
async function copyStream(
  mirror: Mirror,
  pieces: readonly Uint8Array[],
  slowly: boolean,
): Promise<Map<string, Live>> {
  const lives = new Map<string, Live>();
  let live: Live | undefined;
  const decoder = new RequestDecoder({
    head(head, framing) {
      live = undefined;
      if (!copyable(head)) return;
      const id = `f-${(++exchanges).toString(36)}`;
      const { promise, resolve } = Promise.withResolvers<CopyOutcome>();
      const body =
        framing.kind === 'length' ? framing.bytes : framing.kind === 'chunked' ? 'chunked' : 'none';
      const copy = mirror.copy({ id, head, body, connectionId: 1, onDone: resolve });
      live = { head, copy, outcome: promise, body: '', trailers: [], ended: false };
      lives.set(id, live);
    },
    body(chunk) {
      if (live === undefined) return;
      live.body += Buffer.from(chunk).toString('latin1');
      if (typeof live.copy === 'object') live.copy.write(chunk);
    },
    end(trailers) {
      if (live === undefined) return;
      live.ended = true;
      live.trailers = trailers ?? [];
      if (typeof live.copy === 'object') live.copy.end(trailers);
    },
    bodyGap: () => {},
    tunnel: () => {},
    broken: () => {},
  });
  for (const piece of pieces) {
    decoder.write(piece);
    if (slowly) await new Promise(setImmediate);
  }
  for (const { copy, ended } of lives.values())
    if (!ended && typeof copy === 'object') copy.abort('client_closed');
  return lives;
}

const HOP_BY_HOP =
  /^(?:connection|keep-alive|proxy-.*|te|transfer-encoding|upgrade|http2-settings|content-length|host|expect|x-understudy-.*)$/i;

/** End-to-end fields, written down once more and as simply as can be. */
function endToEnd(fields: Pairs, named: readonly string[]): Pairs {
  return fields.filter(([name]) => !HOP_BY_HOP.test(name) && !named.includes(name.toLowerCase()));
}

function optionsOf(head: RequestHead): readonly string[] {
  return [...head.headers()]
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.split(',').map((option) => option.trim().toLowerCase()));
}

/** What HTTP/2 makes of fields: Node hands a trailer of a single space over as it is. */
function lowered(fields: Pairs): Pairs {
  return fields.map(([name, value]) => [name.toLowerCase(), value.trim()] as const);
}

/** What Node makes of HTTP/2's pseudo-headers, as HTTP/1.1 has it. */
function asHttp1(seen: Understood): Understood {
  const fields = seen.fields
    .filter(([name]) => !name.startsWith(':') || name === ':authority')
    .map(([name, value]) => [name === ':authority' ? 'host' : name, value] as const);
  return { ...seen, fields };
}

function checkSame(live: Live, { method, url, fields, body, trailers }: Understood): void {
  const { head } = live;
  assert.equal(method, head.method);
  const asSent = head.target.startsWith('/') || head.target === '*';
  assert.equal(url, asSent ? head.target : head.path + (head.query === '' ? '' : `?${head.query}`));
  assert.equal(body, live.body);
  assert.deepEqual(lowered(endToEnd(fields, [])), lowered(endToEnd([...head.headers()], optionsOf(head))));
  assert.deepEqual(lowered(trailers), lowered(endToEnd(live.trailers, [])));
  const values = (name: string) =>
    fields.filter(([field]) => field.toLowerCase() === name).map(([, value]) => value);
  assert.deepEqual(values('host'), [head.authority === '' ? values('host')[0] : head.authority]);
  assert.ok(values('content-length').length + values('transfer-encoding').length <= 1);
  assert.deepEqual(values('x-understudy-mirror'), ['p/m']);
  assert.equal(values('x-understudy-id').length, 1);
  const marker: RequestHead = {
    ...head,
    header: (name) => values(name)[0],
    headers: () => fields,
    method,
    target: url,
    path: url,
    query: '',
    authority: '',
  };
  assert.equal(isOwnCopy(marker, TEST_KEY, Date.now()), true);
}

for (const protocol of ['http1', 'h2c'] as const)
  test(`copies of whatever the decoder takes are the same request to Node's server: ${protocol}`, async (t) => {
    await using server = await openServer(protocol);
    await using mirror = openMirror(server.port, { protocol, limits: { concurrency: 4, queue: 1_000 } });
    const tally = { streams: 0, same: 0, aborted: 0 };
    const places = fc.array(share, { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(requestStream, places, fc.boolean(), async (stream, shares, slowly) => {
        const bytes = Buffer.from(stream, 'latin1');
        const pieces = cutAt(
          bytes,
          shares.map((part) => Math.floor(part * bytes.length)),
        );
        tally.streams++;
        for (const [id, live] of await copyStream(mirror, pieces, slowly)) {
          assert.equal(typeof live.copy, 'object', `refused: ${String(live.copy)}`);
          const word = wordOf(await live.outcome);
          const understood = server.understood.get(id);
          server.understood.delete(id);
          assert.deepEqual(server.refused, []);
          if (!live.ended) {
            // Not even one octet may be taken for a whole request.
            assert.equal(understood, undefined);
            tally.aborted++;
            continue;
          }
          assert.equal(word, '200');
          assert.ok(understood);
          checkSame(live, protocol === 'h2c' ? asHttp1(understood) : understood);
          tally.same++;
        }
        // Nothing came that was not asked for.
        assert.equal(server.understood.size, 0);
      }),
      { seed: SEED, numRuns: 10_000_000, interruptAfterTimeLimit: TOTAL_MS },
    );
    t.diagnostic(`seed ${SEED}: ${JSON.stringify(tally)}`);
    assert.ok(tally.same > tally.streams / 5 && tally.aborted > tally.streams / 50);
  });
