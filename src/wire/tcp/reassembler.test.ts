import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACK, FIN, RST, SYN, tcpFrame } from '../../../test/fixtures/packet-builder.ts';
import { PacketDecoder } from '../packet/packet-decoder.ts';
import type { TcpConnection } from './connection.ts';
import type { TcpDirection } from './events.ts';
import type { TcpReassemblerOptions } from './limits.ts';
import { TcpReassembler } from './reassembler.ts';

const CLIENT = { ip: '10.0.0.1', port: 50_000 };
const SERVER = { ip: '10.0.0.2', port: 80 };
/** First sequence numbers of payload. */
const C = 1001;
const S = 5001;

/** Plays packets and writes down what comes out: `C:bytes`, `S-5` for a gap, `C.` for an end, `close`, `reset S`, `leave`. */
class Play {
  readonly said: string[] = [];
  readonly opened: TcpConnection[] = [];
  readonly tcp: TcpReassembler;
  micros = 1e9;
  readonly #decoder = new PacketDecoder();

  constructor(options: TcpReassemblerOptions = {}) {
    this.tcp = new TcpReassembler(
      {
        open: (connection) => {
          this.opened.push(connection);
          this.said.push(connection.midstream ? 'midstream' : 'open');
        },
        data: (_id, direction, chunk) => {
          const text = Buffer.from(chunk).toString('latin1');
          const last = this.said.at(-1) ?? '';
          // Pieces of one direction read as one.
          if (last.startsWith(`${who(direction)}:`)) this.said[this.said.length - 1] = last + text;
          else this.said.push(`${who(direction)}:${text}`);
        },
        gap: (_id, direction, bytes) => void this.said.push(`${who(direction)}-${bytes}`),
        end: (_id, direction) => void this.said.push(`${who(direction)}.`),
        close: (_id, failed) => void this.said.push(failed === undefined ? 'close' : `reset ${who(failed)}`),
        leave: () => void this.said.push('leave'),
      },
      { seed: 1, ...options },
    );
  }

  /** `cut`: bytes at the end that the capture did not keep. */
  client(seq: number, payload: string, ack = S, flags: number = ACK, cut = 0, port = CLIENT.port): this {
    const ends = { from: CLIENT.ip, fromPort: port, to: SERVER.ip, toPort: SERVER.port };
    return this.#frame(tcpFrame({ ...ends, seq, ack, flags, payload }), cut);
  }

  server(seq: number, payload: string, ack = C, flags: number = ACK, cut = 0, port = CLIENT.port): this {
    const ends = { from: SERVER.ip, fromPort: SERVER.port, to: CLIENT.ip, toPort: port };
    return this.#frame(tcpFrame({ ...ends, seq, ack, flags, payload }), cut);
  }

  handshake(): this {
    return this.client(C - 1, '', 0, SYN)
      .server(S - 1, '', C, SYN | ACK)
      .client(C, '');
  }

  /** Packets of other connections tell that time has passed. */
  wait(micros: number): this {
    this.micros += micros;
    this.tcp.advance(this.micros);
    return this;
  }

  finish(): string {
    this.tcp.finish();
    return this.said.join(' ');
  }

  get text(): string {
    return this.said.join(' ');
  }

  raw(frame: Buffer): this {
    return this.#frame(frame, 0);
  }

