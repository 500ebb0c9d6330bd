import type { Server } from 'node:net';

/**
 * TCP connections straight on Node's own handles, without the streams of `node:net`. Two streams for every relayed
 * connection cost 23 µs of CPU and some 9 KB: a connection per request took 75 µs with them and takes 57 µs without
 * (1.3 and 0.9 of Envoy's); with keep-alive there is no difference.
 *
 * `process.binding` is deprecated in the documentation only, and there is no public way to these handles. So nothing may
 * depend on it: where a binding is missing or looks different, `rawTcp` is undefined and `node:net` serves instead. The
 * suites run on both.
 */
export interface RawTcp {
  /** Takes the connections that are wanted over from a server that listens; the others come as its `connection` events. */
  accept(server: Server, taker: RawTaker): void;
  /** Begins to connect to an IP address: `connect` or `error` follows. */
  connect(ip: string, port: number): RawSocket;
}

export interface RawTaker {
  readonly wanted: () => boolean;
  readonly accepted: (socket: RawSocket) => void;
}

/** The part of Node's `TCP` handle that is used here. */
interface TcpHandle {
  onread: (this: TcpHandle) => void;
  onconnection: (this: TcpHandle, status: number, client: TcpHandle | undefined) => void;
  owner?: RawSocket;
  readStart(): number;
  readStop(): number;
  useUserBuffer(buffer: Uint8Array): void;
  writeLatin1String(request: WriteRequest, text: string): number;
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
  shutdown(request: Request): number;
  connect(request: ConnectRequest, ip: string, port: number): number;
  connect6(request: ConnectRequest, ip: string, port: number): number;
  setNoDelay(on: boolean): number;
  getpeername(into: SocketAddress): number;
  getsockname(into: SocketAddress): number;
  reset(): number;
  close(): void;
}

interface SocketAddress {
  address: string | undefined;
  family: string | undefined;
  port: number | undefined;
}

interface Request {
  owner?: RawSocket | undefined;
}
interface WriteRequest extends Request {
  /** Kept from being collected while the kernel has not taken them. */
  bytes?: Uint8Array | undefined;
  length?: number;
  oncomplete?: (this: WriteRequest, status: number) => void;
}
interface ConnectRequest extends Request {
  oncomplete?: (this: ConnectRequest, status: number) => void;
}

interface TcpWrap {
  readonly TCP: new (type: number) => TcpHandle;
  readonly TCPConnectWrap: new () => ConnectRequest;
  readonly constants: { readonly SOCKET: number };
}

interface StreamWrap {
  readonly WriteWrap: new () => WriteRequest;
  readonly ShutdownWrap: new () => Request;
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kLastWriteWasAsync: number;
}

/** Who is told what happens on a connection; one object may serve many. */
export interface RawHandler {
  /** Only for connections that were made here. */
  connected?(socket: RawSocket): void;
  /** The chunk is valid during the call only. */
  data(socket: RawSocket, chunk: Uint8Array): void;
  /** The peer has finished sending. */
  ended(socket: RawSocket): void;
  /** Everything written has been taken by the kernel, after `write` said false. */
  drained(socket: RawSocket): void;
  /** The connection failed; `closed` follows. */
  failed(socket: RawSocket): void;
  closed(socket: RawSocket): void;
}

/** End of file, as libuv numbers it. */
const EOF = -4095;
/** As much as libuv would read at a time, bytes. */
const RECEIVE_BYTES = 64 * 1024;

/** What all connections of a thread share. */
class Loop {
  readonly tcp: TcpWrap;
  readonly stream: StreamWrap;
  /** Every read lands here: memory of its own for each would cost 0.8 µs. */
  readonly received = Buffer.allocUnsafeSlow(RECEIVE_BYTES);
  /** A request object that was not needed: most writes are over when they return. */
  spare: WriteRequest | undefined;
  /** Node is calling us, and `settle` follows. */
  entered = false;
  #closing: RawSocket[] = [];

  constructor(tcp: TcpWrap, stream: StreamWrap) {
    this.tcp = tcp;
    this.stream = stream;
  }

  /**
   * Tells of the end of a socket when what is being done now is done. Cheaper by 2 µs than a callback of the handle's
   * own, and no later: its descriptor is closed at once.
   */
  closed(socket: RawSocket): void {
    if (this.#closing.push(socket) === 1 && !this.entered) process.nextTick(() => this.settle());
  }

  settle(): void {
    this.entered = false;
    while (this.#closing.length > 0) {
      const closing = this.#closing;
      this.#closing = [];
      this.entered = true;
      for (const socket of closing) socket.handler?.closed(socket);
      this.entered = false;
    }
  }
}

/** One TCP connection; named like `net.Socket` in what a relay needs of both. Allows half-open. Begins paused. */
export class RawSocket {
  handler: RawHandler | undefined;
  /** For who uses the socket. */
  context: object | undefined;
  destroyed = false;
  writableEnded = false;
  /** Bytes that the kernel has not taken yet. */
  writableLength = 0;
  readonly #handle: TcpHandle;
  /** Of the thread that the connection belongs to. */
  readonly loop: Loop;
  #reading = false;
  #readEnded = false;
  /** Whether something has been written, and whether the next write must not wait for an acknowledgement of the last. */
  #written = false;
  #noDelay = false;
  #whenFlushed: (() => void) | undefined;
  #peer: SocketAddress | undefined;

