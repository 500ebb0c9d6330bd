import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { TUNNELS } from '../../src/wire/packet/packet.ts';
import type { Tunnel } from '../../src/wire/packet/packet.ts';
import { Http2ResponseHead } from '../../src/wire/http2/head.ts';
import { ReadCapture } from '../fixtures/captured-packets.ts';
import { findPeer, missingPeers } from '../fixtures/peers.ts';

/** Captures that nobody here made stand beside the repository, with a table of what is in them. */
const FOLDER = join(import.meta.dirname, '..', '..', '..', 'shared', 'captures');
const TUNNEL_FILES: readonly (readonly [string, Partial<Record<Tunnel, number>>])[] = [
  ['vxlan-encapsulated-http.pcap', { vxlan: 12 }],
  ['vxlan-aws-mirror.pcap', { vxlan: 100 }],
  ['gre-erspan-vxlan.pcap', { gre: 7, erspan2: 7, vxlan: 7 }],
  ['geneve-many-options.pcap', { geneve: 10 }],
  ['erspan-I.pcap', { gre: 42, erspan1: 42, vlan: 42 }],
  ['erspan-II.pcap', { gre: 4, erspan2: 4 }],
  ['erspan-III.pcap', { gre: 2, erspan3: 2 }],
];

interface Stated {
  readonly file: string;
  readonly packets: number;
  readonly requests: number;
  readonly answers: number;
}

/** Where we see something else than tshark does: what we see, and why. */
const DIFFERENT: Readonly<Record<string, { requests: number; answers: number; why: string }>> = {
  'gre-erspan-vxlan.pcap': {
    requests: 1,
    answers: 0,
    why: 'a space in the target: the request line can be read in two ways, so it is ambiguous and not followed',
  },
  'http-100-continue.pcap': { requests: 1, answers: 1, why: 'an interim response is no answer' },
  'http-bro.org.pcap': { requests: 31, answers: 31, why: 'the head of the last answer, whose body is cut' },
  'http-concurrent-range-requests.pcap': {
    requests: 3,
    answers: 3,
    why: 'the head of an answer that ends early',
  },
  'http-zero-length-bodies-with-drops.pcap': {
    requests: 7,
    answers: 7,
    why: 'an answer without its request is no exchange',
  },
  'http-starting-with-reply.pcapng': {
    requests: 2,
    answers: 2,
    why: 'an answer without its request is no exchange',
  },
};

/** Requests that are counted, and are no exchanges: their lines are against the grammar. */
const AMBIGUOUS: Readonly<Record<string, number>> = { 'webattack-rce.pcap': 3 };

function contentOf(file: string): Buffer {
  const path = join(FOLDER, file);
  assert.ok(existsSync(path), `the captures have to stand in ${FOLDER}; ${file} does not`);
  return readFileSync(path);
}

/** Rows of the table; one may state several files, with as many counts. */
function stated(): readonly Stated[] {
  const rows = contentOf('README.md')
    .toString()
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()));
  return rows
    .filter((cells) => /\.pcap/.test(cells[1] ?? ''))
    .flatMap(([, files = '', , packets = '', messages = '']) => {
      const counts = packets.replaceAll(/(\d),(\d{3})/g, '$1$2').split(', ');
      const pairs = [...messages.matchAll(/(\d+) \/ (\d+)/g)];
      return files.split(', ').map((file, i) => ({
        file,
        packets: Number(counts[i]),
        requests: Number((pairs[i] ?? pairs[0])?.[1]),
        answers: Number((pairs[i] ?? pairs[0])?.[2]),
      }));
    });
}

function answersIn({ sink }: ReadCapture): number {
  return sink.seen.filter(({ exchange }) => exchange.response !== undefined).length;
}

function requestsIn({ observer }: ReadCapture): number {
  return observer.counts.http1Requests + observer.counts.http2Requests;
}

test('every capture holds what its table states, or we say why not', () => {
  const table = stated();
  assert.ok(table.length >= 17, `only ${table.length} captures are stated`);
  for (const { file, packets, requests, answers } of table) {
    const capture = new ReadCapture(contentOf(file));
    const expected = DIFFERENT[file] ?? { requests, answers };
    assert.deepEqual(
      {
        file,
        packets: capture.packets.counts.packets,
        requests: requestsIn(capture),
        answers: answersIn(capture),
      },
      { file, packets, requests: expected.requests, answers: expected.answers },
    );
    assert.ok(
      Object.values(capture.faults).every((count) => count === 0),
      `${file} has a fault`,
    );
    assert.ok(
      Object.values(capture.packets.counts.faults).every((count) => count === 0),
      `${file}: a packet that could not be read: ${JSON.stringify(capture.packets.counts.faults)}`,
    );
  }
});

for (const [file, tunnels] of TUNNEL_FILES) {
  test(`${file}: every packet is taken out of its tunnels`, () => {
    const { counts } = new ReadCapture(contentOf(file)).packets;
    assert.deepEqual(
      Object.fromEntries(TUNNELS.map((tunnel) => [tunnel, counts.tunnels[tunnel]])),
      Object.fromEntries(TUNNELS.map((tunnel) => [tunnel, tunnels[tunnel] ?? 0])),
    );
    assert.equal(counts.notIp + counts.otherIp, 0);
  });
}

