import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import type { Clock } from '../kit/clock.ts';
import { epochMicros } from '../kit/clock.ts';
import { UserError, messageOf } from '../kit/errors.ts';
import type { Logger } from '../kit/log.ts';
import type { CaptureSourceSettings } from '../model/capture.ts';
import { u24be } from '../wire/integers.ts';
import { socketDrops } from './socket-drops.ts';
import { createSourceCounts } from './source.ts';
import type { CaptureSink, CaptureSource } from './source.ts';

type TunnelSettings = Extract<CaptureSourceSettings, { kind: 'vxlan' | 'geneve' }>;

/**
 * Sockets that share the address. The kernel spreads datagrams over them by their source ports, which senders choose by the
 * inner connection (RFC 7348 §5, RFC 8926 §3.3), and each has a receive buffer of its own, of which `net.core.rmem_max` bounds
 * the size. So as many are opened as it takes to get the room that was asked for, within these bounds: what a thread that does
 * not run for a while loses is a matter of room alone.
 */
const SOCKETS_MIN = 4;
const SOCKETS_MAX = 16;
const LOOK_MS = 1000;
/** Flags, identifier: the header of both, without options. */
const HEAD_BYTES = 8;
/** Where both have the network identifier. */
const VNI_AT = 4;

/**
 * Datagrams of mirror sessions: VXLAN (RFC 7348, port 4789) as AWS VPC Traffic Mirroring and Linux devices send it, or GENEVE
 * (RFC 8926, port 6081). It needs no rights. A datagram costs about 3 µs here, by `node:dgram`; its handles without the events
 * are no cheaper. Where that is too much, or the kernel's limit of receive buffers too small, the interface that the datagrams
 * come in on can be captured instead, with the filter `udp dst port 4789`.
 */
export class TunnelSource implements CaptureSource {
  readonly counts = createSourceCounts();
  readonly patient = false;
  readonly #settings: TunnelSettings;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #vnis: ReadonlySet<number>;
  readonly #sockets: Socket[] = [];
  #address: { readonly ip: string; readonly port: number } | undefined;
  #bufferBytes = 0;
  #stopLooking: () => void = () => {};
  #batching = false;
  #stopped = false;
  #sink: CaptureSink | undefined;

  constructor(settings: TunnelSettings, clock: Clock, log: Logger) {
    this.#settings = settings;
    this.#clock = clock;
    this.#log = log;
    this.#vnis = new Set(settings.vnis);
  }

  get description(): string {
    const { kind } = this.#settings;
    if (this.#address === undefined) return kind;
    const { ip, port } = this.#address;
    return `${kind} on ${isIPv6(ip) ? `[${ip}]` : ip}:${port}`;
  }

  /** Where it listens; with port 0 the kernel has chosen one. Undefined before `start`. */
  get address(): { readonly ip: string; readonly port: number } | undefined {
    return this.#address;
  }

  async start(sink: CaptureSink): Promise<void> {
    const { listen } = this.#settings;
    if (listen.kind !== 'tcp')
      throw new UserError(`${this.#settings.kind} needs an address with a port`, { where: listen.path });
    try {
      await this.#listen(listen.host, listen.port);
    } catch (error) {
      await this.#close();
      throw new UserError(`${listen.host}:${listen.port} cannot be listened on: ${messageOf(error)}`, {
        code: 'unavailable',
        where: `${listen.host}:${listen.port}`,
        hint: 'A kernel device may have the port already: ip -details link show type vxlan.',
        cause: error,
      });
    }
    if (this.#stopped) {
      await this.#close();
      sink.end(undefined);
      return;
    }
    this.#sink = sink;
    for (const socket of this.#sockets) socket.on('message', (datagram) => this.#take(datagram));
    this.#stopLooking = this.#clock.every(LOOK_MS, () => void this.#look());
    this.#sayBuffer();
  }

  pause(): void {}

  resume(): void {}

  async [Symbol.asyncDispose](): Promise<void> {
    const sink = this.#sink;
    this.#stopped = true;
    this.#sink = undefined;
    this.#stopLooking();
    if (sink !== undefined) await this.#countDrops();
    await this.#close();
    sink?.end(undefined);
  }

  async #listen(host: string, port: number): Promise<void> {
    // Sharing an address is meant for ourselves: with somebody else there, each would get a part.
    const alone = await bound(host, port, false, 0);
    const { address, port: chosen } = alone.address();
    await closed(alone);
    const { bufferBytes } = this.#settings;
    const first = await bound(address, chosen, true, bufferBytes);
    this.#sockets.push(first);
    // The kernel doubles what it is asked for, for its own needs, and says the double.
    const granted = first.getRecvBufferSize() / 2;
    const sockets = Math.min(SOCKETS_MAX, Math.max(SOCKETS_MIN, Math.ceil(bufferBytes / granted)));
    while (this.#sockets.length < sockets)
      this.#sockets.push(await bound(address, chosen, true, bufferBytes));
    this.#address = { ip: address, port: chosen };
    this.#bufferBytes = granted * sockets;
  }

  #take(datagram: Buffer): void {
    const sink = this.#sink;
    if (sink === undefined) return;
    if (this.#vnis.size > 0 && datagram.length >= HEAD_BYTES && !this.#vnis.has(u24be(datagram, VNI_AT))) {
      this.counts.lost.vni++;
      return;
    }
    this.counts.packets++;
    this.counts.bytes += datagram.length;
    if (this.#settings.kind === 'vxlan') sink.vxlan(datagram, epochMicros());
    else sink.geneve(datagram, epochMicros());
    if (this.#batching) return;
    this.#batching = true;
    // After what came together has been read.
    setImmediate(() => {
      this.#batching = false;
      this.#sink?.batch(epochMicros());
    });
  }

  async #look(): Promise<void> {
    this.#sink?.batch(epochMicros());
    await this.#countDrops();
  }

  async #countDrops(): Promise<void> {
    if (this.#address === undefined) return;
    const drops = await socketDrops(this.#address.ip, this.#address.port);
    this.counts.lost.kernel = Math.max(this.counts.lost.kernel, drops ?? 0);
  }

  #sayBuffer(): void {
    const bytes = this.#bufferBytes;
    if (bytes >= this.#settings.bufferBytes) return;
    this.#log.warn('the receive buffers are smaller than asked for: net.core.rmem_max bounds them', {
      source: this.description,
      bytes,
      asked: this.#settings.bufferBytes,
    });
  }

  async #close(): Promise<void> {
    await Promise.all(this.#sockets.splice(0).map(closed));
  }
}

async function bound(host: string, port: number, shared: boolean, bufferBytes: number): Promise<Socket> {
  const type = host.includes(':') ? 'udp6' : 'udp4';
  const socket = createSocket(
    bufferBytes === 0 ? { type } : { type, reusePort: shared, recvBufferSize: bufferBytes },
  );
  try {
    socket.bind(port, host);
    await once(socket, 'listening');
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

async function closed(socket: Socket): Promise<void> {
  const over = once(socket, 'close');
  socket.close();
  await over;
}
