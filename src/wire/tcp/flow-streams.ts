import { copyOf } from '../integers.ts';
import type { TcpPacket } from '../packet/packet.ts';
import type { MissingReason, TcpCounts, TcpDirection, TcpEvents } from './events.ts';
import type { Flow } from './flow.ts';
import type { TcpLimits } from './limits.ts';
import { after, distance } from './side.ts';
import type { HeldSegment, OverlapPolicy, Side } from './side.ts';

/** Once both sides have ended. */
type CloseFlow = (flow: Flow) => void;

/** Hands out the bytes of flows in order, keeps those that come early, and decides when missing ones are a gap. */
export class FlowStreams {
  /** Time of the latest packet. */
  now = 0;
  /** Memory of what waits, bytes. */
  heldBytes = 0;
  /** Flows with something that waits, the longest first. */
  readonly waiting = new Set<Flow>();
  readonly #events: TcpEvents;
  readonly #counts: TcpCounts;
  readonly #limits: TcpLimits;
  readonly #overlap: OverlapPolicy;
  readonly #close: CloseFlow;

  constructor(
    events: TcpEvents,
    counts: TcpCounts,
    limits: TcpLimits,
    overlap: OverlapPolicy,
    close: CloseFlow,
  ) {
    this.#events = events;
    this.#counts = counts;
    this.#limits = limits;
    this.#overlap = overlap;
    this.#close = close;
  }

  /**
   * Takes the payload of a packet that comes next, or overlaps with what came before, and has to wait for nothing.
   *
   * @param offset where it begins, from what comes next on: at most 0
   * @param end sequence number behind it
   */
  pass(flow: Flow, from: 0 | 1, packet: TcpPacket, offset: number, end: number): void {
    const { bytes, payloadStart, payloadEnd, micros } = packet;
    this.#deliver(flow, from, bytes, payloadStart - offset, payloadEnd, end, micros);
    if (flow.sides[from].fin !== undefined || flow.sides[from ^ 1]?.held.length !== 0) this.drain(flow);
  }

