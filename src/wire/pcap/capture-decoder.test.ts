import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CaptureDecoder, isGzip } from './capture-decoder.ts';
import {
  encodeFrame,
  encodeInterface,
  encodePcapHead,
  encodePcapRecord,
  encodeSecrets,
  encodeSection,
  encodeStatistics,
} from './encode.ts';
import type { EncodeOptions } from './encode.ts';
import { LINK, TLS_KEY_LOG } from './frame.ts';
import type { InterfaceStatistics } from './frame.ts';
import { unitMicros } from './pcapng-options.ts';

const MICROS = 1_700_000_000_123_456;

interface Seen {
  readonly text: string;
  readonly linkType: number;
  readonly micros: number;
  readonly originalBytes: number;
  readonly interfaceId: number;
}

class Recorder {
  readonly frames: Seen[] = [];
  readonly faults: string[] = [];
  readonly interfaces: string[] = [];
  readonly statistics: InterfaceStatistics[] = [];
  readonly secrets: string[] = [];
  readonly names: string[] = [];
  readonly decoder: CaptureDecoder;

  constructor() {
    this.decoder = new CaptureDecoder({
      frame: ({ bytes, start, end, linkType, micros, originalBytes, interfaceId }) => {
        const text = Buffer.from(bytes.slice(start, end)).toString('latin1');
        this.frames.push({ text, linkType, micros, originalBytes, interfaceId });
      },
      interface: ({ section, interfaceId, linkType, name }) =>
        void this.interfaces.push(`${section}/${interfaceId} ${linkType} ${name}`.trimEnd()),
      statistics: (statistics) => void this.statistics.push(statistics),
      secrets: (type, content) => void this.secrets.push(`${type} ${Buffer.from(content).toString()}`),
      name: (address, name) => void this.names.push(`${address.join('.')} ${name}`),
      fault: (kind) => void this.faults.push(kind),
    });
  }

  read(file: Uint8Array, pieceBytes = file.length): this {
    for (let at = 0; at < file.length; at += pieceBytes)
      this.decoder.write(file.subarray(at, at + pieceBytes));
    this.decoder.end();
    return this;
  }
}

function frame(text: string, more: Partial<Parameters<typeof encodeFrame>[0]> = {}) {
  return { bytes: Buffer.from(text), micros: MICROS, ...more };
}

const FORMS: readonly EncodeOptions[] = [
  {},
  { bigEndian: true },
  { nanos: true },
  { bigEndian: true, nanos: true },
];

function pcap(options: EncodeOptions = {}): Buffer {
  return Buffer.concat([
    encodePcapHead(LINK.ethernet, options),
    encodePcapRecord(frame('one'), options),
    encodePcapRecord(frame('second', { originalBytes: 1500 }), options),
  ]);
}

function pcapng(options: EncodeOptions = {}): Buffer {
  return Buffer.concat([
    encodeSection(options),
    encodeInterface(LINK.ethernet, 'eth0', options),
    encodeInterface(LINK.raw, '', options),
    encodeSecrets(TLS_KEY_LOG, Buffer.from('CLIENT_RANDOM'), options),
    encodeFrame(frame('one'), options),
    encodeFrame(frame('second', { interfaceId: 1, originalBytes: 1500 }), options),
    encodeStatistics(
      { interfaceId: 0, micros: MICROS, received: 10, droppedByInterface: 2, droppedByKernel: 2 ** 40 },
      options,
    ),
  ]);
}

for (const options of FORMS) {
  const form = `${options.bigEndian === true ? 'big' : 'little'} endian, ${options.nanos === true ? 'nano' : 'micro'}seconds`;

  test(`reads a pcap file: ${form}`, () => {
    for (const pieceBytes of [1, 7, 1000]) {
      const { frames, faults, interfaces } = new Recorder().read(pcap(options), pieceBytes);
      const common = { linkType: 1, micros: MICROS, interfaceId: 0 };
      assert.deepEqual(frames, [
        { text: 'one', originalBytes: 3, ...common },
        { text: 'second', originalBytes: 1500, ...common },
      ]);
      assert.deepEqual([faults, interfaces], [[], ['0/0 1']]);
    }
  });

  test(`reads a pcapng file: ${form}`, () => {
    for (const pieceBytes of [1, 7, 1000]) {
      const seen = new Recorder().read(pcapng(options), pieceBytes);
      assert.deepEqual(
        seen.frames.map(({ text, linkType, interfaceId }) => [text, linkType, interfaceId]),
        [
          ['one', 1, 0],
          ['second', 101, 1],
        ],
      );
      // A double holds today's microseconds to a quarter.
      for (const { micros } of seen.frames) assert.ok(Math.abs(micros - MICROS) <= 0.5, `${micros}`);
      assert.deepEqual(seen.interfaces, ['0/0 1 eth0', '0/1 101']);
      assert.deepEqual(seen.secrets, [`${TLS_KEY_LOG} CLIENT_RANDOM`]);
      const { micros: _, ...figures } = seen.statistics[0] ?? { micros: 0 };
      const dropped = { received: 10, droppedByInterface: 2, droppedByKernel: 2 ** 40 };
      assert.deepEqual(figures, { section: 0, interfaceId: 0, ...dropped });
      assert.deepEqual(seen.faults, []);
    }
  });
}

