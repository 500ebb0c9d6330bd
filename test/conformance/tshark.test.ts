import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { ReadCapture } from '../fixtures/captured-packets.ts';
import { damage, DAMAGES } from '../fixtures/damage.ts';
import type { DamagedCapture, DamageRates } from '../fixtures/damage.ts';
import { missingNamespaces } from '../fixtures/namespaces.ts';
import { captureTraffic } from '../fixtures/namespace-traffic.ts';
import type { MadeCapture } from '../fixtures/namespace-traffic.ts';
import type { SeenExchange } from '../fixtures/observed-tap.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { tsharkMessages } from '../fixtures/tshark.ts';
import type { TsharkMessage } from '../fixtures/tshark.ts';

/** UNDERSTUDY_FUZZ_SEED looks elsewhere. */
const SEED = Number(process.env['UNDERSTUDY_FUZZ_SEED'] ?? 7);
const SEEDS = [0, 1, 2].map((more) => SEED + more);
const NAMES = [
  'nginx and curl',
  'nginx and wrk, 1 at once',
  'nginx and wrk, 4 at once',
  'nginx, nghttpd, h2load and curl',
  'grpc-js',
];
/** Packets of a thousand. The last one is a capture that could not keep up. */
const DAMAGED: readonly (readonly [name: string, rates: DamageRates])[] = [
  ['swapped and duplicated', { swap: 30, duplicate: 30 }],
  ['with losses', { drop: 5 }],
  ['cut by a snap length', { cut: 5 }],
  ['with all of it', { drop: 10, cut: 10, swap: 20, duplicate: 20 }],
];

const captures = new Map<string, MadeCapture>();

function read({ http1Ports, http2Ports }: MadeCapture, file: Uint8Array): ReadCapture {
  return new ReadCapture(file, { serverPorts: new Set([...http1Ports, ...http2Ports]) });
}

function clientOf({ exchange }: SeenExchange): string {
  const { ip, port } = exchange.connection.source;
  return `${ip}:${port}`;
}

/** Everything that a mirror or a comparison would get of an exchange. */
function contentOf({ exchange, requestBody, responseBody, trailers }: SeenExchange): string {
  const { request, response, responseTrailers } = exchange;
  return JSON.stringify([
    request.method,
    request.target,
    [...request.headers()],
    requestBody,
    trailers ?? [],
    response?.status,
    [...(response?.headers() ?? [])],
    responseBody,
    responseTrailers ?? [],
  ]);
}

function byClient(seen: readonly SeenExchange[]): Map<string, SeenExchange[]> {
  return Map.groupBy(seen, clientOf);
}

const isHead = ({ exchange }: SeenExchange): boolean => exchange.request.method === 'HEAD';
const isWhole = ({ exchange }: SeenExchange): boolean => exchange.incomplete === undefined;

interface Said {
  readonly client: string;
  readonly text: string;
  readonly isRequest: boolean;
  readonly micros: number;
}

/** Requests and answers with the time at which tshark lists them: in HTTP/1 when they end, in HTTP/2 that of their heads. */
function messagesOf(seen: readonly SeenExchange[], http2: boolean): Said[] {
  return seen.flatMap((one) => {
    const { request, response, times } = one.exchange;
    const client = clientOf(one);
    const asked = http2 ? times.requestStart : times.requestEnd;
    const text = `${request.method} ${request.target}`;
    const said = [{ client, text, isRequest: true, micros: asked || Infinity }];
    const answered = http2 ? times.responseStart : times.responseEnd;
    if (response !== undefined)
      said.push({ client, text: String(response.status), isRequest: false, micros: answered || Infinity });
    return said;
  });
}

function listOf(said: readonly Said[]): string[] {
  return said.map(({ client, text }) => `${client} ${text}`).toSorted();
}

function tshark(capture: MadeCapture, file: Uint8Array): TsharkMessage[] {
  using folder = temporaryFolder();
  writeFileSync(folder.file('capture.pcap'), file);
  return tsharkMessages(folder.file('capture.pcap'), capture);
}

function withoutOne(lists: readonly string[], taken: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const one of taken) left.set(one, (left.get(one) ?? 0) + 1);
  return lists.filter((one) => {
    const count = left.get(one) ?? 0;
    left.set(one, count - 1);
    return count <= 0;
  });
}

function sameLists(ours: readonly string[], theirs: readonly string[]): void {
  assert.deepEqual(
    { onlyOurs: withoutOne(ours, theirs), onlyTsharks: withoutOne(theirs, ours) },
    { onlyOurs: [], onlyTsharks: [] },
  );
}

function made(name: string): MadeCapture {
  const capture = captures.get(name);
  assert.ok(capture !== undefined, `no capture of ${name} was made`);
  return capture;
}