  /** Keeps a packet's payload until it can be handed out. */
  hold(flow: Flow, from: 0 | 1, packet: TcpPacket, seq: number, end: number, ack: number | undefined): void {
    const side = flow.sides[from];
    const segment: HeldSegment = {
      seq,
      end,
      bytes: copyOf(packet.bytes, packet.payloadStart, packet.payloadEnd),
      ack,
      micros: packet.micros,
    };
    const before = side.heldBytes;
    const overlap = side.hold(segment, this.#overlap);
    this.heldBytes += side.heldBytes - before;
    if (overlap !== 'apart') this.#counts.overlaps++;
    if (overlap === 'conflict') {
      this.#counts.conflicts++;
      if (flow.connection !== undefined) flow.connection.conflicts++;
    }
    this.waiting.add(flow);
    this.drain(flow);
    while (side.held.length > this.#limits.sideSegments || side.heldBytes > this.#limits.sideBytes)
      this.force(flow, 'limit');
    while (this.heldBytes > this.#limits.heldBytes) {
      const [longest] = this.waiting;
      if (longest === undefined) return;
      if (heldSegments(longest) > 0) this.force(longest, 'limit');
      else {
        // It waits, and holds nothing: somebody behind it does.
        this.waiting.delete(longest);
        this.waiting.add(longest);
      }
    }
  }

  /** Hands out everything that is in order, of both sides. */
  drain(flow: Flow): void {
    let moved = true;
    while (moved && !flow.closed) {
      moved = this.#drainSide(flow, 0);
      if (!flow.closed && this.#drainSide(flow, 1)) moved = true;
    }
    if (!flow.closed && !waits(flow)) this.waiting.delete(flow);
  }

  /** Gives up what is missing before a sequence number. */
  skipTo(flow: Flow, side: Side, seq: number, reason: MissingReason): void {
    let until = seq;
    const first = side.held[0];
    if (first !== undefined && after(until, first.seq)) until = first.seq;
    // A FIN has a number of its own, and no byte.
    if (side.fin !== undefined && after(until, side.fin)) until = side.fin;
    const bytes = distance(side.next, until);
    if (bytes <= 0) return;
    side.next = until;
    side.provenMicros = after(side.acked, until) ? this.now : 0;
    if (bytes === 1 && first === undefined && side.fin === undefined) {
      side.phantom = true;
      return;
    }
    const why = after(until, side.acked) ? reason : 'lost';
    const direction = directionOf(flow, flow.sides[0] === side ? 0 : 1);
    const known = side.phantom ? bytes + 1 : bytes;
    side.phantom = false;
    this.#missing(flow, direction, known, why, this.now);
  }

  /** What was acknowledged and had not come was this side's FIN. */
  endPhantom(flow: Flow, side: Side): void {
    side.phantom = false;
    side.fin = (side.next - 1) | 0;
    this.#end(flow, flow.sides[0] === side ? 0 : 1);
  }

  /** Makes way for the first that waits on each side. */
  force(flow: Flow, reason: MissingReason): void {
    const before = heldSegments(flow);
    for (const side of flow.sides) {
      const peer = (flow.sides[0] === side ? flow.sides[1] : flow.sides[0]) as Side;
      const first = side.held[0];
      if (first !== undefined) {
        this.skipTo(flow, side, first.seq, reason);
        if (first.ack !== undefined) this.skipTo(flow, peer, first.ack, 'lost');
      } else if (side.fin !== undefined && !side.ended) this.skipTo(flow, side, side.fin, reason);
      side.finAck = undefined;
    }
    this.drain(flow);
    if (before === 0 || heldSegments(flow) < before) return;
    this.#untie(flow);
    if (heldSegments(flow) >= before) this.forget(flow);
  }

  /** Two that wait for each other, as when one was sent again with a later acknowledgement: the earlier one goes first. */
  #untie(flow: Flow): void {
    const [a, b] = flow.sides;
    const firstOfA = a.held[0];
    const firstOfB = b.held[0];
    const side = firstOfB !== undefined && (firstOfA?.micros ?? Infinity) > firstOfB.micros ? b : a;
    const first = side.held[0];
    if (first !== undefined) side.held[0] = { ...first, ack: undefined };
    this.drain(flow);
  }

  /** Gives up what this flow has waited for too long for. */
  overdue(flow: Flow): void {
    const [a, b] = flow.sides;
    if (this.#isExpired(a) || this.#isExpired(b)) {
      this.force(flow, 'expired');
      return;
    }
    if (this.#isTied(a, b)) this.#untie(flow);
    // One gap may let out a segment that tells of the next.
    while (this.#skipProven(flow, a, b) || this.#skipProven(flow, b, a)) this.drain(flow);
    if (!waits(flow)) this.waiting.delete(flow);
  }

  #isTied(a: Side, b: Side): boolean {
    const firstOfA = a.held[0];
    const firstOfB = b.held[0];
    if (firstOfA?.seq !== a.next || firstOfB?.seq !== b.next) return false;
    if (!isBlocked(b, firstOfA.ack) || !isBlocked(a, firstOfB.ack)) return false;
    return this.now - Math.max(firstOfA.micros, firstOfB.micros) >= this.#limits.reorderMicros;
  }

  #isExpired(side: Side): boolean {
    const first = side.held[0];
    return first !== undefined && this.now - first.micros >= this.#limits.holeMicros;
  }

  /** Bytes that the peer has acknowledged, and that are not late but lost. */
  #skipProven(flow: Flow, side: Side, peer: Side): boolean {
    if (!side.known || !after(side.acked, side.next)) return false;
    if (side.provenMicros === 0) side.provenMicros = this.now;
    if (this.now - side.provenMicros < this.#limits.reorderMicros) return false;
    const next = peer.held[0];
    // Where both miss bytes, a question went before its answer: whoever goes on first tells of its own gap first.
    if (next !== undefined && after(next.seq, peer.next) && isBlocked(side, next.ack)) return false;
    // As far as the next segment knew, so that each comes after the bytes that it answers.
    const inTurn = next?.ack !== undefined && isBlocked(side, next.ack) && after(side.acked, next.ack);
    const proven = side.provenMicros;
    const before = side.next;
    this.skipTo(flow, side, inTurn ? next.ack : side.acked, 'lost');
    // What is left was missed as long ago.
    if (side.provenMicros !== 0) side.provenMicros = proven;
    // What is acknowledged and is no byte is a FIN.
    return side.next !== before;
  }

  /** Lets out what waits, with gaps for what did not come. */
  flush(flow: Flow): void {
    while (!flow.closed && heldSegments(flow) > 0) this.force(flow, 'over');
    if (flow.closed) return;
    for (const side of flow.sides)
      if (side.known && after(side.acked, side.next)) this.skipTo(flow, side, side.acked, 'lost');
  }

  /** Nothing of this flow waits any more. */
  forget(flow: Flow): void {
    for (const side of flow.sides) this.#release(side, side.held.length);
    this.waiting.delete(flow);
  }

  #drainSide(flow: Flow, from: 0 | 1): boolean {
    const side = flow.sides[from];
    const peer = flow.sides[from ^ 1] as Side;
    const { held } = side;
    let done = 0;
    while (done < held.length) {
      const segment = held[done] as HeldSegment;
      const offset = distance(side.next, segment.seq);
      const old = !after(segment.end, side.next);
      if (offset > 0 || (!old && isBlocked(peer, segment.ack))) break;
      done++;
      if (old) continue;
      const { bytes } = segment;
      this.#deliver(flow, from, bytes, -offset, bytes.length, segment.end, segment.micros);
      if (flow.muted) return false;
    }
    this.#release(side, done);
    if (side.fin !== side.next || side.ended || isBlocked(peer, side.finAck)) return done > 0;
    side.next = (side.next + 1) | 0;
    this.#end(flow, from);
    return true;
  }

  #end(flow: Flow, from: 0 | 1): void {
    const side = flow.sides[from];
    const peer = flow.sides[from ^ 1] as Side;
    side.ended = true;
    // Nothing can come behind the end.
    this.#release(side, side.held.length);
    if (flow.id !== 0) this.#events.end(flow.id, directionOf(flow, from), this.now);
    if (!flow.closed && (peer.ended || peer.phantom)) this.#close(flow);
  }

