import type { CarrierPool } from './carrier.ts';
import type { Origin } from './origin.ts';
import type { Session } from './session.ts';
import { openSocket } from './socket.ts';
import type { SocketOpener } from './socket.ts';
import type { CountedMirrorStats } from './stats.ts';
import type { ChannelEvents, WebSocketChannel } from './web-socket-channel.ts';
import { StreamChannel } from './web-socket-stream.ts';
import { UpgradeChannel } from './web-socket-upgrade.ts';
import type { UpgradeRequest } from './web-socket-upgrade.ts';

/** The ways to ask for one WebSocket. */
export interface WebSocketForms {
  readonly upgrade: UpgradeRequest;
  /** Header block of an extended CONNECT (RFC 8441 §4). */
  readonly connect: string;
}

export interface RouteHost {
  readonly pool: CarrierPool;
  readonly stats: CountedMirrorStats;
  /** Of connections for one WebSocket: they speak HTTP/1.1 only. */
  readonly origin: Origin;
}

/**
 * Finds the way to a WebSocket: a stream where the mirror speaks HTTP/2 and takes such (RFC 8441), otherwise a connection of
 * HTTP/1.1, which a mirror with prior knowledge of HTTP/2 does not have.
 */
export class WebSocketRoute implements WebSocketChannel {
  readonly #host: RouteHost;
  readonly #forms: WebSocketForms;
  readonly #events: ChannelEvents;
  /** Undefined while it is not known what the mirror speaks. */
  #channel: WebSocketChannel | undefined = undefined;
  #callOff: () => void;
  #moved = false;
  #over = false;

  constructor(host: RouteHost, forms: WebSocketForms, events: ChannelEvents) {
    this.#host = host;
    this.#forms = forms;
    this.#events = events;
    this.#callOff = this.#find();
  }

  get ready(): boolean {
    return this.#channel?.ready === true;
  }

  get unsentBytes(): number {
    return this.#channel?.unsentBytes ?? 0;
  }

  /** Nothing is said before the mirror has agreed. */
  write(frames: Uint8Array): void {
    this.#channel?.write(frames);
  }

  destroy(timedOut: boolean): void {
    this.#over = true;
    if (this.#channel !== undefined) {
      this.#channel.destroy(timedOut);
      return;
    }
    this.#callOff();
    this.#events.closed();
  }

  #find(): () => void {
    return this.#host.pool.bring({
      session: (session) => this.#ride(session),
      connection: (open) => this.#upgrade(open, this.#events),
      failed: (failure) => {
        if (!this.#over) this.#events.failed(failure);
      },
    });
  }

  #ride(session: Session): void {
    if (this.#over) return;
    this.#channel = new StreamChannel(session, this.#forms.connect, this.#events, {
      declined: () => this.#declined(),
      displaced: () => this.#displaced(),
    });
  }

  /** Goes to another session, once. */
  #displaced(): void {
    this.#channel = undefined;
    if (this.#moved) {
      this.#events.failed('closed');
      return;
    }
    this.#moved = true;
    this.#callOff = this.#find();
  }

  /** The mirror speaks HTTP/2, and takes no WebSockets over it. */
  #declined(): void {
    const { origin, stats } = this.#host;
    this.#channel = undefined;
    if (origin.priorKnowledge) {
      this.#events.unsupported();
      return;
    }
    stats.connects++;
    const events = this.#events;
    this.#upgrade(openSocket, {
      sent: () => events.sent(),
      opened: (head, extensions) => events.opened(head, extensions),
      refused: (head) => events.refused(head),
      content: (chunk) => events.content(chunk),
      whole: () => events.whole(),
      frames: (chunk) => events.frames(chunk),
      drained: () => events.drained(),
      unsupported: () => events.unsupported(),
      closed: () => events.closed(),
      // It does not know HTTP/1.1 either.
      failed: (failure) => (failure === 'tls' ? events.unsupported() : events.failed(failure)),
    });
  }

  #upgrade(open: SocketOpener, events: ChannelEvents): void {
    if (this.#over) {
      open(this.#host.origin, undefined, UNWANTED).destroy();
      return;
    }
    const { origin, stats } = this.#host;
    this.#channel = new UpgradeChannel(this.#forms.upgrade, origin, stats, events, open);
  }
}

const UNWANTED = {
  connected(): void {},
  ready(): void {},
  session(): void {},
  data(): void {},
  drained(): void {},
  ended(): void {},
  failed(): void {},
  closed(): void {},
};