test('an identifier that is not on the list is turned away', () => {
  const content = contentOf('vxlan-aws-mirror.pcap');
  const admitted = new ReadCapture(content, { vnis: new Set([5_569_041]) }).packets.counts;
  assert.equal(admitted.faults.vni_refused, 0);
  assert.equal(admitted.tcp, 82);
  const refused = new ReadCapture(content, { vnis: new Set([7]) }).packets.counts;
  assert.equal(refused.faults.vni_refused, 100);
  assert.equal(refused.tcp, 0);
});

test('the size of the pieces in which a file comes makes no difference', () => {
  for (const file of [
    'http-bro.org.pcap',
    'http-starting-with-reply.pcapng',
    'http-zero-length-bodies-with-drops.pcap',
  ]) {
    const content = contentOf(file);
    const whole = new ReadCapture(content);
    for (const pieceBytes of [1, 13, 1000, 65_536]) {
      const pieces = new ReadCapture(content, { pieceBytes });
      assert.deepEqual(pieces.story, whole.story);
      assert.deepEqual(pieces.tcp.counts, whole.tcp.counts);
    }
  }
});

test('a file that ends in mid-record is read as far as it goes', () => {
  const content = contentOf('http-bro.org.pcap');
  const cut = new ReadCapture(content.subarray(0, content.length - 5));
  assert.equal(cut.faults.cut_record, 1);
  assert.equal(cut.packets.counts.packets, 750);
});

test('three of five requests go on in HTTP/2, and are answered there', () => {
  const { sink } = new ReadCapture(contentOf('http2-range.pcap'));
  const answers = sink.seen.map(({ exchange: { response, incomplete } }) => [
    response instanceof Http2ResponseHead ? 'HTTP/2' : 'HTTP/1.1',
    response?.status,
    incomplete,
  ]);
  assert.deepEqual(answers.toSorted(), [
    ['HTTP/1.1', 206, undefined],
    ['HTTP/1.1', 206, undefined],
    ['HTTP/2', 206, undefined],
    ['HTTP/2', 206, undefined],
    ['HTTP/2', 206, undefined],
  ]);
});

test('what was lost from a real capture has its exact size', () => {
  const { tcp } = new ReadCapture(contentOf('http-bro.org.pcap'));
  // tshark: frame 147 acknowledges everything before 14,481, and nothing from 7,241 on was captured.
  assert.equal(tcp.counts.missingBytes.lost, 14_481 - 7_241);
  assert.equal(tcp.counts.gaps, 1);
});

/** One message as tshark lists it: the request line's parts, or the status. */
function tshark(file: string): { readonly requests: string[]; readonly statuses: string[] } {
  const fields = ['http.request.method', 'http.request.uri', 'http.response.code'];
  const { stdout, status, stderr } = spawnSync(
    findPeer('tshark') ?? 'tshark',
    ['-n', '-r', join(FOLDER, file), '-Y', 'http.request or http.response', '-T', 'fields'].concat(
      fields.flatMap((field) => ['-e', field]),
    ),
    { encoding: 'utf8' },
  );
  assert.equal(status, 0, stderr);
  const requests: string[] = [];
  const statuses: string[] = [];
  for (const line of stdout.split('\n')) {
    const [methods = '', targets = '', codes = ''] = line.split('\t');
    const listed = targets.split(',');
    if (methods !== '' && methods.split(',').length === 1) requests.push(`${methods} ${targets}`);
    else
      for (const [i, method] of methods.split(',').entries())
        if (method !== '') requests.push(`${method} ${listed[i]}`);
    statuses.push(...codes.split(',').filter((code) => code !== '' && !code.startsWith('1')));
  }
  return { requests: requests.toSorted(), statuses: statuses.toSorted() };
}

test('our exchanges are those that tshark sees, one by one', { skip: missingPeers('tshark') }, () => {
  // Left out: what DIFFERENT and AMBIGUOUS explain, and HTTP/2, for which tshark has other fields.
  const files = stated().filter(
    ({ file }) => !(file in DIFFERENT) && !(file in AMBIGUOUS) && file !== 'http2-range.pcap',
  );
  let compared = 0;
  for (const { file } of files) {
    const theirs = tshark(file);
    const { sink } = new ReadCapture(contentOf(file));
    const ours = sink.seen.map(({ exchange }) => exchange);
    assert.deepEqual(
      ours.map(({ request }) => `${request.method} ${request.target}`).toSorted(),
      theirs.requests,
    );
    assert.deepEqual(
      ours.flatMap(({ response }) => (response === undefined ? [] : [String(response.status)])).toSorted(),
      theirs.statuses,
    );
    compared += ours.length;
  }
  assert.ok(compared >= 14, `only ${compared} exchanges were compared`);
});

test(
  'where we see other requests than tshark, the others are the same',
  {
    skip: missingPeers('tshark'),
  },
  () => {
    for (const file of [
      'http-bro.org.pcap',
      'http-zero-length-bodies-with-drops.pcap',
      'webattack-rce.pcap',
    ]) {
      const { sink, observer } = new ReadCapture(contentOf(file));
      const theirs = tshark(file).requests;
      for (const { exchange } of sink.seen) {
        const at = theirs.indexOf(`${exchange.request.method} ${exchange.request.target}`);
        assert.ok(at >= 0, `${file}: ${exchange.request.method} ${exchange.request.target} is not tshark's`);
        theirs.splice(at, 1);
      }
      assert.equal(theirs.length, AMBIGUOUS[file] ?? 0);
      assert.equal(observer.counts.incomplete.ambiguous, AMBIGUOUS[file] ?? 0);
    }
  },
);
