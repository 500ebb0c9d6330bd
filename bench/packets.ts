/**
 * What a packet costs from the capture file to the exchange: pcap → headers → TCP reassembly → HTTP/1.1 → exchanges, in
 * one thread and from memory; tshark, and GoReplay where a `gor` is on the PATH, on the same file. Traffic is keep-alive connections side by side: a request of some
 * 200 bytes, an answer of some 300, an acknowledgement.
 *
 *   node bench/packets.ts [--packets 1000000] [--json]
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CapturedEvents } from '../src/observe/captured-connection.ts';
import { TapObserver } from '../src/observe/tap-observer.ts';
import { PacketDecoder } from '../src/wire/packet/packet-decoder.ts';
import { CaptureDecoder } from '../src/wire/pcap/capture-decoder.ts';
import { encodePcapHead, encodePcapRecord } from '../src/wire/pcap/encode.ts';
import { LINK } from '../src/wire/pcap/frame.ts';
import { TcpReassembler } from '../src/wire/tcp/reassembler.ts';
import { findPeer } from '../test/fixtures/peers.ts';
import { Talk } from '../test/fixtures/packet-builder.ts';

const ROUNDS = 3;
const CONNECTIONS = 500;
const PIECE_BYTES = 1024 * 1024;
/** GoReplay has put out everything when nothing has come for so long. */
const GOR_QUIET_MS = 4000;
const SERVER_PORT = 80;
const REQUEST = [
  'GET /api/orders/12345?expand=items HTTP/1.1',
  'Host: orders.example:8080',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64)',
  'Accept: application/json',
  'Accept-Encoding: gzip, deflate',
  'X-Request-Id: 0123456789abcdef',
  '',
  '',
].join('\r\n');
const BODY = JSON.stringify({ id: 12_345, state: 'shipped', items: [{ sku: 'A-1', count: 2 }], total: 19.9 });
const ANSWER = [
  'HTTP/1.1 200 OK',
  'Server: nginx/1.22.1',
  'Date: Sat, 22 Nov 2025 16:40:00 GMT',
  'Content-Type: application/json',
  'Connection: keep-alive',
  `Content-Length: ${BODY.length}`,
  '',
  BODY,
].join('\r\n');

interface Capture {
  readonly file: Buffer;
  readonly packets: number;
  readonly exchanges: number;
}

function synthesise(packetsWanted: number): Capture {
  const records: Uint8Array[] = [encodePcapHead(LINK.ethernet)];
  let micros = 1_700_000_000_000_000;
  const write = (bytes: Uint8Array) => {
    micros += 2;
    records.push(encodePcapRecord({ bytes, micros }));
  };
  const talks: Talk[] = [];
  for (let i = 0; i < CONNECTIONS; i++) talks.push(new Talk(10_000 + i, [i * 7919, i * 104_729]));
  for (const talk of talks) for (const frame of talk.open()) write(frame);
  let exchanges = 0;
  while (records.length + 3 * CONNECTIONS < packetsWanted) {
    for (const talk of talks) write(talk.ask(REQUEST));
    for (const talk of talks) write(talk.answer(ANSWER));
    for (const talk of talks) write(talk.acknowledge(0));
    exchanges += CONNECTIONS;
  }
  for (const talk of talks) {
    write(talk.end(0));
    write(talk.end(1));
  }
  return { file: Buffer.concat(records), packets: records.length - 1, exchanges };
}

/** @returns seconds, of CPU (garbage collection included) or by the clock, whichever are more */
function read({ file, exchanges }: Capture, layers: 'pcap' | 'packets' | 'tcp' | 'exchanges'): number {
  let done = 0;
  let sum = 0;
  const observer = new TapObserver({
    tap: 'bench',
    sink: {
      request: (exchange) => void (sum += exchange.request.path.length),
      requestBody: () => {},
      requestGap: () => {},
      requestEnd: () => {},
      response: () => {},
      responseBody: () => {},
      done: (exchange) => void (done += exchange.incomplete === undefined ? 1 : 0),
      ambiguous: () => {},
      shed: () => {},
    },
    limits: { headBytes: 65_536, trailerBytes: 8192 },
    connections: 65_536,
    idPrefix: 'b',
    answers: { skip: () => {}, giveUp: () => {}, spare: () => {} },
  });
  const silent = { open() {}, data: () => void sum++, gap() {}, end() {}, close() {}, leave() {} };
  const tcp = new TcpReassembler(layers === 'exchanges' ? new CapturedEvents('bench', observer) : silent);
  const packets = new PacketDecoder();
  const reader = new CaptureDecoder({
    frame(frame) {
      if (layers === 'pcap') sum++;
      else if (packets.frame(frame) && layers !== 'packets') tcp.push(packets.packet);
    },
    fault(kind, detail) {
      throw new Error(`${kind}: ${detail}`);
    },
  });
  const began = performance.now();
  const before = process.cpuUsage();
  for (let at = 0; at < file.length; at += PIECE_BYTES) reader.write(file.subarray(at, at + PIECE_BYTES));
  reader.end();
  tcp.finish();
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - began) / 1000;
  if (layers === 'exchanges' && done !== exchanges) throw new Error(`${done} exchanges, not ${exchanges}`);
  return Math.max((user + system) / 1e6, seconds);
}