  #release(side: Side, count: number): void {
    const before = side.heldBytes;
    side.release(count);
    this.heldBytes += side.heldBytes - before;
  }

  /** Bytes of a side from `side.next` on: those at `[start, end)`, and what is missing of them up to `until`. */
  #deliver(
    flow: Flow,
    from: 0 | 1,
    bytes: Uint8Array,
    start: number,
    end: number,
    until: number,
    micros: number,
  ): void {
    const side = flow.sides[from];
    const direction = directionOf(flow, from);
    if (side.phantom) {
      // The number that was acknowledged was a byte after all.
      side.phantom = false;
      this.#missing(flow, direction, 1, 'lost', micros);
    }
    const length = end > start ? end - start : 0;
    const missing = distance(side.next, until) - length;
    side.next = until;
    if (side.provenMicros !== 0) side.provenMicros = after(side.acked, until) ? this.now : 0;
    if (length > 0) {
      const chunk = new Uint8Array(bytes.buffer, bytes.byteOffset + start, length);
      this.#events.data(flow.id, direction, chunk, micros);
    }
    if (missing > 0) this.#missing(flow, direction, missing, 'cut', micros);
  }

  #missing(flow: Flow, direction: TcpDirection, bytes: number, reason: MissingReason, micros: number): void {
    if (flow.muted) return;
    this.#counts.gaps++;
    this.#counts.missingBytes[reason] += bytes;
    // Before the first payload there is nobody to tell: the flow then begins in mid-stream.
    if (flow.id === 0) flow.handshake = false;
    else this.#events.gap(flow.id, direction, bytes, true, micros);
  }
}

export function directionOf(flow: Flow, from: 0 | 1): TcpDirection {
  return flow.client === from ? 0 : 1;
}

/** Whether a sender had read bytes of its peer that have not come yet. */
function isBlocked(peer: Side, ack: number | undefined): boolean {
  return ack !== undefined && after(ack, peer.next);
}

function heldSegments(flow: Flow): number {
  return flow.sides[0].held.length + flow.sides[1].held.length;
}

function waits(flow: Flow): boolean {
  for (const side of flow.sides) {
    if (side.held.length > 0 || (side.fin !== undefined && !side.ended)) return true;
    if (side.known && after(side.acked, side.next)) return true;
  }
  return false;
}
