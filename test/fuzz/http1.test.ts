import assert from 'node:assert/strict';
import { METHODS } from 'node:http';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import * as fc from 'fast-check';
import { RequestDecoder } from '../../src/wire/http1/decoder.ts';
import { cutAt, recordRequests, recordResponses } from '../fixtures/http1-recorder.ts';
import type { Content, RecordedMessage } from '../fixtures/http1-recorder.ts';
import { requestMethod, requestStream, responseStream, responseStreams, share } from './http1-streams.ts';
import { NodeClient, NodeServer } from './node-opinion.ts';
import type { NodeMessage, NodeOpinion } from './node-opinion.ts';

/** UNDERSTUDY_FUZZ_SEED and UNDERSTUDY_FUZZ_MS (for all properties together) look elsewhere and longer. */
const SEED = Number(process.env['UNDERSTUDY_FUZZ_SEED'] ?? 9112);
const TOTAL_MS = Number(process.env['UNDERSTUDY_FUZZ_MS'] ?? 10_000);

const octets = (text: string) => Buffer.from(text, 'latin1');

function options(t: TestContext, timeShare: number) {
  t.diagnostic(`seed ${SEED}`);
  return { seed: SEED, numRuns: 10_000_000, interruptAfterTimeLimit: TOTAL_MS * timeShare };
}

type Pieces = readonly (Uint8Array | number)[];

interface Recorded {
  readonly messages: readonly RecordedMessage[];
  readonly tunnelled: Content;
  readonly brokenBy: string | undefined;
}

/** Streams of each kind that were seen: a generator that only makes one kind proves nothing. */
class Tally {
  streams = 0;
  whole = 0;
  broken = 0;
  nodeRefused = 0;
  messages = 0;

  add(ours: Recorded, node: NodeOpinion): void {
    this.streams++;
    if (ours.brokenBy === undefined) this.whole++;
    else this.broken++;
    if (node.refused !== undefined) this.nodeRefused++;
    this.messages += ours.messages.filter((message) => message.ended).length;
  }

  report(t: TestContext): void {
    t.diagnostic(JSON.stringify(this));
    assert.ok(this.streams > 50 && this.whole > this.streams / 5 && this.broken > this.streams / 5);
  }
}

function same(ours: RecordedMessage, node: NodeMessage): void {
  assert.equal(ours.start, node.start);
  assert.deepEqual(ours.fields, node.fields);
  assert.equal(node.whole, true, 'Node does not think that the message is whole');
  assert.equal(ours.content.join(''), node.body);
  assert.deepEqual(ours.trailers ?? [], node.trailers);
}

type Excuse = (message: RecordedMessage, before: RecordedMessage | undefined) => boolean;

/**
 * The whole messages that we take, up to the first that Node may refuse or see differently. Every excuse is for something
 * that we do on purpose.
 */
function comparable({ messages }: Recorded, excuse: Excuse): RecordedMessage[] {
  const taken = messages.filter(({ ended, framing }) => ended || framing.kind === 'tunnel');
  const excused = taken.findIndex((message, i) => excuse(message, taken[i - 1]));
  return excused === -1 ? taken : taken.slice(0, excused);
}

/** Every message that we take, Node has taken as the same; where Node has taken more or refused, we gave the stream up. */
function agree(ours: Recorded, node: NodeOpinion, excuse: Excuse): void {
  const taken = comparable(ours, excuse);
  for (const [i, message] of taken.entries()) {
    const other = node.messages[i];
    assert.ok(other, `Node has not taken ${JSON.stringify(message)}, but refused with ${node.refused}`);
    same(message, other);
  }
  if (taken.length < comparable(ours, () => false).length) return;
  if (taken.at(-1)?.framing.kind === 'tunnel') assert.equal(ours.tunnelled.join(''), node.tunnelled);
  const more = node.messages.filter(({ whole }) => whole).length > taken.length;
  if (more)
    assert.ok(
      ours.brokenBy !== undefined && ours.brokenBy !== 'unexpected_close',
      'Node sees another framing',
    );
  if (node.refused !== undefined)
    assert.notEqual(ours.brokenBy, undefined, `Node refused with ${node.refused}`);
}

/**
 * What is valid by the RFCs, and Node does otherwise: it knows a list of methods; schemes have only letters; it takes
 * nothing after a request with `Upgrade`, which a server is free to ignore (RFC 9110 §7.8).
 */
