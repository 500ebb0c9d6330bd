/**
 * What an observer's decoding of HTTP/2 costs: from the bytes on the tape to exchanges, with the heads read as policies
 * read them. The bytes are those of a real client and server (Node's, on nghttp2) that use the dynamic table; they are
 * recorded once, and replayed as connection after connection. Prints nanoseconds of CPU per request, garbage collection
 * included, and requests per second of one core.
 *
 *   node --single-threaded-gc bench/http2-decode.ts [--json] [--shed]
 *
 * --shed: requests that are passed over for want of time, instead of followed.
 */
import { once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { encodeOpenNote } from '../src/model/tape.ts';
import type { Direction } from '../src/model/tape.ts';
import type { ExchangeSink, LiveExchange } from '../src/observe/exchange.ts';
import { TapObserver } from '../src/observe/tap-observer.ts';
import { startRecordingRelay } from '../test/fixtures/http2-recorder.ts';
import type { Piece } from '../test/fixtures/http2-recorder.ts';

const REQUESTS = 4000;
const STREAMS = 16;
const ROUNDS = 12;
const BODY = JSON.stringify({ id: 12_345, state: 'shipped', items: [{ sku: 'A-1', count: 2 }], total: 19.9 });

/** What a browser and a mesh's sidecars send: 15 fields with the pseudo-headers, three of them new each time. */
function requestFields(index: number): http2.OutgoingHttpHeaders {
  return {
    ':method': index % 4 === 3 ? 'POST' : 'GET',
    ':path': `/api/orders/${10_000 + index}?expand=items`,
    'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
    accept: 'application/json, text/plain, */*',
    'accept-language': 'en-US,en;q=0.5',
    'accept-encoding': 'gzip, deflate, br',
    cookie: [`session=${'c'.repeat(48)}`, 'theme=dark; consent=1', `seen=${index % 7}`],
    'x-request-id': `5f1d7e84-2f0b-4c55-9d1e-${String(index).padStart(12, '0')}`,
    'x-forwarded-for': '203.0.113.7',
    'x-env': 'prod',
    traceparent: `00-4bf92f3577b34da6a3ce929d0e0e${String(index).padStart(4, '0')}-00f067aa0ba902b7-01`,
  };
}

function answerFields(index: number): http2.OutgoingHttpHeaders {
  return {
    ':status': index % 50 === 49 ? 404 : 200,
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(BODY.length),
    'cache-control': 'private, no-store',
    etag: `"${index.toString(16).padStart(8, '0')}"`,
    vary: 'accept-encoding',
    server: 'envoy',
    'x-envoy-upstream-service-time': String(index % 40),
    'x-content-type-options': 'nosniff',
    'strict-transport-security': 'max-age=31536000; includeSubDomains',
    'x-request-id': `5f1d7e84-2f0b-4c55-9d1e-${String(index).padStart(12, '0')}`,
  };
}

/** The bytes of one connection, in the order in which they passed. */
async function record(): Promise<readonly Piece[]> {
  const server = http2.createServer();
  let answered = 0;
  server.on('stream', (stream: http2.ServerHttp2Stream) => {
    stream.respond(answerFields(answered++));
    stream.end(BODY);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  using relay = await startRecordingRelay((server.address() as AddressInfo).port);
  const session = http2.connect(`http://127.0.0.1:${relay.port}`);
  let sent = 0;
  const user = async (): Promise<void> => {
    while (sent < REQUESTS) {
      const fields = requestFields(sent++);
      const stream = session.request(fields);
      stream.end(fields[':method'] === 'POST' ? BODY : undefined);
      stream.resume();
      await once(stream, 'close');
    }
  };
  await Promise.all(Array.from({ length: STREAMS }, user));
  const closed = once(session, 'close');
  session.close();
  await closed;
  server.close();
  return relay.take();
}

interface TapePiece {
  readonly direction: Direction;
  readonly bytes: Uint8Array;
}

/** In shared memory, as on the tape. */
function onTape({ direction, bytes }: Piece): TapePiece {
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  return { direction, bytes: shared };
}

const seen = { requests: 0, done: 0, incomplete: 0, bytes: 0 };

/** Reads what a policy with a few matches reads, and follows every body. */
const sink: ExchangeSink = {
  request(exchange: LiveExchange) {
    const { request } = exchange;
    seen.requests++;
    if (request.header('x-understudy-id') === undefined && request.header('x-env') === 'prod')
      seen.bytes += request.path.length + request.authority.length + request.method.length;
    exchange.followRequest = true;
    exchange.followResponse = true;
  },
  requestBody: (_exchange, chunk) => void (seen.bytes += chunk.length),
  requestGap() {},
  requestEnd() {},
  response: ({ response }) => void (seen.bytes += response?.status ?? 0),
  responseBody: (_exchange, chunk) => void (seen.bytes += chunk.length),
  done(exchange) {
    seen.done++;
    if (exchange.incomplete !== undefined) seen.incomplete++;
  },
  ambiguous() {},
  shed() {},
};

function replay(observer: TapObserver, connection: number, pieces: readonly TapePiece[]): void {
  const note = encodeOpenNote({
    slot: 1,
    offsets: [0, 0],
    sourceIp: '192.0.2.1',
    sourcePort: 50_000,
    destinationIp: '192.0.2.2',
    destinationPort: 80,
    tls: false,
    principal: '',
  });
  observer.open(connection, false, Buffer.from(note, 'latin1'));
  let micros = 1_000_000;
  for (const { direction, bytes } of pieces) observer.data(connection, direction, bytes, (micros += 50));
  observer.close(connection, undefined);
}

const recorded = await record();
const pieces = recorded.map(onTape);
const observer = new TapObserver({
  tap: 'bench',
  sink,
  limits: { headBytes: 65_536, trailerBytes: 65_536 },
  connections: 1000,
  idPrefix: 'b',
  answers: { skip() {}, giveUp() {}, spare() {} },
});
const sheds = process.argv.includes('--shed');
if (sheds) observer.keep = 0;
let best = Infinity;
for (let round = 0; round < ROUNDS; round++) {
  const before = process.cpuUsage();
  for (let i = 0; i < 5; i++) replay(observer, round * 5 + i + 1, pieces);
  const { user, system } = process.cpuUsage(before);
  // Best round: the others tell what else the machine was doing.
  best = Math.min(best, ((user + system) * 1000) / (5 * REQUESTS));
}
if (seen.done !== (sheds ? 0 : ROUNDS * 5 * REQUESTS) || seen.incomplete > 0)
  throw new Error(`${seen.done} exchanges, ${seen.incomplete} of them not whole`);

const bytes = (direction: Direction): number =>
  recorded.reduce((sum, piece) => sum + (piece.direction === direction ? piece.bytes.length : 0), 0);
const result = {
  nsPerRequest: Math.round(best),
  requestsPerSecond: Math.round(1e9 / best),
  requestBytes: Math.round(bytes(0) / REQUESTS),
  answerBytes: Math.round(bytes(1) / REQUESTS),
  reads: recorded.length,
};
const text = [
  `${result.nsPerRequest} ns of CPU per request: ${result.requestsPerSecond} requests/s of one core`,
  `${result.requestBytes} B to, ${result.answerBytes} B from the primary for each, in ${result.reads} reads`,
].join('\n');
process.stdout.write(`${process.argv.includes('--json') ? JSON.stringify(result) : text}\n`);
