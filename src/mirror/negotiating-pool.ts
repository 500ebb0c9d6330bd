import type { MirrorFailure } from '../model/exchange.ts';
import { moveTo } from './carrier.ts';
import type { Carrier, CarrierHost, CarrierPool, CopyProtocol, Guest } from './carrier.ts';
import type { CopyTask } from './copy-task.ts';
import { ConnectionPool } from './pool.ts';
import { SessionPool } from './session-pool.ts';
import { openSocket } from './socket.ts';
import type { MirrorSocket, SocketEvents } from './socket.ts';

/** Copies that wait for one connection of which it is only supposed that it will carry many. */
const PLACES_MAX = 100;

/** The connections of a mirror that chooses HTTP/2 or HTTP/1.1 when TLS begins (ALPN, RFC 7301). */
export class NegotiatingPool implements CarrierPool {
  readonly #host: CarrierHost;
  readonly #connections: ConnectionPool;
  readonly #sessions: SessionPool;
  readonly #dials = new Set<Dial>();
  /** What it chose last. Until it has, each copy is given a connection, as HTTP/1.1 needs it. */
  #protocol: CopyProtocol = 'http1';
  #onEmpty: (() => void) | undefined;

  constructor(host: CarrierHost) {
    this.#host = host;
    this.#connections = new ConnectionPool(host);
    this.#sessions = new SessionPool(host);
  }

  get protocol(): CopyProtocol {
    return this.#protocol;
  }

  get size(): number {
    return this.#connections.size + this.#sessions.size + this.#dials.size;
  }

