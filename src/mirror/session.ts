import type { MirrorFailure } from '../model/exchange.ts';
import { FrameDecoder, HTTP2_LIMITS } from '../wire/http2/frame-decoder.ts';
import type { Http2Events } from '../wire/http2/frame-decoder.ts';
import {
  CLIENT_PREFACE,
  DEFAULT_FRAME_BYTES,
  ERROR_CODE,
  FLAG,
  FRAME,
  MAX_FRAME_BYTES,
  SETTING,
} from '../wire/http2/frame.ts';
import type { CarrierHost } from './carrier.ts';
import type { Field } from './field-rules.ts';
import { FrameWriter, uint32 } from './frame-writer.ts';
import { NO_TABLE } from './header-block.ts';
import { Inflow, RECEIVE_WINDOW } from './inflow.ts';
import type { SessionRider } from './session-rider.ts';
import { SessionStream } from './session-stream.ts';
import { openSocket } from './socket.ts';
import type { MirrorSocket, SocketOpener } from './socket.ts';
import { STREAMS_MAX, StreamTable } from './stream-table.ts';

/** What a session needs of its pool, besides what its copies need. */
export interface SessionOwner {
  /** The socket is gone; nothing else follows. */
  closed(session: Session): void;
}

/** A session without a copy is kept this long: servers that end idle ones sooner say so with GOAWAY. */
const IDLE_MS = 15_000;
/** Copies that are put on a session before the mirror has said how many it takes: what RFC 9113 §6.5.2 asks of it. */
const STREAMS_FIRST = 100;
/** Acknowledgements that may wait for a mirror that does not read them. */
const UNREAD_CONTROL_BYTES = 64 * 1024;
const MAX_WINDOW = 2 ** 31 - 1;
const CALM_MS = 1_000;

const FIRST_FRAMES: readonly (readonly [setting: number, value: number])[] = [
  [SETTING.enablePush, 0],
  [SETTING.initialWindowSize, RECEIVE_WINDOW],
  [SETTING.maxHeaderListSize, HTTP2_LIMITS.blockBytes],
];

/** One HTTP/2 connection to a mirror (RFC 9113): carries many copies, each on a stream of its own. */
export class Session implements Http2Events {
  /** The mirror has said what it takes. */
  open = false;
  /** The socket takes no more for now; what it holds is counted as buffered. */
  blocked = false;
  /** When the octets came that are being read, microseconds since the epoch. */
  micros = 0;
  /** How often something has come. */
  reads = 0;
  /** Octets of content that the mirror takes in all. */
  room = 65_535;
  /** The mirror takes WebSockets (SETTINGS_ENABLE_CONNECT_PROTOCOL, RFC 8441 §3). */
  takesConnect = false;
  readonly #host: CarrierHost;
  readonly #socket: MirrorSocket;
  readonly #decoder = new FrameDecoder(this);
  readonly #writer: FrameWriter;
  readonly #inflow = new Inflow();
  /** Under way. */
  readonly #streams = new StreamTable<SessionRider>();
  /** Copies on it, also those that have not begun to send. */
  #size = 0;
  /** Nothing of them has been sent; in the order in which they go out. */
  readonly #waiting = new Set<SessionRider>();
  /** They have something to send, but the socket or the session's window has no room. */
  readonly #hungry = new Set<SessionRider>();
  #connected = false;
  #ready = false;
  /** No more copies go here. */
  #retired = false;
  /** The mirror looks at no new stream. */
  #refuses = false;
  #writes = false;
  #unsentBytes = 0;
  #unreadControlBytes = 0;
  /** Streams that the mirror takes at once; undefined: it has not said. */
  #peerStreams: number | undefined = undefined;
  #peerWindow = 65_535;
  /** The mirror has answered something. */
  #served = false;
  #calmedMs = 0;
  /** When it had a copy last, as far as the sweep has seen; monotonic, ms. */
  #usedMs: number | undefined = undefined;