interface Reading {
  readonly seconds: number;
  readonly messages: number;
}

/** @returns seconds that tshark, which has one thread, takes to list all requests and answers, and how many those are */
function tshark(path: string): Reading | undefined {
  const program = findPeer('tshark');
  if (program === undefined) return undefined;
  const fields = ['-T', 'fields', '-e', 'http.request.uri', '-e', 'http.response.code'];
  const began = performance.now();
  const { stdout } = spawnSync(program, ['-n', '-r', path, '-Y', 'http', ...fields], {
    maxBuffer: 2 ** 30,
    encoding: 'latin1',
  });
  const seconds = (performance.now() - began) / 1000;
  return { seconds, messages: stdout.trimEnd().split('\n').length };
}

/**
 * GoReplay does not end with its file, so the clock stops at the last that it has written; tried with 1.3.2. It may use all
 * processors.
 *
 * @returns how long it takes to put out the requests and answers of the file, and how many those are
 */
async function goReplay(path: string): Promise<Reading | undefined> {
  const program = findPeer('gor');
  if (program === undefined) return undefined;
  const input = ['--input-raw', `${path}:${SERVER_PORT}`, '--input-raw-engine', 'pcap_file'];
  const began = performance.now();
  const child = spawn(program, [...input, '--input-raw-track-response', '--output-stdout'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let last = began;
  let messages = 0;
  child.stdout.setEncoding('latin1');
  child.stdout.on('data', (text: string) => {
    last = performance.now();
    // What stands ahead of each message: its kind, an id and times.
    messages += text.match(/^[12] [\da-f]{16,} \d+ -?\d+$/gm)?.length ?? 0;
  });
  const ended = once(child, 'exit');
  while (performance.now() - last < GOR_QUIET_MS) await delay(GOR_QUIET_MS / 10);
  child.kill('SIGKILL');
  await ended;
  return { seconds: (last - began) / 1000, messages };
}

function compared(name: string, ours: number, theirs: Reading | undefined): string {
  if (theirs === undefined) return `${name} is not installed here\n`;
  const { seconds, messages: found } = theirs;
  const rate = found / seconds;
  return `${String(Math.round(rate)).padStart(10)} messages per second by ${name} (${found} found): ours ${(ours / rate).toFixed(1)} times as many\n`;
}

const wanted = Number(process.argv[process.argv.indexOf('--packets') + 1] ?? '') || 1_000_000;
const capture = synthesise(wanted);
const messages = capture.exchanges * 2;
const results = (['pcap', 'packets', 'tcp', 'exchanges'] as const).map((layers) => {
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) best = Math.min(best, read(capture, layers));
  return { layers, packetsPerSecond: Math.round(capture.packets / best), messagesPerSecond: messages / best };
});
const folder = mkdtempSync(join(tmpdir(), 'understudy-bench-'));
const path = join(folder, 'bench.pcap');
writeFileSync(path, capture.file);
const others = { tshark: tshark(path), gor: await goReplay(path) };
rmSync(folder, { recursive: true });
const ours = results.at(-1)?.messagesPerSecond ?? 0;

if (process.argv.includes('--json')) {
  const summary = { packets: capture.packets, bytes: capture.file.length, messages, results, ours, others };
  process.stdout.write(`${JSON.stringify(summary)}\n`);
} else {
  process.stdout.write(
    `${capture.packets} packets, ${messages} messages, ${capture.file.length >> 20} MiB; per second of one core, best of ${ROUNDS}\n`,
  );
  for (const { layers, packetsPerSecond, messagesPerSecond } of results) {
    const rest = layers === 'exchanges' ? `, ${Math.round(messagesPerSecond)} messages` : '';
    process.stdout.write(`${String(packetsPerSecond).padStart(10)} packets up to ${layers}${rest}\n`);
  }
  for (const [name, theirs] of Object.entries(others)) process.stdout.write(compared(name, ours, theirs));
}
