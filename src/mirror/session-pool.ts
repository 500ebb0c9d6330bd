import type { Carrier, CarrierHost, CarrierPool, Guest } from './carrier.ts';
import { Session } from './session.ts';
import type { SessionOwner } from './session.ts';
import type { SessionStream } from './session-stream.ts';
import type { SocketOpener } from './socket.ts';

/** The HTTP/2 sessions of one mirror: one, until it takes no more streams. */
export class SessionPool implements CarrierPool, SessionOwner {
  readonly protocol = 'http2';
  readonly #host: CarrierHost;
  readonly #all = new Set<Session>();
  #onEmpty: (() => void) | undefined;

  constructor(host: CarrierHost) {
    this.#host = host;
  }

  get size(): number {
    return this.#all.size;
  }

  *carriers(): Iterable<Carrier> {
    for (const session of this.#all) yield* session.streams();
  }

  /** On the oldest session that has room, so that those not needed grow old; a new one when none has. */
  take(): SessionStream {
    return (this.withRoom() ?? this.#open()).take();
  }

  bring(guest: Guest): () => void {
    guest.session(this.withRoom() ?? this.#open());
    return nothing;
  }

  withRoom(): Session | undefined {
    for (const session of this.#all) if (session.hasRoom) return session;
    return undefined;
  }

  /** A session on a socket that is there. */
  adopt(open: SocketOpener): Session {
    const session = new Session(this.#host, this, open);
    this.#all.add(session);
    return session;
  }

  sweep(nowMs: number): void {
    for (const session of this.#all) session.sweep(nowMs);
  }

  closed(session: Session): void {
    this.#all.delete(session);
    this.#host.resized();
    if (this.#all.size === 0) this.#onEmpty?.();
  }

  destroy(): void {
    for (const session of this.#all) session.destroy();
  }

  async empty(): Promise<void> {
    if (this.#all.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  #open(): Session {
    const session = new Session(this.#host, this);
    this.#all.add(session);
    this.#host.stats.connects++;
    this.#host.resized();
    return session;
  }
}

function nothing(): void {}
