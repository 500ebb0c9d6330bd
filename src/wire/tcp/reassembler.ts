import { zeroCounts } from '../../kit/counts.ts';
import { TCP_FLAG } from '../packet/packet.ts';
import type { TcpPacket } from '../packet/packet.ts';
import { TcpConnection } from './connection.ts';
import { LEAVE_REASONS, MISSING_REASONS, SERVER_BY } from './events.ts';
import type { LeaveReason, ServerBy, TcpCounts, TcpEvents } from './events.ts';
import { Flow, FlowList, FlowTable } from './flow.ts';
import { directionOf, FlowStreams } from './flow-streams.ts';
import { TCP_LIMITS } from './limits.ts';
import type { TcpLimits, TcpReassemblerOptions } from './limits.ts';
import { RecentPackets } from './recent-packets.ts';
import { senderOf } from './server-side.ts';
import { after, distance } from './side.ts';
import type { Side } from './side.ts';

/** How often what waits is looked through, microseconds of packet time. */
const SWEEP_MICROS = 10_000;
/**
 * Packets of one side before the other, silent, one is taken as not captured at all; not before `reorderMicros` have passed,
 * because the directions may come from different sockets, each of which is read for a while.
 */
const ONE_SIDED_PACKETS = 8;
const STRANGE_MAX = 4;
const LONG_AGO = -1e15;
/** Time that goes back by more than this is another time. */
const CLOCK_BACK_MICROS = 60e6;

/**
 * Makes two ordered byte streams of each connection's captured segments: out of order, sent again, captured twice, lost, cut
 * or begun before the capture (RFC 9293 §3.4, §3.10).
 *
 * Bytes that the receiver has acknowledged and that do not come are a gap of exact size; so is what waits for too long or
 * behind too much. An answer is handed out only after the request bytes that it acknowledges, so that captures that mix up
 * the order of directions make the same exchanges. Time is that of the packets: `advance` tells it when there are none.
 */
export class TcpReassembler {
  readonly counts: TcpCounts = {
    segments: 0,
    payloadBytes: 0,
    connections: 0,
    opened: 0,
    midstream: 0,
    serverBy: zeroCounts(SERVER_BY),
    duplicates: 0,
    retransmitted: 0,
    duplicateBytes: 0,
    keepAlives: 0,
    outOfOrder: 0,
    overlaps: 0,
    conflicts: 0,
    outOfWindow: 0,
    gaps: 0,
    missingBytes: zeroCounts(MISSING_REASONS),
    closed: 0,
    resets: 0,
    portReuses: 0,
    left: zeroCounts(LEAVE_REASONS),
  };
  readonly #events: TcpEvents;
  readonly #limits: TcpLimits;
  readonly #serverPorts: ReadonlySet<number>;
  readonly #table: FlowTable;
  /** Connections that were opened, and the rest: no payload yet, or over. */
  readonly #open = new FlowList();
  readonly #quiet = new FlowList();
  readonly #byId = new Map<number, Flow>();
  readonly #streams: FlowStreams;
  readonly #recent = new RecentPackets();
  /** The packet in hand was captured before. */
  #repeated = false;
  #nextSweep = 0;
  #untilSweep = 0;
  #ids = 0;

