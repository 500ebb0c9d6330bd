/** A segment that waits: `bytes` is the beginning of what it had on the network, `[seq, end)`. */
export interface HeldSegment {
  readonly seq: number;
  readonly end: number;
  readonly bytes: Uint8Array;
  /** What its sender had read when it sent this; undefined without ACK. */
  readonly ack: number | undefined;
  readonly micros: number;
}

/** Which bytes count when two segments bring different ones for the same place and neither has been handed out. */
export type OverlapPolicy = 'first' | 'last';

/** Sequence numbers are 32-bit integers that wrap around (RFC 9293 §3.4): only differences mean something. */
export function after(a: number, b: number): boolean {
  return ((a - b) | 0) > 0;
}

export function distance(from: number, to: number): number {
  return (to - from) | 0;
}

/** One side of a connection: what it has sent, and how far the other one has read. */
export class Side {
  /** Packets that came from here. */
  packets = 0;
  known = false;
  /** First sequence number with payload, and the next to hand out. */
  start = 0;
  next = 0;
  /** The other side has everything before this; valid when `known`. */
  acked = 0;
  /** Since when `acked` has been ahead of `next`; 0 when it is not. */
  provenMicros = 0;
  fin: number | undefined = undefined;
  finAck: number | undefined = undefined;
  ended = false;
  /** One number was acknowledged that may be a lost FIN, or a lost byte. */
  phantom = false;
  /** Segments in a row that were out of the window. */
  strange = 0;
  held: HeldSegment[] = NONE;
  heldBytes = 0;

  begin(seq: number): void {
    this.known = true;
    this.start = seq;
    this.next = seq;
    this.acked = seq;
    this.provenMicros = 0;
  }

  /** Keeps a segment in order of sequence. The caller has made sure that it is near. */
  hold(segment: HeldSegment, policy: OverlapPolicy): 'apart' | 'overlap' | 'conflict' {
    if (this.held === NONE) this.held = [];
    const { held } = this;
    const last = held.at(-1);
    if (last === undefined || !after(last.end, segment.seq)) {
      held.push(segment);
      this.heldBytes += segment.bytes.length;
      return 'apart';
    }
    const from = firstEndingAfter(held, segment.seq);
    let to = from;
    while (to < held.length && after(segment.end, (held[to] as HeldSegment).seq)) to++;
    if (from === to) {
      held.splice(from, 0, segment);
      this.heldBytes += segment.bytes.length;
      return 'apart';
    }
    const others = held.slice(from, to);
    const pieces = merged(segment, others, policy);
    held.splice(from, to - from, ...pieces);
    this.heldBytes += bytesIn(pieces) - bytesIn(others);
    return others.some((other) => differ(segment, other)) ? 'conflict' : 'overlap';
  }

  /** Takes the first segments off. */
  release(count: number): void {
    if (count === 0) return;
    for (let i = 0; i < count; i++) this.heldBytes -= this.held[i]?.bytes.length ?? 0;
    if (count === this.held.length) this.held = NONE;
    else this.held.splice(0, count);
  }
}

/** Most connections never hold anything. */
const NONE: HeldSegment[] = [];

function firstEndingAfter(held: readonly HeldSegment[], seq: number): number {
  let low = 0;
  let high = held.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (after((held[middle] as HeldSegment).end, seq)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** A segment and those that it overlaps with, as pieces in order that do not overlap. */
function merged(
  segment: HeldSegment,
  others: readonly HeldSegment[],
  policy: OverlapPolicy,
): readonly HeldSegment[] {
  const pieces: HeldSegment[] = [];
  let at = segment.seq;
  for (const other of others) {
    if (after(other.seq, at)) pieces.push(part(segment, at, other.seq));
    if (after(at, other.seq)) pieces.push(part(other, other.seq, at));
    const from = after(other.seq, at) ? other.seq : at;
    at = after(other.end, segment.end) ? segment.end : other.end;
    pieces.push(common(part(other, from, at), part(segment, from, at), policy));
    if (after(other.end, at)) pieces.push(part(other, at, other.end));
  }
  if (after(segment.end, at)) pieces.push(part(segment, at, segment.end));
  return pieces;
}

/** What two bring for the same place: whatever was captured of it, and as early as the earlier one was sent. */
function common(old: HeldSegment, young: HeldSegment, policy: OverlapPolicy): HeldSegment {
  const more = young.bytes.length - old.bytes.length;
  const { seq, end, bytes, micros } = more > 0 || (more === 0 && policy === 'last') ? young : old;
  // Sent again, it acknowledges more than when it was sent first.
  const both = old.ack !== undefined && young.ack !== undefined;
  const ack = both && after(old.ack, young.ack) ? young.ack : both ? old.ack : undefined;
  return { seq, end, bytes, ack, micros };
}

function part(segment: HeldSegment, from: number, to: number): HeldSegment {
  const { seq, bytes, ack, micros } = segment;
  return {
    seq: from,
    end: to,
    bytes: bytes.subarray(distance(seq, from), distance(seq, to)),
    ack,
    micros,
  };
}

function bytesIn(segments: readonly HeldSegment[]): number {
  let bytes = 0;
  for (const segment of segments) bytes += segment.bytes.length;
  return bytes;
}

/** Whether two segments bring different bytes for a place that both have. */
function differ(a: HeldSegment, b: HeldSegment): boolean {
  const from = after(a.seq, b.seq) ? a.seq : b.seq;
  const aEnd = (a.seq + a.bytes.length) | 0;
  const bEnd = (b.seq + b.bytes.length) | 0;
  const length = distance(from, after(aEnd, bEnd) ? bEnd : aEnd);
  if (length <= 0) return false;
  const inA = a.bytes.subarray(distance(a.seq, from));
  const inB = b.bytes.subarray(distance(b.seq, from));
  return Buffer.compare(inA.subarray(0, length), inB.subarray(0, length)) !== 0;
}