function requestExcuse({ start }: RecordedMessage, before: RecordedMessage | undefined): boolean {
  const [method = '', target = ''] = start.split(' ');
  if (!METHODS.includes(method) || /^[A-Za-z]*[^A-Za-z:/][^:/]*:\/\//.test(target)) return true;
  return before?.fields.some(([name]) => name.toLowerCase() === 'upgrade') ?? false;
}

/** Node looks at the framing fields of an answer that starts a tunnel; they have to be ignored (RFC 9110 §9.3.6). */
function responseExcuse({ fields, framing }: RecordedMessage): boolean {
  return (
    framing.kind === 'tunnel' && fields.some(([name]) => /^(content-length|transfer-encoding)$/i.test(name))
  );
}

test("requests: what the decoder takes, Node's server takes as the same", async (t) => {
  await using node = await NodeServer.listen();
  const tally = new Tally();
  await fc.assert(
    fc.asyncProperty(requestStream, async (stream) => {
      const ours = recordRequests([octets(stream)]);
      const opinion = await node.judge(octets(stream), comparable(ours, requestExcuse).length);
      tally.add(ours, opinion);
      agree(ours, opinion, requestExcuse);
    }),
    options(t, 0.3),
  );
  tally.report(t);
});

test("responses: what the decoder takes, Node's client takes as the same", async (t) => {
  await using node = await NodeClient.listen();
  const tally = new Tally();
  await fc.assert(
    fc.asyncProperty(responseStream, requestMethod, async (stream, method) => {
      const ours = recordResponses([octets(stream)], [method]);
      const opinion = await node.judge(octets(stream), method);
      tally.add(ours, opinion);
      // Node takes every answer to CONNECT for the start of a tunnel, even an interim or a refusing one.
      if (method !== 'CONNECT' || ours.messages[0]?.framing.kind === 'tunnel')
        agree(ours, opinion, responseExcuse);
    }),
    options(t, 0.3),
  );
  tally.report(t);
});

/** Either side, with the function that decodes it. Answers are to requests in plenty. */
const side = fc.oneof(
  requestStream.map((stream) => ({ stream, record: recordRequests })),
  fc.tuple(responseStreams, requestMethod).map(([stream, method]) => ({
    stream,
    record: (pieces: Pieces) =>
      recordResponses(
        pieces,
        Array.from({ length: 8 }, () => method),
      ),
  })),
);

/** Places in a stream, as shares of its length. */
const places = fc.array(share, { maxLength: 10 });

function cut(stream: string, shares: readonly number[]): Uint8Array[] {
  return cutAt(
    octets(stream),
    shares.map((part) => Math.floor(part * stream.length)),
  );
}

test('where a stream is cut never changes what the decoder makes of it', (t) => {
  fc.assert(
    fc.property(side, places, ({ stream, record }, shares) => {
      assert.deepEqual(record(cut(stream, shares)).outcome(), record([octets(stream)]).outcome());
    }),
    options(t, 0.15),
  );
});

/** Holes in a stream: where, as a share of its length, and how many octets. */
const holes = fc.array(fc.tuple(share, fc.integer({ min: 1, max: 12 })), {
  minLength: 1,
  maxLength: 3,
});

function withHoles(stream: string, missing: readonly (readonly [number, number])[]): (Uint8Array | number)[] {
  const seen = octets(stream);
  const pieces: (Uint8Array | number)[] = [];
  let at = 0;
  for (const [start, bytes] of missing
    .map(([part, count]) => [Math.floor(part * stream.length), count] as const)
    .toSorted((a, b) => a[0] - b[0])) {
    if (start < at) continue;
    const end = Math.min(stream.length, start + bytes);
    pieces.push(seen.subarray(at, start), end - start);
    at = end;
  }
  return [...pieces, seen.subarray(at)];
}

test('with gaps the decoder never throws, and whatever it hands out was there', (t) => {
  let streams = 0;
  let kept = 0;
  fc.assert(
    fc.property(side, holes, ({ stream, record }, missing) => {
      const whole = record([octets(stream)]);
      const holey = record(withHoles(stream, missing));
      contained(holey, whole);
      streams++;
      if (holey.messages.some(({ content }) => content.some((part) => typeof part === 'number'))) kept++;
    }),
    options(t, 0.15),
  );
  t.diagnostic(`${streams} streams with gaps, ${kept} of them with the framing kept`);
  assert.ok(kept > streams / 50);
});

/** That everything of a stream with holes is also in the whole one, at the same place. */
function contained(holey: Recorded, whole: Recorded): void {
  assert.ok(holey.messages.length <= whole.messages.length);
  for (const [i, message] of holey.messages.entries()) {
    const other = whole.messages[i];
    assert.deepEqual(
      [message.start, message.fields, message.framing],
      [other?.start, other?.fields, other?.framing],
    );
    inPlace(message.content, other?.content ?? []);
    if (!message.ended) continue;
    assert.equal(length(message.content), length(other?.content ?? []));
    assert.deepEqual(message.trailers, other?.trailers);
  }
  inPlace(holey.tunnelled, whole.tunnelled);
}

function inPlace(holey: Content, whole: Content): void {
  const all = whole.join('');
  let at = 0;
  for (const part of holey) {
    if (typeof part === 'string') assert.equal(all.slice(at, at + part.length), part);
    at += typeof part === 'string' ? part.length : part;
  }
  assert.ok(at <= all.length);
}

function length(content: Content): number {
  return content.reduce<number>((sum, part) => sum + (typeof part === 'string' ? part.length : part), 0);
}

test('reset wherever the stream breaks, the decoder never throws and breaks at most once for each piece', (t) => {
  fc.assert(
    fc.property(requestStream, holes, (stream, missing) => {
      let broken = 0;
      const decoder: RequestDecoder = new RequestDecoder({
        head: () => {},
        body: () => {},
        bodyGap: () => {},
        end: () => {},
        tunnel: () => {},
        broken() {
          broken++;
          decoder.reset();
        },
      });
      const pieces = withHoles(stream, missing);
      for (const piece of pieces) {
        if (typeof piece === 'number') decoder.gap(piece);
        else decoder.write(piece);
      }
      assert.ok(broken <= pieces.length);
    }),
    options(t, 0.05),
  );
});