  constructor(handle: TcpHandle, loop: Loop) {
    this.#handle = handle;
    this.loop = loop;
    handle.owner = this;
    handle.onread = onRead;
    handle.useUserBuffer(loop.received);
  }

  get remoteAddress(): string | undefined {
    return this.#remote().address;
  }

  get remotePort(): number | undefined {
    return this.#remote().port;
  }

  get localAddress(): string | undefined {
    return this.#end('getsockname').address;
  }

  get localPort(): number | undefined {
    return this.#end('getsockname').port;
  }

  resume(): void {
    if (this.#reading || this.#readEnded || this.destroyed) return;
    this.#reading = true;
    if (this.#handle.readStart() < 0) this.#failSoon();
  }

  pause(): void {
    if (!this.#reading || this.destroyed) return;
    this.#reading = false;
    this.#handle.readStop();
  }

  /**
   * Sends bytes, which must not be changed any more.
   *
   * @returns false when some of them wait; `drained` follows
   */
  write(bytes: Uint8Array): boolean {
    if (this.destroyed || this.writableEnded) return false;
    this.#beforeWrite();
    const request = this.#request();
    return this.#wrote(request, this.#handle.writeBuffer(request, bytes), bytes, bytes.length);
  }

  /**
   * Sends a text, an octet for each character.
   *
   * @returns as `write`
   */
  writeLatin1(text: string): boolean {
    if (this.destroyed || this.writableEnded) return false;
    this.#beforeWrite();
    const request = this.#request();
    return this.#wrote(request, this.#handle.writeLatin1String(request, text), undefined, text.length);
  }

  /** Calls back as soon as nothing waits to be sent; not at all when the connection ends before that. */
  whenFlushed(done: () => void): void {
    if (this.writableLength === 0) done();
    else this.#whenFlushed = done;
  }

  /** Finishes sending after what has been written. */
  end(): void {
    if (this.writableEnded || this.destroyed) return;
    this.writableEnded = true;
    if (this.#readEnded && this.writableLength === 0) {
      // Both sides are through: closing says so to the peer as well, and saves a system call.
      this.destroy();
      return;
    }
    // Without a callback: that it failed is what reading says as well.
    if (this.#handle.shutdown(new this.loop.stream.ShutdownWrap()) < 0) this.#failSoon();
  }

  /** Closes at once. */
  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#handle.close();
    this.loop.closed(this);
  }

  /** Sends what waits, then closes. */
  destroySoon(): void {
    this.end();
    this.whenFlushed(() => this.destroy());
  }

  /** Closes with a reset. */
  resetAndDestroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    if (this.#handle.reset() < 0) this.#handle.close();
    this.loop.closed(this);
  }

  /** For the functions below only. */
  onRead(): void {
    const { stream, received } = this.loop;
    const bytes = stream.streamBaseState[stream.kReadBytesOrError] ?? 0;
    if (this.destroyed || bytes === 0) return;
    if (bytes > 0) {
      this.handler?.data(this, new Uint8Array(received.buffer, 0, bytes));
      return;
    }
    if (bytes !== EOF) {
      this.#fail();
      return;
    }
    this.#readEnded = true;
    this.#reading = false;
    // A peer that ends after we have: closing sends our own end if it has not left yet.
    const through = this.writableEnded && this.writableLength === 0;
    this.handler?.ended(this);
    if (through) this.destroy();
  }

  onWritten(bytes: number, status: number): void {
    this.writableLength -= bytes;
    if (this.destroyed) return;
    if (status < 0) {
      this.#fail();
      return;
    }
    if (this.writableLength > 0) return;
    const done = this.#whenFlushed;
    this.#whenFlushed = undefined;
    if (done !== undefined) done();
    else if (this.writableEnded && this.#readEnded) this.destroy();
    else if (!this.writableEnded) this.handler?.drained(this);
  }

  onConnected(status: number): void {
    if (this.destroyed) return;
    if (status < 0) this.#fail();
    else this.handler?.connected?.(this);
  }

  #beforeWrite(): void {
    if (this.#written) this.#sendAtOnce();
    else this.#written = true;
  }

  /**
   * TCP_NODELAY, from the second write on: the first finds nothing unacknowledged and goes out anyway, and where it is
   * the only one a system call is saved.
   */
  #sendAtOnce(): void {
    if (this.#noDelay) return;
    this.#noDelay = true;
    this.#handle.setNoDelay(true);
  }

  #request(): WriteRequest {
    const request = this.loop.spare ?? new this.loop.stream.WriteWrap();
    this.loop.spare = undefined;
    return request;
  }

  #wrote(request: WriteRequest, failure: number, bytes: Uint8Array | undefined, length: number): boolean {
    if (failure < 0) {
      this.#failSoon();
      return false;
    }
    const { streamBaseState, kLastWriteWasAsync } = this.loop.stream;
    if (streamBaseState[kLastWriteWasAsync] === 0) {
      this.loop.spare = request;
      return this.writableLength === 0;
    }
    // Its rest goes out in pieces.
    this.#sendAtOnce();
    request.owner = this;
    request.bytes = bytes;
    request.length = length;
    request.oncomplete = onWritten;
    this.writableLength += length;
    return false;
  }

  /** What fails at once is told later: whoever writes is in the middle of something. */
  #failSoon(): void {
    process.nextTick(() => this.#fail());
  }

  #fail(): void {
    if (this.destroyed) return;
    this.handler?.failed(this);
    this.destroy();
  }

  /** Asked for once: it costs a system call. */
  #remote(): SocketAddress {
    this.#peer ??= this.#end('getpeername');
    return this.#peer;
  }

