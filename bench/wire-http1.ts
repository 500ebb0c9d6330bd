/**
 * What the HTTP/1.1 decoder costs per exchange: a request head of some 200 bytes and an answer of some 250 bytes with
 * its body, each written in one piece, from memory that is shared as on the tape. Prints nanoseconds of CPU per
 * exchange, garbage collection included.
 *
 *   node bench/wire-http1.ts [--json]
 */
import { RequestDecoder, ResponseDecoder } from '../src/wire/http1/decoder.ts';
import { encodeRequestHead } from '../src/wire/http1/encode.ts';

const ROUNDS = 7;
const EXCHANGES = 200_000;

const REQUEST = [
  'GET /api/orders/12345?expand=items HTTP/1.1',
  'Host: orders.example:8080',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64)',
  'Accept: application/json',
  'Accept-Encoding: gzip, deflate',
  'X-Request-Id: 0123456789abcdef',
];
const ANSWER_LINES = [
  'HTTP/1.1 200 OK',
  'Server: nginx/1.22.1',
  'Date: Sat, 22 Nov 2025 16:40:00 GMT',
  'Content-Type: application/json',
  'Connection: keep-alive',
];
const BODY = JSON.stringify({ id: 12_345, state: 'shipped', items: [{ sku: 'A-1', count: 2 }], total: 19.9 });

interface Result {
  readonly name: string;
  readonly nsPerExchange: number;
}

function shared(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'latin1');
  const view = new Uint8Array(new SharedArrayBuffer(bytes.length + 64), 32, bytes.length);
  view.set(bytes);
  return view;
}

const seen = { heads: 0, bytes: 0, broken: 0 };
const method: string[] = [];

function decoders(use: boolean): [RequestDecoder, ResponseDecoder] {
  const requests = new RequestDecoder({
    head(head) {
      seen.heads++;
      method.push(head.method);
      // What an observer looks at: path, host and one header that is not there.
      if (use)
        seen.bytes +=
          head.path.length + head.authority.length + (head.header('x-understudy-id') === undefined ? 0 : 1);
    },
    body: (chunk) => void (seen.bytes += chunk.length),
    bodyGap: () => {},
    end: () => {},
    tunnel: () => {},
    broken: () => void seen.broken++,
  });
  const responses = new ResponseDecoder(
    {
      head(head) {
        seen.heads++;
        if (use) seen.bytes += head.status + (head.header('content-type') ?? '').length;
      },
      body: (chunk) => void (seen.bytes += chunk.length),
      bodyGap: () => {},
      end: () => void method.pop(),
      tunnel: () => {},
      broken: () => void seen.broken++,
    },
    () => method[0],
  );
  return [requests, responses];
}

/** Best round: the others tell what else the machine was doing. */
function measure(name: string, run: () => void): Result {
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage();
    for (let i = 0; i < EXCHANGES; i++) run();
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, ((user + system) * 1000) / EXCHANGES);
  }
  return { name, nsPerExchange: Math.round(best) };
}

function pieces(bytes: Uint8Array, size: number): Uint8Array[] {
  const list: Uint8Array[] = [];
  for (let i = 0; i < bytes.length; i += size) list.push(bytes.subarray(i, i + size));
  return list;
}

const request = shared(`${REQUEST.join('\r\n')}\r\n\r\n`);
const answerHead = ANSWER_LINES.join('\r\n');
const answer = shared(`${answerHead}\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`);
const chunked = shared(
  `${answerHead}\r\nTransfer-Encoding: chunked\r\n\r\n${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`,
);
const results: Result[] = [];

const [plainRequests, plainResponses] = decoders(false);
results.push(
  measure('decode, content-length', () => {
    plainRequests.write(request);
    plainResponses.write(answer);
  }),
);
const [requests, responses] = decoders(true);
results.push(
  measure('decode, content-length, path, host and two headers read', () => {
    requests.write(request);
    responses.write(answer);
  }),
  measure('decode, chunked, the same read', () => {
    requests.write(request);
    responses.write(chunked);
  }),
);
const requestPieces = pieces(request, 64);
const answerPieces = pieces(answer, 64);
results.push(
  measure('decode, content-length, the same read, cut every 64 bytes', () => {
    for (const piece of requestPieces) requests.write(piece);
    for (const piece of answerPieces) responses.write(piece);
  }),
);
const fields = REQUEST.slice(1).map((line): [string, string] => {
  const colon = line.indexOf(':');
  return [line.slice(0, colon), line.slice(colon + 2)];
});
results.push(
  measure('encode the request head', () => {
    seen.bytes += encodeRequestHead('GET', '/api/orders/12345?expand=items', fields, 'none').length;
  }),
);

if (seen.broken > 0) throw new Error(`${seen.broken} streams broke`);
if (process.argv.includes('--json')) {
  process.stdout.write(
    `${JSON.stringify({ requestBytes: request.length, answerBytes: answer.length, results })}\n`,
  );
} else {
  process.stdout.write(
    `CPU per exchange; request ${request.length} bytes, answer ${answer.length} bytes, best of ${ROUNDS} rounds\n`,
  );
  for (const { name, nsPerExchange } of results) {
    process.stdout.write(`${String(nsPerExchange).padStart(6)} ns  ${name}\n`);
  }
}
