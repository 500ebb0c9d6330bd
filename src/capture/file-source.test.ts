import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, createWriteStream, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { CollectingSink } from '../../test/fixtures/collecting-sink.ts';
import { eventually } from '../../test/fixtures/eventually.ts';
import { temporaryFolder } from '../../test/fixtures/temporary-folder.ts';
import { ManualClock } from '../kit/manual-clock.ts';
import {
  encodeFrame,
  encodeInterface,
  encodePcapHead,
  encodePcapRecord,
  encodeSection,
  encodeStatistics,
} from '../wire/pcap/encode.ts';
import { LINK } from '../wire/pcap/frame.ts';
import { createCaptureSource } from './create-source.ts';
import type { CaptureSource } from './source.ts';

const folder = temporaryFolder();
after(() => folder[Symbol.dispose]());
let files = 0;

/** A path of its own. */
function freshPath(): string {
  return folder.file(`${files++}`);
}

const MICROS = 1_700_000_000_000_000;
const HEAD = encodePcapHead(LINK.ethernet);

function record(text: string, ms = 0): Uint8Array {
  return encodePcapRecord({ bytes: Buffer.from(text), micros: MICROS + ms * 1000 });
}

function pcap(...all: readonly string[]): Buffer {
  return Buffer.concat([HEAD, ...all.map((text, i) => record(text, i))]);
}

interface Given {
  readonly path: string;
  readonly follow?: boolean;
  readonly pace?: 'fast' | 'recorded';
  readonly clock?: ManualClock;
}

async function started(given: Given): Promise<{ source: CaptureSource; sink: CollectingSink }> {
  const { path, follow = false, pace = 'fast', clock } = given;
  const source = createCaptureSource(
    { kind: 'file', path, follow, pace },
    clock === undefined ? {} : { clock },
  );
  const sink = new CollectingSink();
  await source.start(sink);
  return { source, sink };
}

function texts(sink: CollectingSink): readonly string[] {
  return sink.frames.map(String);
}

function written(content: Uint8Array): string {
  const path = freshPath();
  writeFileSync(path, content);
  return path;
}

test('reads a file to its end, also with gzip', async () => {
  const many = Array.from({ length: 5000 }, (_, i) => `frame ${i}`.padEnd(200, '.'));
  const plain = pcap(...many);
  const members = Buffer.concat([gzipSync(plain.subarray(0, 1000)), gzipSync(plain.subarray(1000))]);
  for (const content of [plain, gzipSync(plain), members]) {
    const { source, sink } = await started({ path: written(content) });
    assert.equal(await sink.ended, undefined);
    assert.deepEqual(texts(sink), many);
    assert.equal(sink.batchMicros, MICROS + 4_999_000);
    const { packets, bytes, restarts } = source.counts;
    assert.deepEqual([packets, bytes, restarts, sink.faults], [5000, 5000 * 200, 0, []]);
    await source[Symbol.asyncDispose]();
  }
});

test('adds up what the statistics of a pcapng file say about drops', async () => {
  const figures = (droppedByKernel: number, interfaceId = 0) =>
    encodeStatistics({ interfaceId, micros: MICROS, received: 9, droppedByInterface: 1, droppedByKernel });
  const { source, sink } = await started({
    path: written(
      Buffer.concat([
        encodeSection(),
        encodeInterface(LINK.ethernet),
        encodeInterface(LINK.ethernet),
        encodeFrame({ bytes: Buffer.from('x'), micros: MICROS }),
        figures(2),
        figures(7),
        figures(10, 1),
        encodeSection(),
        encodeInterface(LINK.ethernet),
        figures(3),
      ]),
    ),
  });
  await sink.ended;
  assert.deepEqual(source.counts.lost, { kernel: 20, interface: 3, program: 0, vni: 0 });
  assert.equal(sink.statisticsSeen.length, 4);
});