describe(
  'tshark, on traffic of programs that are not ours',
  { skip: missingNamespaces('tshark', 'tcpdump', 'nginx', 'curl', 'wrk', 'h2load', 'nghttpd', 'ethtool') },
  () => {
    before(async () => {
      for (const capture of await captureTraffic()) captures.set(capture.name, capture);
      assert.deepEqual([...captures.keys()], NAMES);
    });

    for (const name of NAMES) {
      test(`${name}: our exchanges are those that tshark sees, one by one`, (t) => {
        const capture = made(name);
        const { sink, tcp } = read(capture, capture.file);
        const theirs = tshark(capture, capture.file);
        sameLists(listOf(messagesOf(sink.seen, capture.http2Ports.length > 0)), listOf(theirs));
        const pairs = sink.seen.filter(isWhole).length;
        t.diagnostic(`${tcp.counts.segments} segments, ${pairs} whole exchanges`);
        assert.ok(pairs >= 60, `only ${pairs} whole exchanges`);
        assert.equal(tcp.counts.gaps, 0);
      });

      for (const [how, rates] of DAMAGED)
        test(`${name}, ${how}: what we call whole is whole`, (t) => {
          const capture = made(name);
          const truth = byClient(read(capture, capture.file).sink.seen);
          const met = new Set<string>();
          for (const seed of SEEDS) {
            const ports = new Set([...capture.http1Ports, ...capture.http2Ports]);
            const damaged = damage(capture.file, seed, rates, ports);
            for (const kind of DAMAGES) if (damaged.done[kind] > 0) met.add(kind);
            compare(capture, damaged, truth, (text) => t.diagnostic(`seed ${seed}: ${text}`));
          }
          assert.deepEqual([...met].toSorted(), Object.keys(rates).toSorted());
        });
    }
  },
);

function compare(
  capture: MadeCapture,
  { file, firstLoss, late }: DamagedCapture,
  truth: ReadonlyMap<string, readonly SeenExchange[]>,
  say: (text: string) => void,
): void {
  const { sink, tcp } = read(capture, file);
  const whole = sink.seen.filter(isWhole);
  for (const [client, ours] of byClient(whole)) {
    const real = truth.get(client) ?? [];
    // Each is one that there was, with every header and byte, and none is there more often.
    const invented = withoutOne(ours.map(contentOf), real.filter(isWhole).map(contentOf));
    assert.deepEqual(
      invented.map((text) => text.slice(0, 300)),
      [],
      `${client}: nobody has sent this`,
    );
    if (capture.http1Ports.length > 0) {
      const order = real.map(contentOf);
      const places = ours.map((one) => order.indexOf(contentOf(one)));
      assert.deepEqual(
        places,
        places.toSorted((a, b) => a - b),
        `${client}: not in their order`,
      );
    }
  }
  // An answer to HEAD that is captured before its request is one with a body to tshark. To us it is not: it acknowledges it.
  const heads = new Set([...truth].filter(([, real]) => real.some(isHead)).map(([client]) => client));
  const isRead = ({ client }: Said): boolean => !(heads.has(client) && late.has(client));
  const theirs = tshark(capture, file).filter(isRead);
  const mine = messagesOf(sink.seen, capture.http2Ports.length > 0).filter(isRead);
  // As long as nothing of a connection is lost both have to see the same. What came late may be listed later by one of them.
  const isBefore = ({ client, micros }: Said): boolean => micros < (firstLoss.get(client) ?? Infinity);
  assert.deepEqual(withoutOne(listOf(mine.filter(isBefore)), listOf(theirs)), [], 'not seen by tshark');
  assert.deepEqual(withoutOne(listOf(theirs.filter(isBefore)), listOf(mine)), [], 'seen by tshark alone');
  // Behind a loss tshark takes what looks like a message for one. What it sees and we do not is on a connection that we say
  // has a loss; and of ours nothing is new to it but what it could not find its way back to, which the above has proved true.
  const lost = new Set(sink.seen.filter((one) => !isWhole(one)).map(clientOf));
  for (const one of withoutOne(listOf(theirs), listOf(mine))) {
    const [client = ''] = one.split(' ');
    assert.ok(lost.has(client) || firstLoss.has(client), `${one} is tshark's and not ours`);
  }
  const found = byClient(whole);
  let all = 0;
  for (const [client, real] of truth) {
    const count = real.filter(isWhole).length;
    all += count;
    if (!firstLoss.has(client))
      assert.equal(found.get(client)?.length ?? 0, count, `${client} has lost nothing`);
  }
  const incomplete = sink.seen.length - whole.length;
  say(`${whole.length} of ${all} whole, ${incomplete} incomplete, ${tcp.counts.gaps} gaps`);
}
