import type { Socket } from 'node:net';
import { systemClock } from '../kit/clock.ts';
import type { Clock } from '../kit/clock.ts';
import type { SocketEnd } from '../model/exchange.ts';
import type { ListenerSettings } from '../model/settings.ts';
import { parseProxyHeader } from './proxy-protocol.ts';
import type { ProxyHeader } from './proxy-protocol.ts';
import type { RelayStream } from './relay.ts';
import { TlsAcceptor } from './tls-acceptor.ts';
import type { Accepted } from './tls-acceptor.ts';
import type { TlsBundle } from './tls-server.ts';

export interface ArrivalEvents {
  arrived(arrived: Arrived): void;
  /** The PROXY header or the TLS handshake failed or took too long; the socket is closed. */
  failed(): void;
}

/** A client whose bytes can be relayed: PROXY header read, TLS handshake done, where the listener asks for them. */
export class Arrived {
  /** Paused; gives plain bytes. */
  readonly socket: RelayStream;
  readonly tls: boolean;
  readonly alpn: string | undefined;
  readonly principal: string | undefined;
  readonly #raw: RelayStream;
  readonly #header: ProxyHeader | undefined;

  constructor(raw: RelayStream, header: ProxyHeader | undefined, accepted: Accepted | undefined) {
    this.#raw = raw;
    this.#header = header;
    this.socket = accepted?.socket ?? raw;
    this.tls = accepted !== undefined;
    this.alpn = accepted?.alpn;
    this.principal = accepted?.principal;
  }

  /** Whether the addresses are those that a proxy in front has told. */
  get proxied(): boolean {
    return this.#header?.kind === 'header' && this.#header.source !== undefined;
  }

  source(): SocketEnd {
    const told = this.#header?.kind === 'header' ? this.#header.source : undefined;
    return told ?? { ip: plainIp(this.#raw.remoteAddress), port: this.#raw.remotePort ?? 0 };
  }

  destination(): SocketEnd {
    const told = this.#header?.kind === 'header' ? this.#header.destination : undefined;
    return told ?? { ip: plainIp(this.#raw.localAddress), port: this.#raw.localPort ?? 0 };
  }
}

interface Waiting {
  readonly raw: Socket;
  /** Bytes of a PROXY header that is not whole yet. */
  bytes: Buffer | undefined;
  header: ProxyHeader | undefined;
  readonly deadline: number;
}

/** Takes accepted connections through what comes before the first byte that is relayed. */
export class Arrivals {
  readonly #events: ArrivalEvents;
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiting>();
  #settings: ListenerSettings;
  #tls: TlsAcceptor | undefined;

  constructor(
    settings: ListenerSettings,
    certificates: TlsBundle | undefined,
    events: ArrivalEvents,
    clock: Clock = systemClock,
  ) {
    this.#clock = clock;
    this.#settings = settings;
    this.#events = events;
    if (certificates !== undefined && settings.tls.mode === 'terminate') {
      this.#tls = new TlsAcceptor(settings.tls, certificates);
    }
  }

  /** For connections that come from now on; handshakes that are under way end as they began. */
  update(settings: ListenerSettings, certificates: TlsBundle | undefined): void {
    const { tls } = settings;
    const same = JSON.stringify(tls) === JSON.stringify(this.#settings.tls);
    this.#settings = settings;
    if (same) return;
    this.#tls =
      certificates !== undefined && tls.mode === 'terminate' ? new TlsAcceptor(tls, certificates) : undefined;
  }

  /** New handshakes use these; connections that are open keep what they have. */
  setCertificates(certificates: TlsBundle): void {
    this.#tls?.setCertificates(certificates);
  }

  /** Whether nothing comes before the first byte that is relayed. */
  get plain(): boolean {
    return !this.#settings.proxyProtocol && this.#tls === undefined;
  }

  /** Takes a connection as it is. */
  acceptPlain(raw: RelayStream): void {
    this.#events.arrived(new Arrived(raw, undefined, undefined));
  }

  /** @param raw paused, nothing read */
  accept(raw: Socket): void {
    if (this.plain) {
      this.acceptPlain(raw);
      return;
    }
    const { proxyProtocol, handshakeTimeoutMs } = this.#settings;
    const waiting: Waiting = {
      raw,
      bytes: undefined,
      header: undefined,
      deadline: this.#clock.monotonic() + handshakeTimeoutMs,
    };
    this.#waiting.add(waiting);
    raw.on('error', ignore);
    raw.once('close', () => this.#fail(waiting));
    if (proxyProtocol) this.#readHeader(waiting);
    else this.#secure(waiting);
  }

  /** Closes connections that have had their time. */
  sweep(now: number): void {
    for (const waiting of this.#waiting) if (waiting.deadline <= now) this.#fail(waiting);
  }

  close(): void {
    for (const waiting of this.#waiting) this.#fail(waiting);
  }

  #readHeader(waiting: Waiting): void {
    const { raw } = waiting;
    const read = (chunk: Buffer): void => {
      const bytes = waiting.bytes === undefined ? chunk : Buffer.concat([waiting.bytes, chunk]);
      const header = parseProxyHeader(bytes);
      if (header.kind === 'more') {
        waiting.bytes = bytes;
        return;
      }
      raw.off('data', read);
      raw.pause();
      if (header.kind === 'invalid') {
        this.#fail(waiting);
        return;
      }
      waiting.header = header;
      waiting.bytes = undefined;
      if (header.bytes < bytes.length) raw.unshift(bytes.subarray(header.bytes));
      this.#secure(waiting);
    };
    raw.on('data', read);
    raw.once('end', () => this.#fail(waiting));
    raw.resume();
  }

  #secure(waiting: Waiting): void {
    if (this.#tls === undefined) {
      this.#done(waiting, undefined);
      return;
    }
    this.#tls.accept(waiting.raw, (accepted) => {
      if (accepted === undefined) this.#fail(waiting);
      else this.#done(waiting, accepted);
    });
  }

  #done(waiting: Waiting, accepted: Accepted | undefined): void {
    if (!this.#waiting.delete(waiting)) return;
    // Node leaves a connection open on which something else than TLS comes after the handshake.
    accepted?.socket.on('error', destroyIt);
    this.#events.arrived(new Arrived(waiting.raw, waiting.header, accepted));
  }

  #fail(waiting: Waiting): void {
    if (!this.#waiting.delete(waiting)) return;
    waiting.raw.destroy();
    this.#events.failed();
  }
}

function ignore(): void {}

function destroyIt(this: Socket): void {
  this.destroy();
}

/** An IPv4 address that a dual-stack socket shows as IPv6, as IPv4. */
function plainIp(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