const BAD: readonly (readonly [
  name: string,
  content: Uint8Array,
  problem: RegExp | undefined,
  faults: string[],
  frames: number,
])[] = [
  ['nothing', Buffer.alloc(0), /0 bytes/, ['cut_record'], 0],
  ['a head that is cut', HEAD.subarray(0, 20), /20 bytes into/, ['cut_record'], 0],
  ['something else', Buffer.from('hello, world'), /begins with 0x68656c6c/, ['bad_magic'], 0],
  ['an end in the middle of a record', pcap('one', 'two').subarray(0, -1), undefined, ['cut_record'], 1],
  [
    'a length that lies',
    Buffer.concat([pcap('one'), Buffer.alloc(16, 0xff), pcap('two')]),
    /a record of 4294967295 bytes/,
    ['lying_length'],
    1,
  ],
  ['gzip that is cut', gzipSync(pcap('one', 'two')).subarray(0, -9), /unexpected end/, ['cut_record'], 1],
  [
    'gzip that is damaged',
    Buffer.concat([gzipSync(pcap('one')).subarray(0, 10), Buffer.alloc(50, 255)]),
    /invalid/,
    ['cut_record'],
    0,
  ],
];

for (const [name, content, problem, faults, frames] of BAD) {
  test(`a bad file is said and counted: ${name}`, async () => {
    const path = written(content);
    const { sink } = await started({ path });
    const said = await sink.ended;
    if (problem === undefined) assert.equal(said, undefined);
    else assert.match(said ?? '', problem);
    if (said !== undefined) assert.ok(said.startsWith(`${path}: `), said);
    assert.deepEqual([sink.faults, sink.frames.length], [faults, frames]);
  });
}

test('random bytes without an end are no capture', async () => {
  const { sink } = await started({ path: '/dev/urandom' });
  assert.match((await sink.ended) ?? '', /^\/dev\/urandom: /);
});

test('what is not there, or is no file, is said before anything begins', async () => {
  await assert.rejects(started({ path: folder.file('none') }), { name: 'UserError', message: /ENOENT/ });
  await assert.rejects(started({ path: folder.path }), { name: 'UserError', message: /is a folder/ });
  await assert.rejects(started({ path: written(gzipSync(pcap('one'))), follow: true }), {
    name: 'UserError',
    message: /compressed/,
  });
});

test('waits while it is paused, and goes on', async () => {
  const { source, sink } = await started({ path: written(pcap(...Array(5000).fill('x'.repeat(200)))) });
  source.pause();
  await sink.until(() => sink.batches === 1);
  const before = sink.frames.length;
  // One more look at the file would be over by then.
  for (let i = 0; i < 50; i++) await new Promise(setImmediate);
  assert.ok(before > 0 && before < 5000);
  assert.equal(sink.frames.length, before);
  source.resume();
  await sink.ended;
  assert.equal(sink.frames.length, 5000);
});

test('stops at once, also while it is paused, and says its end once', async () => {
  const { source, sink } = await started({ path: written(pcap(...Array(5000).fill('x'.repeat(200)))) });
  source.pause();
  await sink.until(() => sink.batches === 1);
  await source[Symbol.asyncDispose]();
  assert.equal(await sink.ended, undefined);
  assert.ok(sink.frames.length < 5000);
});

test('follows a file that grows, is cut short and is replaced', async () => {
  const path = written(HEAD);
  const { source, sink } = await started({ path, follow: true });
  await using _ = source;
  const seen = (count: number) => sink.until(() => sink.frames.length === count);
  appendFileSync(path, record('one'));
  await seen(1);
  // In two parts, of which the first is no whole record.
  appendFileSync(path, record('two').subarray(0, 10));
  await sink.until(() => sink.batches >= 3);
  appendFileSync(path, record('two').subarray(10));
  await seen(2);
  truncateSync(path, 0);
  appendFileSync(path, pcap('3'));
  await seen(3);
  writeFileSync(`${path}.new`, pcap('four', 'five'));
  appendFileSync(path, record('late'));
  renameSync(`${path}.new`, path);
  await seen(6);
  appendFileSync(path, record('six'));
  await seen(7);
  assert.deepEqual(texts(sink), ['one', 'two', '3', 'late', 'four', 'five', 'six']);
  assert.deepEqual([source.counts.restarts, sink.faults], [2, []]);
});