  *carriers(): Iterable<Carrier> {
    yield* this.#connections.carriers();
    yield* this.#sessions.carriers();
    for (const dial of this.#dials) yield* dial.places;
  }

  take(): Carrier {
    if (this.#protocol === 'http1') return this.#connections.takeIdle() ?? this.#dial().place();
    const session = this.#sessions.withRoom();
    if (session !== undefined) return session.take();
    for (const dial of this.#dials) if (dial.hasRoom) return dial.place();
    return this.#dial().place();
  }

  bring(guest: Guest): () => void {
    const session = this.#sessions.withRoom();
    if (session !== undefined) {
      guest.session(session);
      return () => {};
    }
    const dial = this.#dial();
    dial.guest = guest;
    return () => {
      if (dial.guest !== guest) return;
      dial.guest = undefined;
      dial.destroy();
    };
  }

  sweep(nowMs: number): void {
    this.#connections.sweep(nowMs);
    this.#sessions.sweep(nowMs);
  }

  destroy(): void {
    for (const dial of this.#dials) dial.destroy();
    this.#connections.destroy();
    this.#sessions.destroy();
  }

  async empty(): Promise<void> {
    if (this.#dials.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onEmpty = resolve;
      });
    }
    await Promise.all([this.#connections.empty(), this.#sessions.empty()]);
  }

  #dial(): Dial {
    const dial = new Dial(this.#host, {
      chosen: (alpn) => (alpn === 'h2' ? this.#toSession(dial) : this.#toConnection(dial)),
      failed: (failure) => {
        dial.over = true;
        for (const task of dial.leave()) this.#host.failed(task, failure);
        dial.takeGuest()?.failed(failure);
      },
      closed: () => {
        this.#gone(dial);
        this.#host.resized();
      },
    });
    this.#dials.add(dial);
    this.#host.stats.connects++;
    this.#host.resized();
    return dial;
  }

  /** One session carries them all; what is still being connected is not needed. */
  #toSession(dial: Dial): void {
    this.#protocol = 'http2';
    this.#gone(dial);
    const session = this.#sessions.adopt(dial.handOver);
    dial.begin();
    const tasks = dial.leave();
    const guests = [dial.takeGuest()];
    for (const other of this.#dials) {
      tasks.push(...other.leave());
      guests.push(other.takeGuest());
      other.destroy();
    }
    for (const guest of guests) guest?.session(session);
    for (const task of tasks) moveTo(session.hasRoom ? session.take() : this.take(), task);
  }

  #toConnection(dial: Dial): void {
    this.#protocol = 'http1';
    this.#gone(dial);
    const guest = dial.takeGuest();
    if (guest !== undefined) {
      guest.connection(dial.handOver);
      dial.begin();
      return;
    }
    const connection = this.#connections.adopt(dial.handOver);
    dial.begin();
    const [first, ...others] = dial.leave();
    if (first !== undefined) moveTo(connection, first);
    else connection.free(this.#host.nowMs());
    for (const task of others) moveTo(this.take(), task);
  }

  #gone(dial: Dial): void {
    this.#dials.delete(dial);
    if (this.#dials.size === 0) this.#onEmpty?.();
  }
}

interface DialEvents {
  chosen(alpn: string | undefined): void;
  failed(failure: MirrorFailure): void;
  closed(): void;
}

/** A connection until it is known what it speaks. */
class Dial {
  readonly places = new Set<Place>();
  /** For whom it is made, if it is not for copies. */
  guest: Guest | undefined = undefined;
  /** No more copies go here. */
  over = false;
  readonly #host: CarrierHost;
  readonly #socket: MirrorSocket;
  /** Who has it now. */
  #taker: SocketEvents | undefined;
  #connected = false;

  constructor(host: CarrierHost, events: DialEvents) {
    this.#host = host;
    this.#socket = openSocket(host.origin, host.session, {
      connected: () => {
        this.#connected = true;
      },
      ready: (alpn) => events.chosen(alpn),
      session: (fresh) => {
        host.session = fresh;
      },
      data: (chunk) => this.#taker?.data(chunk),
      drained: () => this.#taker?.drained(),
      ended: () => this.#taker?.ended(),
      failed: (tls) => {
        if (this.#taker === undefined) events.failed(this.#connected ? 'tls' : 'connect');
        else this.#taker.failed(tls);
      },
      closed: () => {
        if (this.#taker !== undefined) return this.#taker.closed();
        events.failed('closed');
        events.closed();
      },
    });
  }

  get hasRoom(): boolean {
    return !this.over && this.guest === undefined && this.places.size < PLACES_MAX;
  }

  place(): Place {
    const place = new Place(this);
    this.places.add(place);
    return place;
  }

  /** Takes the copies off. */
  leave(): CopyTask[] {
    const tasks = [...this.places].flatMap(({ task }) => task ?? []);
    this.places.clear();
    return tasks;
  }

  takeGuest(): Guest | undefined {
    const { guest } = this;
    this.guest = undefined;
    return guest;
  }

  /** Gives the socket to whoever opens a connection with this. */
  readonly handOver = (_origin: unknown, _session: unknown, taker: SocketEvents): MirrorSocket => {
    this.#taker = taker;
    return this.#socket;
  };

  /** Tells the taker how far the connection is. */
  begin(): void {
    this.#taker?.connected();
    this.#taker?.ready();
  }

  /** A copy does not wait any longer. One that has waited in vain is the last to be put here. */
  left(place: Place, task: CopyTask | undefined): void {
    if (task !== undefined && this.#host.nowMs() >= task.deadlineMs) this.over = true;
    if (this.places.delete(place) && this.places.size === 0) this.destroy();
  }

  destroy(): void {
    this.over = true;
    this.#socket.destroy();
  }
}

/** Where a copy waits for a connection. */
class Place implements Carrier {
  task: CopyTask | undefined = undefined;
  flushSoon = false;
  readonly ready = false;
  readonly caughtUp = false;
  readonly #dial: Dial;

  constructor(dial: Dial) {
    this.#dial = dial;
  }

  begin(task: CopyTask): void {
    this.task = task;
  }

  flush(): void {}

  readonly endless = false;

  free(): void {}

  cut(): void {}

  drop(): void {
    const { task } = this;
    this.task = undefined;
    this.#dial.left(this, task);
  }
}