  constructor(host: CarrierHost, owner: SessionOwner, open: SocketOpener = openSocket) {
    this.#host = host;
    this.#socket = open(host.origin, host.session, {
      connected: () => {
        this.#connected = true;
      },
      ready: () => this.#start(),
      session: (fresh) => {
        host.session = fresh;
      },
      data: (chunk) => this.#read(chunk),
      drained: () => this.#drained(),
      ended: () => this.#fail('closed'),
      failed: (tls) => this.#fail(this.#failureOf(tls)),
      closed: () => {
        this.#fail('closed');
        owner.closed(this);
      },
    });
    this.#writer = new FrameWriter(this.#socket);
  }

  /** Whether another copy may be put on it. */
  get hasRoom(): boolean {
    if (this.#retired) return false;
    const allowed = this.#peerStreams ?? (this.open ? STREAMS_MAX : STREAMS_FIRST);
    return this.size < Math.min(STREAMS_MAX, Math.max(1, allowed));
  }

  /** Copies on it. */
  get size(): number {
    return this.#size;
  }

  *streams(): Iterable<SessionStream> {
    for (const rider of this.#riders()) if (rider instanceof SessionStream) yield rider;
  }

  /** A stream that has sent nothing yet. */
  take(): SessionStream {
    this.#size++;
    return new SessionStream(this, this.#host);
  }

  /** Puts something on it that is no copy of a request; it flushes when it may. */
  join(rider: SessionRider): void {
    this.#size++;
    this.#waiting.add(rider);
  }

  /** Closes it when it has been idle for too long. */
  sweep(nowMs: number): void {
    if (nowMs - this.#calmedMs >= CALM_MS) {
      this.#calmedMs = nowMs;
      this.#decoder.calm();
    }
    if (this.size > 0) this.#usedMs = nowMs;
    this.#usedMs ??= nowMs;
    if (this.#retired ? this.size === 0 : nowMs - this.#usedMs >= IDLE_MS) this.destroy();
  }

  /** Takes no more copies: it has been silent for as long as a copy may take, and is perhaps not there any more. */
  retire(): void {
    this.#retired = true;
  }

  /** Closes at once; of the copies it carries nothing more is heard. */
  destroy(): void {
    this.#retired = true;
    this.#countUnsent(0);
    this.#hungry.clear();
    this.#socket.destroy();
  }

  // What its streams ask of it.

  /** A stream that has sent nothing has to wait. */
  wait(stream: SessionRider): void {
    this.#waiting.add(stream);
  }

  /** Whether a stream may send now; otherwise it is asked to flush again when it may. */
  admits(stream: SessionRider): boolean {
    if (this.open && !this.blocked && !this.#socket.destroyed && (stream.id !== 0 || this.#mayBegin))
      return true;
    if (stream.id === 0) this.#waiting.add(stream);
    else this.#hungry.add(stream);
    return false;
  }

  /** Gives a stream its id and sends its head. */
  submit(stream: SessionRider, block: string, endStream: boolean): void {
    const first = this.#streams.untouched;
    if (this.#waiting.size > 0) this.#waiting.delete(stream);
    stream.window = this.#peerWindow;
    this.#streams.add(stream);
    this.#writer.headers(stream.id, first ? NO_TABLE + block : block, endStream);
    if (this.#streams.usedUp) this.#retired = true;
    this.#writeSoon();
  }

  sendTrailers(stream: SessionRider, block: string): void {
    this.#writer.headers(stream.id, block, true);
    this.#writeSoon();
  }

  /** Sends content for which there is room. */
  sendData(stream: SessionRider, content: Uint8Array, endStream: boolean): void {
    this.room -= content.length;
    this.#writer.data(stream.id, content, endStream);
    if (this.#writer.full) this.#write();
    else this.#writeSoon();
  }

  /** A stream has something that there is no room for. */
  await(stream: SessionRider): void {
    this.#hungry.add(stream);
  }

  /** A stream is over. `reset`: the mirror is to stop working on it, if it has begun. */
  leave(stream: SessionRider, reset: boolean): void {
    this.#size--;
    this.#hungry.delete(stream);
    if (stream.id === 0) this.#waiting.delete(stream);
    else this.#streams.delete(stream);
    if (this.#socket.destroyed) return;
    if (reset && stream.id !== 0) {
      this.#inflow.expectStray();
      this.#control(FRAME.resetStream, 0, stream.id, uint32(ERROR_CODE.cancel));
    }
    if (this.#waiting.size > 0) this.#startWaiting();
    else if (this.#retired && this.size === 0) this.#endSoon();
  }

  // What its decoder tells.

  headers(id: number, fields: readonly Field[] | undefined, endStream: boolean): void {
    const stream = this.#streamOf(id);
    if (stream === undefined) return this.#stray(this.#inflow.stray());
    this.#served = true;
    stream.headers(fields, endStream);
  }

  data(id: number, chunk: Uint8Array): void {
    this.#inflow.content(chunk.length);
    const stream = this.#streamOf(id);
    if (stream === undefined) this.#stray(this.#inflow.stray(chunk.length));
    else stream.data(chunk);
  }

  dataGap(): void {}

  end(id: number): void {
    this.#streamOf(id)?.end();
  }

  reset(id: number): void {
    this.#streamOf(id)?.fail('reset');
  }

  setting(parameter: number, value: number): void {
    if (parameter === SETTING.maxConcurrentStreams) this.#peerStreams = value;
    else if (parameter === SETTING.initialWindowSize) this.#resizeWindows(value);
    else if (parameter === SETTING.maxFrameSize) {
      if (value < DEFAULT_FRAME_BYTES || value > MAX_FRAME_BYTES) this.#fail('malformed');
    } else if (parameter === SETTING.enableConnectProtocol) this.#allowConnect(value);
    else if (parameter === SETTING.enablePush && value !== 0) this.#fail('malformed');
  }

  settings(): void {
    if (this.#socket.destroyed) return;
    this.#control(FRAME.settings, FLAG.ack, 0, '');
    this.open = true;
    this.#startWaiting();
  }

  settingsAcknowledged(): void {}

  windowUpdate(id: number, bytes: number): void {
    if (bytes === 0) return this.#fail('malformed');
    if (id === 0) {
      this.room += bytes;
      if (this.room > MAX_WINDOW) return this.#fail('malformed');
      this.#feed();
      return;
    }
    const stream = this.#streamOf(id);
    if (stream === undefined) return;
    stream.window += bytes;
    if (stream.window > MAX_WINDOW) this.#fail('malformed');
    else stream.flush();
  }

  ping(payload: Uint8Array, acknowledged: boolean): void {
    if (!acknowledged) this.#control(FRAME.ping, FLAG.ack, 0, Buffer.from(payload).toString('latin1'));
  }

  /** We have said that we want none (RFC 9113 §6.6). */
  pushPromise(): void {
    this.#fail('malformed');
  }

  /** The mirror takes no more copies, and has not looked at those after `lastId` (RFC 9113 §6.8). */
  goAway(lastId: number, code: number): void {
    this.#retired = true;
    const healthy = code === ERROR_CODE.noError && this.#served;
    this.#refuses = true;
    for (const stream of this.#waiting) stream.move(healthy);
    for (const stream of this.#streams) if (stream.id > lastId) stream.fail('closed', healthy);
    if (this.#size === 0) this.#endSoon();
  }

  fault(): void {
    this.#fail('malformed');
  }

  #start(): void {
    this.#ready = true;
    let settings = '';
    for (const [setting, value] of FIRST_FRAMES)
      settings += `\0${String.fromCharCode(setting)}${uint32(value)}`;
    this.#writer.raw(CLIENT_PREFACE);
    this.#writer.control(FRAME.settings, 0, 0, settings);
    this.#writer.number(FRAME.windowUpdate, 0, RECEIVE_WINDOW - 65_535);
    this.#write();
  }

  #read(chunk: Uint8Array): void {
    const { stats } = this.#host;
    stats.bytesIn += chunk.length;
    this.reads++;
    this.micros = this.#host.micros();
    const inflow = this.#inflow;
    const before = inflow.contentBytes;
    this.#decoder.write(chunk);
    inflow.overhead(chunk.length - (inflow.contentBytes - before));
    if (inflow.spoilt) this.#retired = true;
    if (this.#socket.destroyed) return;
    const leave = inflow.replenish();
    if (leave > 0) this.#control(FRAME.windowUpdate, 0, 0, uint32(leave));
  }

  *#riders(): Iterable<SessionRider> {
    yield* this.#waiting;
    yield* this.#streams;
  }

  /** The stream of that id; one that is over is undefined, and one that never was is the end of the session. */
  #streamOf(id: number): SessionRider | undefined {
    const stream = this.#streams.get(id);
    if (stream === undefined && !this.#streams.knows(id)) this.#fail('malformed');
    return stream;
  }

  /** What has been said once cannot be taken back (RFC 8441 §3). */
  #allowConnect(value: number): void {
    if (value > 1 || (value === 0 && this.takesConnect)) this.#fail('malformed');
    else this.takesConnect = value === 1;
  }

  /** RFC 9113 §6.9.2: also changes the windows of streams under way. */
  #resizeWindows(value: number): void {
    if (value > MAX_WINDOW) return this.#fail('malformed');
    const difference = value - this.#peerWindow;
    this.#peerWindow = value;
    if (difference === 0) return;
    for (const stream of this.#streams) {
      stream.window += difference;
      if (stream.window > MAX_WINDOW) return this.#fail('malformed');
      if (difference > 0) this.#hungry.add(stream);
    }
    this.#feed();
  }

  /** Lets those send that had to wait. */
  #feed(): void {
    for (const stream of this.#hungry) {
      if (this.blocked || this.room <= 0) return;
      this.#hungry.delete(stream);
      stream.flush();
    }
  }

  #startWaiting(): void {
    for (const stream of this.#waiting) {
      if (this.blocked || !this.#mayBegin) return;
      stream.flush();
    }
  }

  get #mayBegin(): boolean {
    if (this.#refuses) return false;
    return this.#streams.size < (this.#peerStreams ?? STREAMS_MAX);
  }

  /** Something came for a copy that is over: of those that were given up, not for ever. */
  #stray(allowed: boolean): void {
    if (!allowed) this.#fail('malformed');
  }

  #drained(): void {
    this.blocked = false;
    this.#unreadControlBytes = 0;
    this.#countUnsent(0);
    if (this.#writer.bytes > 0) this.#write();
    this.#feed();
    this.#startWaiting();
  }

  #control(type: number, flags: number, id: number, payload: string): void {
    this.#writer.control(type, flags, id, payload);
    if (!this.blocked) return this.#writeSoon();
    this.#unreadControlBytes += payload.length + 9;
    if (this.#unreadControlBytes > UNREAD_CONTROL_BYTES) this.#fail('malformed');
  }

  /** What comes within one turn of the event loop goes out in one write. */
  #writeSoon(): void {
    if (this.#writes || this.blocked) return;
    this.#writes = true;
    process.nextTick(() => {
      this.#writes = false;
      if (this.#writer.bytes > 0 && !this.blocked) this.#write();
    });
  }

  #write(): void {
    if (this.#socket.destroyed) return;
    this.#host.stats.bytesOut += this.#writer.bytes;
    this.blocked = !this.#writer.write();
    if (this.blocked) this.#countUnsent(this.#socket.writableLength);
  }

  /** A session that is used up has no copy any more: closes it, once what waits has been written. */
  #endSoon(): void {
    process.nextTick(() => {
      if (this.size === 0) this.destroy();
    });
  }

  #fail(failure: MirrorFailure): void {
    const wasOpen = !this.#socket.destroyed;
    this.destroy();
    if (!wasOpen && this.size === 0) return;
    for (const stream of this.#riders()) stream.fail(failure);
  }

  #failureOf(tls: boolean): MirrorFailure {
    if (!this.#connected) return 'connect';
    return this.#ready && !tls ? 'reset' : 'tls';
  }

  #countUnsent(bytes: number): void {
    this.#host.stats.bufferedBytes += bytes - this.#unsentBytes;
    this.#unsentBytes = bytes;
  }
}