  constructor(events: TcpEvents, options: TcpReassemblerOptions = {}) {
    this.#events = events;
    this.#limits = { ...TCP_LIMITS, ...options.limits };
    this.#serverPorts = options.serverPorts ?? new Set();
    this.#table = new FlowTable(options.seed ?? Math.random() * 2 ** 32);
    this.#streams = new FlowStreams(events, this.counts, this.#limits, options.overlap ?? 'first', (flow) =>
      this.#close(flow, undefined),
    );
  }

  /** Connections that were opened and are not over; everything in the table; bytes that wait. */
  get connections(): number {
    return this.#open.size;
  }

  get tableSize(): number {
    return this.#open.size + this.#quiet.size;
  }

  get heldBytes(): number {
    return this.#streams.heldBytes;
  }

  /** Takes a segment in; it may be used again when this returns. */
  push(packet: TcpPacket): void {
    const { counts } = this;
    counts.segments++;
    counts.payloadBytes += packet.payloadBytes;
    this.#untilSweep--;
    this.#tick(packet.micros);
    const hash = this.#table.hashOf(packet);
    this.#repeated = packet.payloadBytes > 0 && this.#recent.repeats(packet, hash);
    const flow = this.#table.find(packet, hash) ?? this.#begin(packet, hash);
    if (flow !== undefined) this.#take(flow, packet, hash);
  }

  /** Nothing was captured until now: what has waited too long is given up. */
  advance(micros: number): void {
    this.#untilSweep = 0;
    this.#tick(micros);
  }

  /** Nobody wants this connection's bytes any more. It still ends with `close` or `leave`. */
  giveUp(id: number): void {
    const flow = this.#byId.get(id);
    if (flow === undefined || flow.muted) return;
    flow.muted = true;
    this.#streams.forget(flow);
  }

  /** The input is over: hands out what waits, and leaves every connection. */
  finish(): void {
    for (const list of [this.#open, this.#quiet])
      while (list.oldest !== undefined) this.#leave(list.oldest, 'over');
  }

  #tick(micros: number): void {
    const streams = this.#streams;
    if (micros > streams.now) {
      streams.now = micros;
      // Times that run wild must not make each packet look at everything.
      if (micros >= this.#nextSweep && this.#untilSweep <= 0) this.#sweep();
    } else if (micros < streams.now - CLOCK_BACK_MICROS) {
      // Another file, or a clock that was set.
      streams.now = micros;
      this.#nextSweep = micros;
    }
  }

  #begin(packet: TcpPacket, hash: number): Flow | undefined {
    // Without a begin or payload there is nothing to follow yet.
    if ((packet.flags & TCP_FLAG.rst) !== 0) return undefined;
    if ((packet.flags & TCP_FLAG.syn) === 0 && packet.payloadBytes === 0) return undefined;
    const flow = new Flow(packet, hash);
    flow.beganMicros = this.#streams.now;
    this.counts.connections++;
    const excess = this.#table.add(flow);
    this.#quiet.touch(flow);
    if (excess !== undefined) this.#leave(excess, 'table_full');
    if (this.tableSize > this.#limits.connections) {
      // The newest of the quiet ones is this.
      const oldest = this.#quiet.size > 1 ? this.#quiet.oldest : this.#open.oldest;
      if (oldest !== undefined) this.#leave(oldest, 'table_full');
    }
    return flow;
  }

  #take(flow: Flow, packet: TcpPacket, hash: number): void {
    const { flags } = packet;
    const from = flow.sideOf(packet) === 1 ? 1 : 0;
    const side = flow.sides[from];
    const peer = flow.sides[from ^ 1] as Side;
    flow.lastMicros = this.#streams.now;
    (flow.id !== 0 && !flow.closed ? this.#open : this.#quiet).touch(flow);
    if ((flags & TCP_FLAG.syn) !== 0) {
      if (!this.#handshake(flow, from, packet)) {
        if (this.#isReuse(flow, from, packet)) this.#replace(flow, packet, hash);
        return;
      }
    } else if (flow.closed || flow.reuseSide >= 0) {
      if (this.#isReuse(flow, from, packet)) this.#replace(flow, packet, hash);
      else if (flow.closed) this.#countOld(packet);
      if (flow.closed || flow.reuseSide < 0) return;
    }
    side.packets++;
    if ((flags & TCP_FLAG.rst) !== 0) {
      this.#reset(flow, from, packet);
      return;
    }
    const acks = (flags & TCP_FLAG.ack) !== 0 && this.#acknowledge(flow, side, peer, packet.ack);
    const ack = acks ? packet.ack : undefined;
    const seq = (flags & TCP_FLAG.syn) === 0 ? packet.seq : (packet.seq + 1) | 0;
    if (packet.payloadBytes > 0) this.#payload(flow, from, packet, seq, ack);
    else if (side.known && seq === ((side.next - 1) | 0) && (flags & (TCP_FLAG.fin | TCP_FLAG.syn)) === 0)
      this.counts.keepAlives++;
    if ((flags & TCP_FLAG.fin) !== 0) this.#finish(flow, side, packet, seq, ack);
  }

  /** @returns false when the SYN belongs to another connection than the one that is known, or says nothing new */
  #handshake(flow: Flow, from: 0 | 1, packet: TcpPacket): boolean {
    const start = (packet.seq + 1) | 0;
    const side = flow.sides[from];
    if (flow.closed) return false;
    if (side.known && side.start !== start) {
      // A SYN that was never answered, or a start that was only inferred, is easily replaced.
      if (flow.id !== 0 || side.packets > 1) return false;
      if (side.next !== side.start || side.held.length > 0) return false;
    }
    if (flow.id === 0) flow.client = (packet.flags & TCP_FLAG.ack) === 0 ? from : from === 0 ? 1 : 0;
    flow.handshake = true;
    if (!side.known || side.start !== start) side.begin(start);
    return true;
  }

  /** Whether a packet shows that the same endpoints have begun a new connection (RFC 9293 §3.6.1, RFC 6191). */
  #isReuse(flow: Flow, from: 0 | 1, packet: TcpPacket): boolean {
    const side = flow.sides[from];
    const start = (packet.seq + 1) | 0;
    if ((packet.flags & TCP_FLAG.syn) === 0) {
      if (flow.reuseSide === from && packet.seq === flow.reuseStart && packet.payloadBytes > 0) return true;
      if (!flow.closed || packet.payloadBytes === 0) return false;
      return !side.known || Math.abs(distance(side.next, packet.seq)) > this.#limits.windowBytes;
    }
    if (side.known && side.start === start) return false;
    if (flow.closed) return true;
    if ((packet.flags & TCP_FLAG.ack) !== 0) {
      return flow.reuseSide !== from && flow.reuseSide >= 0 && packet.ack === flow.reuseStart;
    }
    // Anybody can send a SYN: on an open connection only its answer proves it.
    flow.reuseSide = from;
    flow.reuseStart = start;
    return false;
  }

  #replace(flow: Flow, packet: TcpPacket, hash: number): void {
    const { reuseSide, reuseStart } = flow;
    this.counts.portReuses++;
    if (!flow.closed) this.#close(flow, undefined);
    this.#drop(flow);
    const next = this.#begin(packet, hash);
    if (next === undefined) return;
    if (reuseSide >= 0) {
      // The SYN came before; whoever sends this now is side 0.
      const sender = flow.sideOf(packet);
      next.client = sender === reuseSide ? 0 : 1;
      next.handshake = true;
      next.sides[next.client].begin(reuseStart);
    }
    this.#take(next, packet, hash);
  }

  /** @returns whether the number can be believed */
  #acknowledge(flow: Flow, side: Side, peer: Side, ack: number): boolean {
    if (!peer.known) {
      // What it sends from now on begins here.
      peer.begin(ack);
      return true;
    }
    const ahead = distance(after(peer.acked, peer.next) ? peer.acked : peer.next, ack);
    if (ahead <= 0) {
      if (after(ack, peer.acked)) peer.acked = ack;
      return true;
    }
    if (ahead > this.#limits.windowBytes && this.#isStrange(side)) return false;
    peer.acked = ack;
    if (peer.provenMicros === 0) peer.provenMicros = this.#streams.now;
    this.#streams.waiting.add(flow);
    const { now } = this.#streams;
    const isOneSided = peer.packets === 0 && side.packets > ONE_SIDED_PACKETS;
    if (isOneSided && now - flow.beganMicros >= this.#limits.reorderMicros) {
      peer.provenMicros = LONG_AGO;
      this.#streams.overdue(flow);
    }
    return true;
  }

  #isStrange(side: Side): boolean {
    if (++side.strange >= STRANGE_MAX) {
      side.strange = 0;
      return false;
    }
    this.counts.outOfWindow++;
    return true;
  }

  #payload(flow: Flow, from: 0 | 1, packet: TcpPacket, seq: number, ack: number | undefined): void {
    const side = flow.sides[from];
    const peer = flow.sides[from ^ 1] as Side;
    const end = (seq + packet.payloadBytes) | 0;
    if (!side.known) side.begin(seq);
    const offset = distance(side.next, seq);
    if (!after(end, side.next)) {
      this.#countOld(packet);
      return;
    }
    if (offset > this.#limits.windowBytes && after(seq, side.acked) && this.#isStrange(side)) return;
    if (offset <= 0) side.strange = 0;
    if (flow.muted) side.next = end;
    if (flow.muted || side.ended) return;
    if (offset < 0) this.counts.overlaps++;
    else if (offset > 0) this.counts.outOfOrder++;
    if (flow.id === 0) this.#openFlow(flow, from, packet);
    if (offset <= 0 && side.held.length === 0 && (ack === undefined || !after(ack, peer.next)))
      this.#streams.pass(flow, from, packet, offset, end);
    else this.#streams.hold(flow, from, packet, seq, end, ack);
  }

  #finish(flow: Flow, side: Side, packet: TcpPacket, seq: number, ack: number | undefined): void {
    const fin = (seq + packet.payloadBytes) | 0;
    if (!side.known) side.begin(fin);
    // The number that was acknowledged before was that of this FIN, which comes late.
    if (side.phantom && fin === ((side.next - 1) | 0)) this.#streams.endPhantom(flow, side);
    if (side.fin !== undefined || side.ended || after(side.next, fin)) return;
    if (Math.abs(distance(side.next, fin)) > this.#limits.windowBytes) {
      this.counts.outOfWindow++;
      return;
    }
    side.fin = fin;
    side.finAck = ack;
    this.#streams.waiting.add(flow);
    this.#streams.drain(flow);
  }

  #reset(flow: Flow, from: 0 | 1, packet: TcpPacket): void {
    const side = flow.sides[from];
    const offset = side.known ? distance(side.next, packet.seq) : 0;
    // One that answers a SYN has the number 0; others must be near (RFC 5961 §3).
    const answersSyn = flow.id === 0;
    if (!answersSyn && (offset < -65_536 || offset > this.#limits.windowBytes)) {
      this.counts.outOfWindow++;
      return;
    }
    this.counts.resets++;
    this.#close(flow, from);
  }

  #sweep(): void {
    const { now, waiting } = this.#streams;
    this.#nextSweep = now + SWEEP_MICROS;
    this.#untilSweep = waiting.size >> 3;
    for (const flow of waiting) this.#streams.overdue(flow);
    this.#expire(this.#open, this.#limits.idleMicros);
    this.#expire(this.#quiet, this.#limits.settleMicros);
  }

  #expire(list: FlowList, micros: number): void {
    while (list.oldest !== undefined && this.#streams.now - list.oldest.lastMicros >= micros)
      this.#leave(list.oldest, 'idle');
  }

  #openFlow(flow: Flow, from: 0 | 1, packet: TcpPacket): void {
    const serverBy = this.#chooseClient(flow, from, packet);
    const { counts } = this;
    counts.opened++;
    counts.serverBy[serverBy]++;
    if (!flow.handshake) counts.midstream++;
    flow.id = ++this.#ids;
    this.#byId.set(flow.id, flow);
    this.#open.touch(flow);
    flow.connection = new TcpConnection(flow.id, !flow.handshake, serverBy, packet, flow.client === from);
    this.#events.open(flow.connection, packet.micros);
  }

  #chooseClient(flow: Flow, from: 0 | 1, packet: TcpPacket): ServerBy {
    if (flow.client >= 0) return 'syn';
    const other = from === 0 ? 1 : 0;
    const toServer = this.#serverPorts.has(packet.destinationPort);
    if (toServer !== this.#serverPorts.has(packet.sourcePort)) {
      flow.client = toServer ? from : other;
      return 'ports';
    }
    const sender = senderOf(packet.bytes.subarray(packet.payloadStart, packet.payloadEnd));
    if (sender !== undefined) {
      flow.client = sender === 'client' ? from : other;
      return 'bytes';
    }
    flow.client = packet.sourcePort < packet.destinationPort ? other : from;
    return 'guess';
  }

  #close(flow: Flow, reset: 0 | 1 | undefined): void {
    if (reset !== undefined) this.#streams.flush(flow);
    if (flow.closed) return;
    flow.closed = true;
    this.#streams.forget(flow);
    if (flow.id === 0) return;
    this.counts.closed++;
    this.#byId.delete(flow.id);
    this.#quiet.touch(flow);
    this.#events.close(
      flow.id,
      reset === undefined ? undefined : directionOf(flow, reset),
      this.#streams.now,
    );
  }

  #leave(flow: Flow, reason: LeaveReason): void {
    if (flow.id !== 0 && !flow.closed) {
      this.#streams.flush(flow);
      if (!flow.closed) {
        this.counts.left[reason]++;
        flow.closed = true;
        this.#events.leave(flow.id, this.#streams.now);
      }
    }
    this.#drop(flow);
  }

  #drop(flow: Flow): void {
    this.#streams.forget(flow);
    this.#byId.delete(flow.id);
    flow.list?.remove(flow);
    this.#table.remove(flow);
  }

  #countOld(packet: TcpPacket): void {
    // One byte before what comes next: only to see whether the other side is there (RFC 9293 §3.8.4).
    if (packet.payloadBytes === 0) return;
    if (packet.payloadBytes === 1) this.counts.keepAlives++;
    else {
      if (this.#repeated) this.counts.duplicates++;
      else this.counts.retransmitted++;
      this.counts.duplicateBytes += packet.payloadBytes;
    }
  }
}
