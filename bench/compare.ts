import { createComparer } from '../src/compare/comparer.ts';
import { DEFAULT_COMPARE } from '../src/model/compare-settings.ts';
import type { Answer } from '../src/model/difference.ts';
import type { ResponseHead } from '../src/model/exchange.ts';
import { ResponseDecoder } from '../src/wire/http1/decoder.ts';
import { answerOf } from '../src/workers/answer-view.ts';
import { fromJson, toBinary } from '@bufbuild/protobuf';
import { SHOP_DESCRIPTORS, shopType } from '../src/compare/protobuf/fixture.ts';

/**
 * How many pairs of answers one core compares: `node bench/compare.ts [--json]`. Heads come from the decoder, as they do in an
 * observer, and their dates and request ids differ. Targets: 200,000 pairs/s of equal bytes, 10,000 pairs/s of 2 KiB JSON with one
 * difference, 20,000 pairs/s of 1 KiB gRPC messages.
 */
const ROUNDS = 5;
const ROUND_MS = 400;
const ROUTE = 'GET /api/orders/{id}';
const ORDER = shopType('Order');

const item = (index: number) => ({
  sku: `SKU-${1000 + index}`,
  title: `Product number ${index} with a name`,
  quantity: (index % 5) + 1,
  price: { amount: 19.99 + index, currency: 'EUR' },
  tags: ['new', 'sale'],
  available: true,
  discount: null,
});

function order(items: number, total: number): object {
  return {
    id: 'ord_8f3a2b',
    status: 'confirmed',
    createdAt: '2026-11-22T19:50:21.123Z',
    customer: {
      id: 4711,
      name: 'Grace Hopper',
      email: 'grace@example.org',
      address: { street: 'Main Street 1', city: 'Hamburg', zip: '20095', country: 'DE' },
    },
    items: Array.from({ length: items }, (_, index) => item(index)),
    shipping: { method: 'express', cost: 4.9, tracking: null },
    total,
  };
}

function reversedKeys(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(reversedKeys);
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, field]) => [key, reversedKeys(field)]),
  );
}

function answer(text: string, type: string, date: string): Answer {
  const head = [
    'HTTP/1.1 200 OK',
    'Server: nginx',
    `Date: Sun, 22 Nov 2026 19:50:${date} GMT`,
    `Content-Type: ${type}`,
    `Content-Length: ${Buffer.byteLength(text)}`,
    'Connection: keep-alive',
    'Cache-Control: private, max-age=0',
    'Vary: Accept-Encoding',
    'X-Frame-Options: DENY',
    `X-Request-Id: 8f3a2b41-${date}`,
  ];
  let found: ResponseHead | undefined;
  const body: Uint8Array[] = [];
  const decoder = new ResponseDecoder(
    {
      head: (decoded) => (found = decoded),
      body: (chunk) => body.push(Buffer.from(chunk)),
      bodyGap: () => {},
      end: () => {},
      tunnel: () => {},
      broken: () => {},
    },
    () => 'GET',
  );
  decoder.write(Buffer.from(`${head.join('\r\n')}\r\n\r\n${text}`));
  if (found === undefined) throw new Error('the head was not decoded');
  return answerOf(found, body, undefined);
}

const JSON_TYPE = 'application/json; charset=utf-8';
const text = (value: unknown) => JSON.stringify(value);
const cases: readonly (readonly [
  name: string,
  left: string,
  right: string,
  type: string,
  findings: number,
])[] = [
  ['300 bytes, equal', 'x'.repeat(300), 'x'.repeat(300), 'text/plain', 0],
  ['2 KiB JSON, equal', text(order(10, 1)), text(order(10, 1)), JSON_TYPE, 0],
  ['2 KiB JSON, one value differs', text(order(10, 1)), text(order(10, 2)), JSON_TYPE, 1],
  [
    '2 KiB JSON, one field is gone',
    text(order(10, 1)),
    text({ ...order(10, 1), id: undefined }),
    JSON_TYPE,
    1,
  ],
  ['2 KiB JSON, other order of keys', text(order(10, 1)), text(reversedKeys(order(10, 1))), JSON_TYPE, 0],
  ['64 KiB JSON, one value differs', text(order(380, 1)), text(order(380, 2)), JSON_TYPE, 1],
  ['1 MiB JSON, one value differs', text(order(6050, 1)), text(order(6050, 2)), JSON_TYPE, 1],
];

