import type { TcpPacket } from '../packet/packet.ts';
import type { TcpConnection } from './connection.ts';
import { Side } from './side.ts';

/** Two endpoints that exchange packets, and what is known of their streams. Side 0 is where the first packet came from. */
export class Flow {
  readonly hash: number;
  readonly version: 4 | 6;
  readonly a0: number;
  readonly a1: number;
  readonly a2: number;
  readonly a3: number;
  readonly b0: number;
  readonly b1: number;
  readonly b2: number;
  readonly b3: number;
  readonly network: number;
  readonly aPort: number;
  readonly bPort: number;
  readonly sides: readonly [Side, Side] = [new Side(), new Side()];
  /** Number in events; 0 before the first payload. */
  id = 0;
  connection: TcpConnection | undefined = undefined;
  /** The side that is the client, or -1. */
  client: 0 | 1 | -1 = -1;
  handshake = false;
  closed = false;
  /** Nobody wants the bytes. */
  muted = false;
  /** A SYN on an open connection, until the answer shows that it was meant: its side and its first sequence number. */
  reuseSide: 0 | 1 | -1 = -1;
  reuseStart = 0;
  /** Times of its first packet and its last. */
  beganMicros = 0;
  lastMicros = 0;
  /** Next one with the same hash. */
  chain: Flow | undefined = undefined;
  /** Neighbours in the list it is in. */
  older: Flow | undefined = undefined;
  newer: Flow | undefined = undefined;
  list: FlowList | undefined = undefined;

  constructor(packet: TcpPacket, hash: number) {
    this.hash = hash;
    this.version = packet.version;
    this.a0 = packet.source0;
    this.a1 = packet.source1;
    this.a2 = packet.source2;
    this.a3 = packet.source3;
    this.b0 = packet.destination0;
    this.b1 = packet.destination1;
    this.b2 = packet.destination2;
    this.b3 = packet.destination3;
    this.network = packet.network;
    this.aPort = packet.sourcePort;
    this.bPort = packet.destinationPort;
  }

  /** The side that has sent this packet, or -1 when it belongs to other endpoints. */
  sideOf(packet: TcpPacket): 0 | 1 | -1 {
    if (packet.version !== this.version || packet.network !== this.network) return -1;
    if (
      packet.sourcePort === this.aPort &&
      packet.destinationPort === this.bPort &&
      packet.source0 === this.a0 &&
      packet.destination0 === this.b0 &&
      packet.source1 === this.a1 &&
      packet.source2 === this.a2 &&
      packet.source3 === this.a3 &&
      packet.destination1 === this.b1 &&
      packet.destination2 === this.b2 &&
      packet.destination3 === this.b3
    )
      return 0;
    if (
      packet.sourcePort === this.bPort &&
      packet.destinationPort === this.aPort &&
      packet.source0 === this.b0 &&
      packet.destination0 === this.a0 &&
      packet.source1 === this.b1 &&
      packet.source2 === this.b2 &&
      packet.source3 === this.b3 &&
      packet.destination1 === this.a1 &&
      packet.destination2 === this.a2 &&
      packet.destination3 === this.a3
    )
      return 1;
    return -1;
  }
}

/** Flows by how long ago their last packet was. */
export class FlowList {
  oldest: Flow | undefined = undefined;
  newest: Flow | undefined = undefined;
  size = 0;

  /** Makes a flow the newest of this list, from wherever it is. */
  touch(flow: Flow): void {
    if (this.newest === flow) return;
    flow.list?.remove(flow);
    flow.older = this.newest;
    flow.newer = undefined;
    flow.list = this;
    if (this.newest === undefined) this.oldest = flow;
    else this.newest.newer = flow;
    this.newest = flow;
    this.size++;
  }

  remove(flow: Flow): void {
    if (flow.older === undefined) this.oldest = flow.newer;
    else flow.older.newer = flow.newer;
    if (flow.newer === undefined) this.newest = flow.older;
    else flow.newer.older = flow.older;
    flow.older = undefined;
    flow.newer = undefined;
    flow.list = undefined;
    this.size--;
  }
}

/** Most flows with one hash; an attacker who finds more of them loses the oldest. */
const CHAIN_MAX = 32;

/** Finds flows by their endpoints, whichever side sends. */
export class FlowTable {
  readonly #chains = new Map<number, Flow>();
  /** Nobody outside can tell which endpoints collide. */
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed | 0;
  }

  hashOf(packet: TcpPacket): number {
    const source = mix(
      mix(packet.source0 ^ this.#seed, packet.sourcePort),
      packet.version === 4 ? 0 : mix(packet.source1, mix(packet.source2, packet.source3)),
    );
    const destination = mix(
      mix(packet.destination0 ^ this.#seed, packet.destinationPort),
      packet.version === 4 ? 0 : mix(packet.destination1, mix(packet.destination2, packet.destination3)),
    );
    // The same for both directions.
    return mix((source + destination) | 0, source ^ destination ^ packet.network) & 0x3fffffff;
  }

  find(packet: TcpPacket, hash: number): Flow | undefined {
    let flow = this.#chains.get(hash);
    while (flow !== undefined && flow.sideOf(packet) < 0) flow = flow.chain;
    return flow;
  }

  /** @returns the flow that has to go, so that chains stay short */
  add(flow: Flow): Flow | undefined {
    const first = this.#chains.get(flow.hash);
    flow.chain = first;
    this.#chains.set(flow.hash, flow);
    let last = first;
    for (let i = 1; last?.chain !== undefined; i++) {
      last = last.chain;
      if (i === CHAIN_MAX) return last;
    }
    return undefined;
  }

  remove(flow: Flow): void {
    const first = this.#chains.get(flow.hash);
    if (first === flow) {
      if (flow.chain === undefined) this.#chains.delete(flow.hash);
      else this.#chains.set(flow.hash, flow.chain);
    } else {
      let before = first;
      while (before !== undefined && before.chain !== flow) before = before.chain;
      if (before !== undefined) before.chain = flow.chain;
    }
    flow.chain = undefined;
  }
}

/** Two rounds of multiply and shift, after MurmurHash3's finaliser (Appleby, public domain). */
function mix(a: number, b: number): number {
  let h = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ Math.imul(b, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 13), 0x9e3779b1);
  return h ^ (h >>> 16);
}