test('a new section may have another byte order and has interfaces of its own', () => {
  const { frames, interfaces, faults } = new Recorder().read(
    Buffer.concat([
      pcapng(),
      encodeSection({ bigEndian: true }),
      encodeFrame(frame('lost'), { bigEndian: true }),
    ]),
  );
  assert.deepEqual([frames.length, interfaces.length, faults], [2, 2, ['no_interface']]);
  assert.equal(new Recorder().read(Buffer.concat([pcapng(), pcapng({ bigEndian: true })])).frames.length, 4);
});

test('blocks of unknown types are skipped', () => {
  const custom = Buffer.alloc(16);
  custom.writeUInt32LE(0xbad, 0);
  custom.writeUInt32LE(16, 4);
  custom.writeUInt32LE(16, 12);
  const { frames, faults } = new Recorder().read(
    Buffer.concat([pcapng(), custom, encodeFrame(frame('end'))]),
  );
  assert.deepEqual([frames.length, faults], [3, []]);
});

test('simple packet blocks are of the first interface, and have no time', () => {
  const block = Buffer.alloc(20);
  block.writeUInt32LE(3, 0);
  block.writeUInt32LE(20, 4);
  block.writeUInt32LE(3, 8);
  block.write('abc', 12);
  block.writeUInt32LE(20, 16);
  const file = Buffer.concat([encodeSection(), encodeInterface(LINK.ethernet), block]);
  assert.deepEqual(new Recorder().read(file).frames, [
    { text: 'abc', linkType: 1, micros: 0, originalBytes: 3, interfaceId: 0 },
  ]);
});

test('names of addresses are handed out', () => {
  const block = Buffer.alloc(32);
  block.writeUInt32LE(4, 0);
  block.writeUInt32LE(32, 4);
  block.writeUInt16LE(1, 8);
  block.writeUInt16LE(9, 10);
  block.set([10, 0, 0, 7], 12);
  block.write('shop\0', 16);
  block.writeUInt32LE(32, 28);
  assert.deepEqual(new Recorder().read(Buffer.concat([encodeSection(), block])).names, ['10.0.0.7 shop']);
});

test('clocks count in powers of ten or of two', () => {
  assert.equal(unitMicros(6), 1);
  assert.equal(unitMicros(9), 1e-3);
  assert.equal(unitMicros(0x80 | 10), 1e6 / 1024);
});

const BROKEN: readonly (readonly [string, Uint8Array, readonly string[]])[] = [
  ['nothing', new Uint8Array(0), ['cut_record']],
  ['three bytes', Uint8Array.of(0xd4, 0xc3, 0xb2), ['cut_record']],
  ['something else', Buffer.from('GET / HTTP/1.1\r\n\r\n'), ['bad_magic']],
  ['a pcap head that is cut', pcap().subarray(0, 10), ['cut_record']],
  ['a record that is cut', pcap().subarray(0, pcap().length - 1), ['cut_record']],
  ['a block that is cut', pcapng().subarray(0, pcapng().length - 1), ['cut_record']],
  [
    'a section without byte order',
    Buffer.concat([Buffer.from('0a0d0d0a', 'hex'), Buffer.alloc(24)]),
    ['bad_magic'],
  ],
  [
    'an interface that is not there',
    Buffer.concat([encodeSection(), encodeFrame(frame('x'))]),
    ['no_interface'],
  ],
];

for (const [name, file, faults] of BROKEN) {
  test(`is no crash: ${name}`, () => {
    const whole = new Recorder().read(file);
    assert.deepEqual(whole.faults, faults);
    assert.equal(whole.decoder.broken, true);
    assert.deepEqual(new Recorder().read(file, 1).faults, faults);
  });
}

function patched(file: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(file);
  copy.writeUInt32LE(value, at);
  return copy;
}

test('a length that cannot be true ends the file, and is said once', () => {
  for (const file of [
    patched(pcap(), 24 + 8, 0xffffffff),
    patched(pcapng(), 28 + 4, 0xfffffffc),
    patched(pcapng(), 28 + 4, 8),
    patched(pcapng(), 28 + 4, 33),
  ]) {
    const seen = new Recorder().read(file);
    assert.deepEqual([seen.faults, seen.frames.length], [['lying_length'], 0]);
  }
});

test('a block whose inside lies is left out, and the next one read', () => {
  const start = encodeSection().length + encodeInterface(LINK.ethernet).length;
  const file = Buffer.concat([
    encodeSection(),
    encodeInterface(LINK.ethernet),
    encodeFrame(frame('first')),
    encodeFrame(frame('second')),
  ]);
  const seen = new Recorder().read(patched(file, start + 20, 1_000_000));
  assert.deepEqual([seen.faults, seen.frames.map(({ text }) => text)], [['bad_block'], ['second']]);
});

test('versions that do not exist are refused', () => {
  const old = pcap();
  old.writeUInt16LE(3, 4);
  const young = pcapng();
  young.writeUInt16LE(2, 12);
  for (const file of [old, young]) assert.deepEqual(new Recorder().read(file).faults, ['bad_version']);
});

test('gzip is told by its first bytes', () => {
  assert.equal(isGzip(Uint8Array.of(0x1f, 0x8b, 8)), true);
  assert.equal(isGzip(pcap()), false);
});