const comparer = createComparer(DEFAULT_COMPARE, {
  redact: { headers: [], queryParams: [], jsonFields: [] },
  recognise: false,
});
const results = cases.map(([name, left, right, type, findings]) => {
  const primary = answer(left, type, '21');
  const other = answer(right, type, '22');
  const found = comparer.compare(primary, other, 'GET', ROUTE).differences.length;
  if (found !== findings) throw new Error(`${name}: ${found} findings`);
  return {
    name,
    bytes: left.length,
    pairsPerSecond: best(() => comparer.compare(primary, other, 'GET', ROUTE)),
  };
});

/** Pairs per second of CPU time, in the best of some rounds. */
function best(once: () => unknown): number {
  let rate = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const start = cpuMs();
    let done = 0;
    let elapsed = 0;
    while (elapsed < ROUND_MS) {
      for (let i = 0; i < 16; i++) once();
      done += 16;
      elapsed = cpuMs() - start;
    }
    rate = Math.max(rate, (done / elapsed) * 1000);
  }
  return Math.round(rate);
}

/** CPU time of this thread: collecting garbage counts, what others do on the machine does not. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** The answer to a call: an order of about 1 KiB as one message, with status and id as trailers. */
function call(total: number, id: string): Answer {
  const message = toBinary(
    ORDER,
    fromJson(ORDER, {
      id: 'ord_8f3a2b',
      total,
      serial: '9007199254740993',
      state: 'PAID',
      items: Array.from({ length: 21 }, (_, index) => ({
        sku: `SKU-${1000 + index} with a name of its own`,
        quantity: (index % 5) + 1,
        price: 19.99 + index,
      })),
      labels: { region: 'eu', channel: 'web' },
    }),
  );
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(message.length, 1);
  const headers = [
    ['content-type', 'application/grpc+proto'],
    ['date', 'Sun, 22 Nov 2026 19:50:21 GMT'],
    ['grpc-encoding', 'identity'],
  ] as const;
  return {
    status: 200,
    header: (name) => headers.find(([field]) => field === name)?.[1],
    headers: () => headers,
    body: [Buffer.concat([frame, message])],
    trailers: [
      ['grpc-status', '0'],
      ['x-request-id', id],
    ],
  };
}

for (const descriptors of [Buffer.from(SHOP_DESCRIPTORS).toString('base64'), undefined]) {
  const rpcComparer = createComparer(
    { ...DEFAULT_COMPARE, protobuf: { ...DEFAULT_COMPARE.protobuf, descriptors } },
    { redact: { headers: [], queryParams: [], jsonFields: [] }, recognise: false },
  );
  for (const [what, other, findings] of [
    ['equal', call(1, 'b'), 0],
    ['one value differs', call(2, 'b'), 1],
  ] as const) {
    const primary = call(1, 'a');
    const compare = () => rpcComparer.compare(primary, other, 'POST', 'POST /shop.Orders/Get');
    const found = compare().differences.length;
    if (found !== findings) throw new Error(`gRPC, ${what}: ${found} findings`);
    const bytes = primary.body[0]?.length ?? 0;
    const name = `1 KiB gRPC, ${what}, ${descriptors === undefined ? 'without' : 'with'} descriptors`;
    results.push({ name, bytes, pairsPerSecond: best(compare) });
  }
}

if (process.argv.includes('--json')) {
  process.stdout.write(`${JSON.stringify({ results })}\n`);
} else {
  process.stdout.write('pairs/s     µs/pair     bytes  best of rounds, one core\n');
  for (const { name, bytes, pairsPerSecond } of results) {
    const cells = [pairsPerSecond, (1e6 / pairsPerSecond).toFixed(1), bytes];
    process.stdout.write(`${cells.map((cell) => String(cell).padStart(7)).join('  ')}  ${name}\n`);
  }
}
