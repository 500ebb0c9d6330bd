import { deepEqual, equal, ok } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { encodePcapHead, encodePcapRecord } from '../../src/wire/pcap/encode.ts';
import { LINK } from '../../src/wire/pcap/frame.ts';
import { damage } from '../fixtures/damage.ts';
import { printed } from '../fixtures/namespaces.ts';
import { Talk } from '../fixtures/packet-builder.ts';
import { freePort } from '../fixtures/peers.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { spawnTied, startUnderstudy } from '../fixtures/understudy.ts';

const CONNECTIONS = 60;
const REQUESTS = 5;
const SEGMENTS = 4;
const SEED = Number(process.env['UNDERSTUDY_FUZZ_SEED'] ?? 11);
const MICROS_PER_PACKET = 1000;
/** What the recording server's answers begin with. */
const ANSWER_HEAD =
  'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ndate: Mon, 23 Nov 2026 00:00:00 GMT\r\nconnection: keep-alive\r\nkeep-alive: timeout=5\r\n';

/** The same bytes for a name, and others for another. */
function contentOf(name: string): string {
  return `${name} `.repeat(2000 / (name.length + 1));
}

/** What the recording server prints of a request. */
function lineOf(url: string): string {
  const content = contentOf(url);
  const sha256 = createHash('sha256').update(content).digest('hex');
  return JSON.stringify({ method: 'POST', url, bytes: content.length, sha256 });
}

/** Requests whose bodies are in several segments, side by side on many connections, with the answers of the recording server. */
function capture(): Buffer {
  const records: Uint8Array[] = [encodePcapHead(LINK.ethernet)];
  const write = (bytes: Uint8Array): void => {
    records.push(encodePcapRecord({ bytes, micros: 1.7e15 + records.length * MICROS_PER_PACKET }));
  };
  const talks = Array.from({ length: CONNECTIONS }, (_, i) => new Talk(20_000 + i, [i * 7919, i * 104_729]));
  for (const talk of talks) for (const frame of talk.open()) write(frame);
  for (let number = 0; number < REQUESTS; number++) {
    const url = (i: number): string => `/orders/${i}/${number}`;
    for (const [i, talk] of talks.entries()) {
      const content = contentOf(url(i));
      const head = `POST ${url(i)} HTTP/1.1\r\nhost: shop\r\ncontent-length: ${content.length}\r\n\r\n`;
      write(talk.ask(head));
      const size = Math.ceil(content.length / SEGMENTS);
      for (let at = 0; at < content.length; at += size) write(talk.ask(content.slice(at, at + size)));
    }
    for (const [i, talk] of talks.entries()) {
      const text = `POST ${url(i)}\n`;
      write(talk.answer(`${ANSWER_HEAD}content-length: ${text.length}\r\n\r\n${text}`));
      write(talk.acknowledge(0));
    }
  }
  for (const talk of talks) for (const side of [0, 1] as const) write(talk.end(side));
  return Buffer.concat(records);
}

test('a request with a hole is never copied as if it were whole, and never a difference', async (t) => {
  using folder = temporaryFolder();
  const whole = capture();
  const damaged = damage(whole, SEED, { drop: 30, cut: 30, swap: 30, duplicate: 30 }, new Set([80]));
  const asked = CONNECTIONS * REQUESTS;
  const known = new Set<string>();
  for (let i = 0; i < CONNECTIONS; i++)
    for (let number = 0; number < REQUESTS; number++) known.add(lineOf(`/orders/${i}/${number}`));

  for (const [name, file] of [
    ['whole', whole],
    ['damaged', damaged.file],
  ] as const) {
    const port = await freePort();
    const server = join(import.meta.dirname, '..', 'fixtures', 'recording-server.ts');
    const mirror = spawnTied(process.execPath, [
      '--disable-warning=ExperimentalWarning',
      server,
      String(port),
    ]);
    await using _mirror = { [Symbol.asyncDispose]: () => mirror.kill() };
    await printed(mirror, /ready/);
    writeFileSync(folder.file(`${name}.pcap`), file);
    await using understudy = await startUnderstudy({
      config: {
        captures: [{ name: 'file', file: folder.file(`${name}.pcap`), serverPorts: [80] }],
        policies: [
          {
            name: 'copy',
            writes: 'mirror',
            mirrors: [{ name: 'v2', url: `http://127.0.0.1:${port}` }],
            limits: { queue: 1000 },
          },
        ],
      },
      args: ['--until', 'end'],
    });
    const { result } = await understudy.ended();
    const copies = mirror
      .stdout()
      .split('\n')
      .filter((line) => line.startsWith('{'));
    // Each is one that there was, with all of its bytes, and comes once.
    deepEqual(
      copies.filter((line) => !known.has(line)),
      [],
    );
    equal(new Set(copies).size, copies.length);
    equal(result.pairs.different, 0);
    t.diagnostic(
      `${name}: ${copies.length} of ${asked} copied, ${JSON.stringify(result.completeness)}, ${result.pairs.same} the same`,
    );
    if (name === 'whole') deepEqual([copies.length, result.pairs.same], [asked, asked]);
    else {
      ok(result.completeness.cut > 0 && copies.length < asked);
      ok(result.pairs.same >= result.completeness.whole);
    }
  }
});