  #end(which: 'getpeername' | 'getsockname'): SocketAddress {
    // With its fields there already it is filled in at half the cost.
    const address: SocketAddress = { address: undefined, family: undefined, port: undefined };
    if (!this.destroyed) this.#handle[which](address);
    return address;
  }
}

// One function each for all connections.
function onRead(this: TcpHandle): void {
  const { owner } = this;
  if (owner === undefined) return;
  owner.loop.entered = true;
  owner.onRead();
  owner.loop.settle();
}

function onWritten(this: WriteRequest, status: number): void {
  const { owner } = this;
  if (owner === undefined) return;
  owner.loop.entered = true;
  owner.onWritten(this.length ?? 0, status);
  owner.loop.settle();
}

function onConnect(this: ConnectRequest, status: number): void {
  const { owner } = this;
  if (owner === undefined) return;
  owner.loop.entered = true;
  owner.onConnected(status);
  owner.loop.settle();
}

/** Undefined where this Node does not have what is needed, or `UNDERSTUDY_SOCKETS=node` asks for `node:net`. */
export const rawTcp: RawTcp | undefined = process.env['UNDERSTUDY_SOCKETS'] === 'node' ? undefined : load();

function load(): RawTcp | undefined {
  let tcp: TcpWrap;
  let stream: StreamWrap;
  try {
    const { binding } = process as unknown as { readonly binding: (name: string) => unknown };
    tcp = binding('tcp_wrap') as TcpWrap;
    stream = binding('stream_wrap') as StreamWrap;
  } catch {
    return undefined;
  }
  if (!fits(tcp, stream)) return undefined;
  const loop = new Loop(tcp, stream);
  return {
    accept(server, { wanted, accepted }) {
      const { _handle: handle } = server as unknown as { readonly _handle: TcpHandle | null };
      if (!(handle instanceof tcp.TCP)) return;
      const { onconnection } = handle;
      handle.onconnection = (status, client) => {
        if (client === undefined || status < 0 || !wanted()) {
          onconnection.call(handle, status, client);
          return;
        }
        loop.entered = true;
        accepted(new RawSocket(client, loop));
        loop.settle();
      };
    },
    connect(ip, port) {
      const handle = new tcp.TCP(tcp.constants.SOCKET);
      const socket = new RawSocket(handle, loop);
      const request = new tcp.TCPConnectWrap();
      request.owner = socket;
      request.oncomplete = onConnect;
      const status = ip.includes(':')
        ? handle.connect6(request, ip, port)
        : handle.connect(request, ip, port);
      // Whoever asked has to be able to say who is to be told.
      if (status < 0) process.nextTick(() => onConnect.call(request, status));
      return socket;
    },
  };
}

/** Whether these are the bindings as we know them, down to the names of the methods. */
function fits(tcp: TcpWrap, stream: StreamWrap): boolean {
  const methods = [
    'readStart',
    'readStop',
    'useUserBuffer',
    'writeBuffer',
    'writeLatin1String',
    'shutdown',
    'connect',
    'connect6',
    'setNoDelay',
    'getpeername',
    'getsockname',
    'reset',
    'close',
  ];
  const { prototype } = tcp.TCP as unknown as { readonly prototype: Readonly<Record<string, unknown>> };
  return (
    methods.every((name) => typeof prototype[name] === 'function') &&
    typeof tcp.TCPConnectWrap === 'function' &&
    typeof stream.WriteWrap === 'function' &&
    typeof stream.ShutdownWrap === 'function' &&
    stream.streamBaseState instanceof Int32Array &&
    [stream.kReadBytesOrError, stream.kLastWriteWasAsync].every(Number.isInteger) &&
    Number.isInteger(tcp.constants.SOCKET)
  );
}
