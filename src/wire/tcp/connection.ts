import { formatIp } from '../../kit/ip.ts';
import type { TcpPacket } from '../packet/packet.ts';
import type { ServerBy } from './events.ts';

/** One connection that was opened: who speaks to whom. Addresses become text when somebody asks. */
export class TcpConnection {
  /** From 1 on; no other connection of the reassembler gets the same. */
  readonly id: number;
  /** The begin was not captured. */
  readonly midstream: boolean;
  readonly serverBy: ServerBy;
  /** Segments that bring other bytes for a place than those before them, so far. */
  conflicts = 0;
  /** As of the first packet: VXLAN, GENEVE or NVGRE identifier, or ERSPAN session, and VLAN; -1 without. */
  readonly vni: number;
  readonly vlan: number;
  readonly clientPort: number;
  readonly serverPort: number;
  readonly #client: Uint8Array;
  readonly #server: Uint8Array;

  constructor(id: number, midstream: boolean, serverBy: ServerBy, packet: TcpPacket, fromClient: boolean) {
    const source = addressOf(packet.version, packet.source0, packet.source1, packet.source2, packet.source3);
    const destination = addressOf(
      packet.version,
      packet.destination0,
      packet.destination1,
      packet.destination2,
      packet.destination3,
    );
    this.id = id;
    this.midstream = midstream;
    this.serverBy = serverBy;
    this.vni = packet.vni;
    this.vlan = packet.vlan;
    this.clientPort = fromClient ? packet.sourcePort : packet.destinationPort;
    this.serverPort = fromClient ? packet.destinationPort : packet.sourcePort;
    this.#client = fromClient ? source : destination;
    this.#server = fromClient ? destination : source;
  }

  get clientIp(): string {
    return formatIp(this.#client);
  }

  get serverIp(): string {
    return formatIp(this.#server);
  }
}

function addressOf(version: 4 | 6, ...words: readonly [number, number, number, number]): Uint8Array {
  const bytes = new Uint8Array(version === 4 ? 4 : 16);
  for (let i = 0; i < bytes.length; i++) bytes[i] = ((words[i >> 2] ?? 0) >>> (24 - (i & 3) * 8)) & 0xff;
  return bytes;
}
