/**
 * Whether reading packets needs more memory the longer it goes on: packets that are made on the way go through pcap → headers →
 * TCP reassembly → HTTP/1.1 → exchanges, in one thread. Each connection has fifteen exchanges; one in four is never closed, and
 * one in a hundred loses a segment.
 *
 *   node --expose-gc bench/capture-memory.ts [--packets 50000000] [--json]
 */
import { CapturedEvents } from '../src/observe/captured-connection.ts';
import { TapObserver } from '../src/observe/tap-observer.ts';
import { PacketDecoder } from '../src/wire/packet/packet-decoder.ts';
import { CaptureDecoder } from '../src/wire/pcap/capture-decoder.ts';
import { encodePcapHead, encodePcapRecord } from '../src/wire/pcap/encode.ts';
import { LINK } from '../src/wire/pcap/frame.ts';
import { TcpReassembler } from '../src/wire/tcp/reassembler.ts';
import { Talk } from '../test/fixtures/packet-builder.ts';

const SIDE_BY_SIDE = 500;
const EXCHANGES = 15;
const NEVER_CLOSED = 4;
const WITH_LOSS = 100;
const MICROS_PER_PACKET = 1;
const LOOKS = 25;
/** The share of the way after which the tables are full: 65,536 connections that nobody has closed. */
const SETTLED = 0.4;
const REQUEST = 'GET /api/orders/12345?expand=items HTTP/1.1\r\nhost: orders.example\r\naccept: */*\r\n\r\n';
const BODY = JSON.stringify({ id: 12_345, state: 'shipped', items: [{ sku: 'A-1', count: 2 }], total: 19.9 });
const ANSWER = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`;

/** Records of many connections side by side, and where each record's time and addresses stand. */
class Batch {
  readonly bytes: Buffer;
  readonly packets: number;
  /** Offset of each record, and whether its client is the source. */
  readonly #records: Int32Array;
  readonly #fromClient: Uint8Array;

  constructor() {
    const records: Uint8Array[] = [];
    const fromClient: number[] = [];
    const add = (frame: Uint8Array, side: 0 | 1): void => {
      records.push(encodePcapRecord({ bytes: frame, micros: 0 }));
      fromClient.push(side === 0 ? 1 : 0);
    };
    const talks = Array.from(
      { length: SIDE_BY_SIDE },
      (_, i) => new Talk(10_000 + i, [i * 7919, i * 104_729]),
    );
    for (const talk of talks) for (const [i, frame] of talk.open().entries()) add(frame, i === 1 ? 1 : 0);
    for (let exchange = 0; exchange < EXCHANGES; exchange++) {
      for (const talk of talks) add(talk.ask(REQUEST), 0);
      for (const [i, talk] of talks.entries()) {
        const answer = talk.answer(ANSWER);
        if (exchange !== 4 || i % WITH_LOSS !== 7) add(answer, 1);
      }
      for (const talk of talks) add(talk.acknowledge(0), 0);
    }
    for (const [i, talk] of talks.entries()) {
      if (i % NEVER_CLOSED === 3) continue;
      add(talk.end(0), 0);
      add(talk.end(1), 1);
    }
    this.bytes = Buffer.concat(records);
    this.packets = records.length;
    this.#records = new Int32Array(records.length);
    this.#fromClient = Uint8Array.from(fromClient);
    let at = 0;
    for (const [i, record] of records.entries()) {
      this.#records[i] = at;
      at += record.length;
    }
  }

  /** Makes them other clients' connections, at another time. Checksums are not looked at. */
  renumber(client: number, micros: number): void {
    const { bytes } = this;
    for (let i = 0; i < this.packets; i++) {
      const at = this.#records[i] ?? 0;
      const now = micros + i * MICROS_PER_PACKET;
      bytes.writeUInt32LE(Math.floor(now / 1e6), at);
      bytes.writeUInt32LE(now % 1e6, at + 4);
      // Behind record and Ethernet head: source at 12 and destination at 16 of the IPv4 head.
      bytes.writeUInt32BE(client, at + 16 + 14 + (this.#fromClient[i] === 1 ? 12 : 16));
    }
  }
}

interface Look {
  readonly packets: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
  readonly tableSize: number;
}

function mib(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MiB`.padStart(9);
}

const option = process.argv.indexOf('--packets');
const wanted = option < 0 ? 50_000_000 : Number(process.argv[option + 1]);
let whole = 0;
let incomplete = 0;
const observer = new TapObserver({
  tap: 'bench',
  sink: {
    request: () => {},
    requestBody: () => {},
    requestGap: () => {},
    requestEnd: () => {},
    response: () => {},
    responseBody: () => {},
    done: (exchange) => void (exchange.incomplete === undefined ? whole++ : incomplete++),
    ambiguous: () => {},
    shed: () => {},
  },
  limits: { headBytes: 65_536, trailerBytes: 8192 },
  connections: 65_536,
  idPrefix: 'b',
  answers: { skip: () => {}, giveUp: (_slot, id) => tcp.giveUp(id), spare: () => {} },
});
const tcp = new TcpReassembler(new CapturedEvents('bench', observer));
const packets = new PacketDecoder();
const decoder = new CaptureDecoder({
  frame: (frame) => {
    if (packets.frame(frame)) tcp.push(packets.packet);
  },
  fault: (kind, detail) => {
    throw new Error(`${kind}: ${detail}`);
  },
});

const batch = new Batch();
const looks: Look[] = [];
const lookEach = wanted / LOOKS;
decoder.write(encodePcapHead(LINK.ethernet));
const began = performance.now();
let sent = 0;
for (let round = 1; sent < wanted; round++) {
  batch.renumber(0x0b00_0000 + round, 1.7e15 + sent * MICROS_PER_PACKET);
  decoder.write(batch.bytes);
  sent += batch.packets;
  if (sent < (looks.length + 1) * lookEach) continue;
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  looks.push({ packets: sent, rssBytes: rss, heapBytes: heapUsed, tableSize: tcp.tableSize });
}
const seconds = (performance.now() - began) / 1000;
const { counts } = tcp;
// The tables have to fill first; from then on nothing may grow.
const settled = looks[Math.floor(LOOKS * SETTLED)];
const last = looks.at(-1);
const growth = (last?.rssBytes ?? 0) / (settled?.rssBytes ?? 1);
if (process.argv.includes('--json')) {
  process.stdout.write(
    `${JSON.stringify({ packets: sent, seconds, connections: counts.connections, whole, incomplete, left: counts.left, growth, looks })}\n`,
  );
} else {
  for (const look of looks)
    process.stdout.write(
      `${String(look.packets).padStart(10)} packets: ${mib(look.rssBytes)} resident, ${mib(look.heapBytes)} heap, ${look.tableSize} connections in the table\n`,
    );
  process.stdout.write(
    `${counts.connections} connections, ${whole} exchanges whole, ${incomplete} not; ${Math.round(sent / seconds)} packets/s; ` +
      `at the end ${growth.toFixed(2)} times the memory of two fifths of the way\n`,
  );
}