test('reads a FIFO, and follows it from writer to writer', async () => {
  const path = freshPath();
  spawnSync('mkfifo', [path]);
  const { source, sink } = await started({ path, follow: true });
  await using _ = source;
  for (const [i, text] of ['one', 'two'].entries()) {
    const writer = createWriteStream(path);
    writer.end(pcap(text));
    await once(writer, 'close');
    await eventually('the end of a writer', () => source.counts.restarts === i + 1);
  }
  assert.deepEqual(texts(sink), ['one', 'two']);
});

test('a FIFO that nobody writes to keeps nothing from ending', async () => {
  const path = freshPath();
  spawnSync('mkfifo', [path]);
  const { source, sink } = await started({ path });
  await source[Symbol.asyncDispose]();
  assert.equal(await sink.ended, undefined);
});

/** Reads standard input in a worker thread of another process; prints what has come at its end. */
const READER = `
import { Worker, isMainThread } from 'node:worker_threads';
if (isMainThread) new Worker(new URL(import.meta.url), { stdin: false });
else {
  const { createCaptureSource } = await import(${JSON.stringify(new URL('create-source.ts', import.meta.url).href)});
  const source = createCaptureSource({ kind: 'file', path: '-', follow: false, pace: 'fast' });
  const nothing = () => {};
  const end = (problem) => console.log(JSON.stringify({ ...source.counts, problem }));
  await source.start({ frame: nothing, fault: nothing, vxlan: nothing, geneve: nothing, batch: nothing, end });
}`;

test('reads standard input in a worker thread: a pipe, compressed or not, and a file', async () => {
  const script = `${freshPath()}.mjs`;
  writeFileSync(script, READER);
  const content = pcap(...Array(3000).fill('x'.repeat(100)));
  const path = written(content);
  const ways = [
    ['-c', 'cat "$1" | "$2" "$3"'],
    ['-c', 'gzip -c "$1" | "$2" "$3"'],
    ['-c', '"$2" "$3" < "$1"'],
  ];
  for (const way of ways) {
    const child = spawn('sh', [...way, 'sh', path, process.execPath, script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const output = (await child.stdout.toArray()).join('');
    const { packets, bytes, problem } = JSON.parse(output) as Record<string, unknown>;
    assert.deepEqual([packets, bytes, problem], [3000, 300_000, undefined]);
  }
});

test('keeps the pace of the recording, and cuts long silences down', async () => {
  const clock = new ManualClock();
  const content = Buffer.concat([
    HEAD,
    record('at once'),
    record('too', 0),
    record('in 250 ms', 250),
    record('in an hour', 3_600_000),
    record('before its time', 3_599_000),
    record('in an hour and 5 ms', 3_600_005),
  ]);
  const { source, sink } = await started({ path: written(content), pace: 'recorded', clock });
  await using _ = source;
  const seenAfter = async (ms: number): Promise<number> => {
    for (let passed = 0; passed < ms; passed += Math.min(50, ms)) {
      clock.advance(Math.min(50, ms));
      for (let i = 0; i < 3; i++) await new Promise(setImmediate);
    }
    return sink.frames.length;
  };
  await sink.until(() => sink.frames.length === 2);
  assert.equal(await seenAfter(200), 2);
  assert.equal(await seenAfter(50), 3);
  assert.equal(await seenAfter(59_950), 3);
  assert.equal(await seenAfter(50), 5);
  assert.equal(await seenAfter(5), 6);
  assert.equal(await sink.ended, undefined);
});