  /** What a mirror session sends: a frame behind the identifier of its network. */
  vxlan(vni: number, frame: Buffer): this {
    const datagram = Buffer.concat([Buffer.from([8, 0, 0, 0, 0, 0, vni, 0]), frame]);
    if (this.#decoder.vxlan(datagram, ++this.micros)) this.tcp.push(this.#decoder.packet);
    return this;
  }

  #frame(bytes: Buffer, cut: number): this {
    this.micros += 10;
    const end = bytes.length - cut;
    const frame = { linkType: 1, bytes, start: 0, end, originalBytes: bytes.length, interfaceId: 0 };
    if (this.#decoder.frame({ ...frame, micros: this.micros })) this.tcp.push(this.#decoder.packet);
    return this;
  }
}

function who(direction: TcpDirection): string {
  return direction === 0 ? 'C' : 'S';
}

const begun = (options?: TcpReassemblerOptions) => new Play(options).handshake();

test('a connection from its handshake to its end', () => {
  const play = begun()
    .client(C, 'ask')
    .server(S, 'answer', C + 3)
    .client(C + 3, '', S + 6, FIN | ACK)
    .server(S + 6, '', C + 4, FIN | ACK)
    .client(C + 4, '', S + 7);
  assert.equal(play.text, 'open C:ask S:answer C. S. close');
  const [connection] = play.opened;
  assert.deepEqual(
    [connection?.clientIp, connection?.clientPort, connection?.serverIp, connection?.serverPort],
    [CLIENT.ip, CLIENT.port, SERVER.ip, SERVER.port],
  );
  assert.equal(connection?.serverBy, 'syn');
  assert.equal(play.tcp.connections, 0);
});

test('segments out of order wait for those before them', () => {
  const play = begun()
    .client(C + 3, 'def')
    .client(C + 6, 'ghi')
    .client(C, 'abc');
  assert.equal(play.text, 'open C:abcdefghi');
  assert.equal(play.tcp.counts.outOfOrder, 2);
});

test('what is sent again, or captured twice, comes once', () => {
  const play = begun()
    .client(C, 'abc')
    .client(C, 'abc')
    .client(C, 'abcdef')
    .client(C + 1, 'bc');
  assert.equal(play.text, 'open C:abcdef');
  const { duplicates, retransmitted, duplicateBytes } = play.tcp.counts;
  assert.deepEqual([duplicates, retransmitted, duplicateBytes], [1, 1, 5]);
});

test('the same packet at two places is a duplicate, the same bytes in another packet were sent again', () => {
  const play = begun().client(C, 'abc');
  const ends = { from: CLIENT.ip, fromPort: CLIENT.port, to: SERVER.ip, toPort: SERVER.port };
  const again = (id: number): Buffer => tcpFrame({ ...ends, seq: C + 3, ack: S, payload: 'def', id });
  for (const id of [7, 7, 8, 9, 9]) play.raw(again(id));
  const { duplicates, retransmitted, duplicateBytes } = play.tcp.counts;
  assert.deepEqual([duplicates, retransmitted, duplicateBytes], [2, 2, 12]);
  assert.equal(play.text, 'open C:abcdef');
});

test('the same addresses in two networks are two connections', () => {
  const play = new Play();
  const ends = { from: CLIENT.ip, fromPort: CLIENT.port, to: SERVER.ip, toPort: SERVER.port };
  for (const [vni, payload] of [
    [1, 'GET /one HTTP/1.1'],
    [2, 'GET /two HTTP/1.1'],
  ] as const) {
    play.vxlan(vni, tcpFrame({ ...ends, seq: C - 1, flags: SYN }));
    play.vxlan(vni, tcpFrame({ ...ends, seq: C, ack: S, payload }));
  }
  assert.equal(play.text, 'open C:GET /one HTTP/1.1 open C:GET /two HTTP/1.1');
  assert.deepEqual(
    play.opened.map(({ vni }) => vni),
    [1, 2],
  );
});

test('sequence numbers wrap around', () => {
  const start = 0xffffffff;
  const play = new Play()
    .client(start - 1, '', 0, SYN)
    .server(S - 1, '', start, SYN | ACK)
    .client(start + 3, 'def')
    .client(start, 'abc')
    .server(S, 'ok', start + 6);
  assert.equal(play.text, 'open C:abcdef S:ok');
});

for (const [overlap, expected] of [
  ['first', 'open C:xaBBBBe'],
  ['last', 'open C:xabbbBe'],
] as const) {
  test(`of two that bring different bytes before either was handed out, the ${overlap} counts`, () => {
    const play = begun({ overlap })
      .client(C + 2, 'BBBB')
      .client(C + 1, 'abbb')
      .client(C + 6, 'e')
      .client(C, 'x');
    assert.equal(play.text, expected);
    assert.equal(play.tcp.counts.conflicts, 1);
  });
}

test('the same bytes twice are no conflict', () => {
  const play = begun()
    .client(C + 2, 'cdef')
    .client(C + 1, 'bcd')
    .client(C, 'a');
  assert.equal(play.text, 'open C:abcdef');
  assert.deepEqual([play.tcp.counts.overlaps, play.tcp.counts.conflicts], [1, 0]);
});

test('bytes that the receiver has acknowledged and that do not come are a gap of exact size', () => {
  const play = begun()
    .client(C, 'abc')
    .server(S, 'ok', C + 10);
  assert.equal(play.text, 'open C:abc');
  play.wait(40_000);
  assert.equal(play.text, 'open C:abc');
  play.wait(20_000);
  assert.equal(play.text, 'open C:abc C-7 S:ok');
  assert.equal(play.tcp.counts.missingBytes.lost, 7);
});

test('a capture that mixes up directions makes the same streams', () => {
  const play = begun()
    .server(S, 'answer', C + 3)
    .client(C, 'ask')
    .client(C + 3, 'more', S + 6);
  assert.equal(play.text, 'open C:ask S:answer C:more');
});

test('bytes that nobody has acknowledged are waited for longer', () => {
  const play = begun()
    .client(C + 5, 'late')
    .wait(4e6);
  assert.equal(play.text, 'open');
  play.wait(2e6);
  assert.equal(play.text, 'open C-5 C:late');
  assert.equal(play.tcp.counts.missingBytes.expired, 5);
});

test('where a question and its answer were lost, the gap of the question comes first', () => {
  const play = begun()
    .client(C + 10, 'next', S + 20)
    .server(S + 20, 'answer', C + 14);
  assert.equal(play.wait(6e6).text, 'open C-10 S-20 C:next S:answer');
});

test('a segment that the snap length has cut is its beginning and a gap', () => {
  const play = begun()
    .client(C, 'abcdef', S, ACK, 4)
    .client(C + 6, 'ghi');
  assert.equal(play.text, 'open C:ab C-4 C:ghi');
  assert.equal(play.tcp.counts.missingBytes.cut, 4);
  const later = begun()
    .client(C + 6, 'ghi')
    .client(C, 'abcdef', S, ACK, 4);
  assert.equal(later.text, 'open C:ab C-4 C:ghi');
});

test('keep-alives bring nothing', () => {
  const play = begun()
    .client(C, 'abc')
    .client(C + 2, '')
    .client(C + 2, 'c')
    .server(S, '', C + 3);
  assert.equal(play.text, 'open C:abc');
  assert.equal(play.tcp.counts.keepAlives, 2);
});

test('probes of a closed window are bytes like others', () => {
  const play = begun()
    .client(C, 'abc')
    .client(C + 3, 'd')
    .client(C + 3, 'd')
    .client(C + 3, 'def');
  assert.equal(play.text, 'open C:abcdef');
});

test('a capture may begin in mid-stream', () => {
  const play = new Play().server(S, 'end of an answer', C).client(C, 'GET / HTTP/1.1\r\n', S + 16);
  assert.equal(play.text, 'midstream S:end of an answer C:GET / HTTP/1.1\r\n');
  assert.equal(play.opened[0]?.serverBy, 'guess');
});

test('which side is the server: handshake, ports, first bytes, the lower port', () => {
  const answer = 'HTTP/1.1 200 OK\r\n';
  const cases: readonly (readonly [Play, string])[] = [
    [new Play().server(S - 1, '', C, SYN | ACK).client(C, 'x'), 'syn C:x'],
    [new Play({ serverPorts: new Set([CLIENT.port]) }).client(C, 'x'), 'ports S:x'],
    [new Play().client(C, answer), `bytes S:${answer}`],
    [new Play().server(S, 'GET / HTTP/1.1\r\n'), 'bytes C:GET / HTTP/1.1\r\n'],
    [new Play().client(C, '????'), 'guess C:????'],
    [new Play().server(S, '????'), 'guess S:????'],
  ];
  for (const [play, expected] of cases)
    assert.equal(`${play.opened[0]?.serverBy} ${play.said.slice(1).join(' ')}`, expected);
});

test('a capture of one direction has the other as gaps, and does not wait for it', () => {
  const play = new Play();
  for (let i = 0; i < 12; i++) play.client(C + i * 3, 'ask', S + i * 100);
  play.wait(60_000);
  assert.equal(play.text, `midstream C:ask${' S-100 C:ask'.repeat(11)}`);
  assert.equal(play.tcp.counts.missingBytes.lost, 1100);
});

test('directions that come from two sockets, many packets of one first, make the same streams', () => {
  const play = new Play();
  // Twelve exchanges: what the client sends is read before anything that the server does.
  for (let i = 0; i < 12; i++) play.client(C + i * 2, 'ab', S + i * 2);
  for (let i = 0; i < 12; i++) play.server(S + i * 2, 'xy', C + i * 2 + 2);
  assert.equal(play.said.join(' ').replaceAll('C:ab S:xy ', ''), 'midstream C:ab S:xy');
  assert.equal(play.tcp.counts.gaps, 0);
});

test('the same ports with a new handshake are a new connection', () => {
  const play = begun().client(C, 'old').client(9000, '', 0, SYN);
  assert.equal(play.text, 'open C:old');
  play.server(7000, '', 9001, SYN | ACK).client(9001, 'new', 7001);
  assert.equal(play.text, 'open C:old close open C:new');
  assert.equal(play.tcp.counts.portReuses, 1);
});

test('a forged SYN does not end a connection', () => {
  const play = begun()
    .client(C, 'one')
    .client(90_000, '', 0, SYN)
    .server(S, '', C + 3)
    .client(C + 3, 'two');
  assert.equal(play.text, 'open C:onetwo');
});

test('the same ports after the end are a new connection, with or without its handshake', () => {
  const over = () =>
    begun()
      .client(C, 'x', S, ACK | FIN)
      .server(S, '', C + 2, ACK | FIN);
  assert.equal(over().client(9000, '', 0, SYN).client(9001, 'new').text, 'open C:x C. S. close open C:new');
  assert.equal(over().client(C, 'x').text, 'open C:x C. S. close', 'sent again');
  const far = over().client(C + 2 ** 30, 'new');
  assert.equal(far.text, 'open C:x C. S. close midstream C:new');
});

test('a reset ends the connection, unless it comes from nowhere', () => {
  assert.equal(
    begun()
      .client(C, 'x')
      .server(S, '', C + 1, RST | ACK).text,
    'open C:x reset S',
  );
  assert.equal(
    begun()
      .client(C, 'x')
      .server(S + 2 ** 29, '', C + 1, RST).text,
    'open C:x',
  );
});

test('a lost FIN is no lost byte', () => {
  const play = begun()
    .client(C, 'x')
    .server(S, '', C + 2)
    .wait(60_000)
    .server(S, 'bye', C + 2)
    .server(S + 3, '', C + 2, FIN | ACK);
  assert.equal(play.text, 'open C:x S:bye S. close');
  const late = begun()
    .client(C, 'x')
    .server(S, '', C + 2)
    .wait(60_000)
    .client(C + 1, '', S, FIN | ACK);
  assert.equal(late.text, 'open C:x C.');
});

test('one lost byte is a gap once more bytes come', () => {
  const play = begun()
    .client(C, 'x')
    .server(S, '', C + 2)
    .wait(60_000)
    .client(C + 2, 'y');
  assert.equal(play.text, 'open C:x C-1 C:y');
});

test('too much that waits makes way: segments, bytes of a direction, bytes of all', () => {
  const many = begun({ limits: { sideSegments: 2 } });
  for (const at of [10, 20, 30]) many.client(C + at, 'abc');
  assert.equal(many.text, 'open C-10 C:abc');
  const large = begun({ limits: { sideBytes: 10 } })
    .client(C + 10, 'abcdef')
    .client(C + 20, 'abcdef');
  assert.equal(large.text, 'open C-10 C:abcdef');
  const all = begun({ limits: { heldBytes: 10 } })
    .client(C + 10, 'abcdef')
    .client(C + 20, 'abcdef');
  assert.equal(all.text, 'open C-10 C:abcdef');
  assert.ok(all.tcp.heldBytes <= 10);
  assert.equal(all.tcp.counts.missingBytes.limit, 10);
  // The one that has waited longest holds nothing.
  const other = new Play({ limits: { heldBytes: 10 } }).handshake();
  other.server(S, '', C + 5).client(C, 'x', S, ACK, 0, 50_001);
  for (const at of [10, 20]) other.client(C + at, 'abcdef', S, ACK, 0, 50_001);
  assert.equal(other.text, 'midstream C:x C-9 C:abcdef');
});

test('numbers far from everything are not believed before they insist', () => {
  const play = begun()
    .client(C, 'abc')
    .client(C + 2 ** 29, 'far')
    .client(C + 3, 'def')
    .server(S, 'x', C + 2 ** 29);
  assert.equal(play.text, 'open C:abcdef S:x');
  assert.equal(play.tcp.counts.outOfWindow, 2);
  const jump = C + 2 ** 28;
  for (let i = 0; i < 4; i++) play.client(jump + i, 'y');
  assert.equal(play.wait(6e6).text, `open C:abcdef S:x C-${jump + 3 - C - 6} C:y`);
});

test('the oldest idle connection goes when the table is full, and any after its time', () => {
  const play = new Play({ limits: { connections: 2 } });
  for (const port of [50_001, 50_002, 50_003]) play.client(C, 'x', S, ACK, 0, port);
  assert.equal(play.text, 'midstream C:x midstream C:x leave midstream C:x');
  assert.equal(play.tcp.counts.left.table_full, 1);
  play.wait(700e6);
  assert.deepEqual([play.tcp.counts.left.idle, play.tcp.tableSize], [2, 0]);
});

test('a port scan makes no event and leaves room for connections', () => {
  const play = new Play({ limits: { connections: 10 } }).client(C, 'x');
  for (let port = 1; port < 1000; port++) play.client(C, '', 0, SYN, 0, port);
  play.client(C + 1, 'y');
  assert.equal(play.text, 'midstream C:xy');
  assert.equal(play.tcp.tableSize, 10);
});

test('nothing comes of a connection that was given up, except its end', () => {
  const play = begun().client(C, 'x');
  play.tcp.giveUp(play.opened[0]?.id ?? 0);
  play
    .client(C + 1, 'y')
    .server(S + 9, 'z', C + 2)
    .wait(60e6);
  play.client(C + 2, '', S, FIN | ACK).server(S + 10, '', C + 3, FIN | ACK);
  assert.equal(play.finish(), 'open C:x C. S. close');
  assert.equal(play.tcp.heldBytes, 0);
});

test('at the end of the input everything that waits comes out', () => {
  const play = begun()
    .client(C, 'abc')
    .client(C + 5, 'fgh')
    .server(S, 'ok', C + 8);
  assert.equal(play.finish(), 'open C:abc C-2 C:fgh S:ok leave');
  assert.deepEqual([play.tcp.tableSize, play.tcp.heldBytes], [0, 0]);
});

test('a clock that jumps back does not stop time', () => {
  const play = begun().client(C, 'a').wait(3600e6);
  play.micros -= 7200e6;
  play
    .handshake()
    .client(C, 'a')
    .client(C + 5, 'f')
    .wait(6e6);
  assert.match(play.text, /C-4 C:f$/);
});
