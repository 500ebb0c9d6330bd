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
  onread: (this: TcpHandle, buffer: ArrayBuffer | undefined) => void;
  onconnection: (this: TcpHandle, status: number, client: TcpHandle | undefined) => void;
  owner?: RawSocket;
  readStart(): number;
  readStop(): number;
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
  shutdown(request: ShutdownRequest): number;
  connect(request: ConnectRequest, ip: string, port: number): number;
  connect6(request: ConnectRequest, ip: string, port: number): number;
  setNoDelay(on: boolean): number;
  getpeername(into: Partial<Address>): number;
  getsockname(into: Partial<Address>): number;
  reset(done: () => void): number;
  close(done: () => void): void;
}

interface Address {
  readonly address: string;
  readonly port: number;
}

interface Request {
  owner?: RawSocket | undefined;
}
interface WriteRequest extends Request {
  bytes?: Uint8Array;
  oncomplete?: (this: WriteRequest, status: number) => void;
}
interface ShutdownRequest extends Request {
  oncomplete?: (this: ShutdownRequest, status: number) => void;
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
  readonly ShutdownWrap: new () => ShutdownRequest;
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kArrayBufferOffset: number;
  readonly kLastWriteWasAsync: number;
}

/** Who is told what happens on a connection; one object may serve many. */
export interface RawHandler {
  /** Only for connections that were made here. */
  connected?(socket: RawSocket): void;
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
  readonly #wrap: StreamWrap;
  /** A request object that was not needed: most writes are over when they return. */
  #spare: WriteRequest | undefined;
  #reading = false;
  #readEnded = false;
  #writeFinished = false;
  #whenFlushed: (() => void) | undefined;
  #peer: Partial<Address> | undefined;

  constructor(handle: TcpHandle, wrap: StreamWrap) {
    this.#handle = handle;
    this.#wrap = wrap;
    handle.owner = this;
    handle.onread = onRead;
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
    if (this.#handle.readStart() < 0) this.#fail();
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
    const request = this.#spare ?? new this.#wrap.WriteWrap();
    this.#spare = undefined;
    const failure = this.#handle.writeBuffer(request, bytes);
    if (failure < 0) {
      this.#fail();
      return false;
    }
    if (this.#wrap.streamBaseState[this.#wrap.kLastWriteWasAsync] === 0) {
      this.#spare = request;
      return this.writableLength === 0;
    }
    request.owner = this;
    request.bytes = bytes;
    request.oncomplete = onWritten;
    this.writableLength += bytes.length;
    return false;
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
    const request = new this.#wrap.ShutdownWrap();
    request.owner = this;
    request.oncomplete = onShutdown;
    if (this.#handle.shutdown(request) < 0) this.#fail();
  }

  /** Closes at once. */
  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#handle.close(() => this.handler?.closed(this));
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
    const closed = (): void => this.handler?.closed(this);
    if (this.#handle.reset(closed) < 0) this.#handle.close(closed);
  }

  /** For the functions below only. */
  onRead(buffer: ArrayBuffer | undefined): void {
    const { streamBaseState, kReadBytesOrError, kArrayBufferOffset } = this.#wrap;
    const bytes = streamBaseState[kReadBytesOrError] ?? 0;
    if (this.destroyed || bytes === 0) return;
    if (bytes > 0) {
      if (buffer !== undefined)
        this.handler?.data(this, new Uint8Array(buffer, streamBaseState[kArrayBufferOffset], bytes));
      return;
    }
    if (bytes !== EOF) {
      this.#fail();
      return;
    }
    this.#readEnded = true;
    this.#reading = false;
    this.handler?.ended(this);
    if (this.#writeFinished) this.destroy();
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
    else if (!this.writableEnded) this.handler?.drained(this);
  }

  onShutdown(status: number): void {
    if (this.destroyed) return;
    if (status < 0) {
      this.#fail();
      return;
    }
    this.#writeFinished = true;
    if (this.#readEnded) this.destroy();
  }

  onConnected(status: number): void {
    if (this.destroyed) return;
    if (status < 0) {
      this.#fail();
      return;
    }
    this.#handle.setNoDelay(true);
    this.handler?.connected?.(this);
  }

  #fail(): void {
    if (this.destroyed) return;
    this.handler?.failed(this);
    this.destroy();
  }

  /** Asked for once: it costs a system call. */
  #remote(): Partial<Address> {
    this.#peer ??= this.#end('getpeername');
    return this.#peer;
  }

  #end(which: 'getpeername' | 'getsockname'): Partial<Address> {
    const address: Partial<Address> = {};
    if (!this.destroyed) this.#handle[which](address);
    return address;
  }
}

// One function each for all connections.
function onRead(this: TcpHandle, buffer: ArrayBuffer | undefined): void {
  this.owner?.onRead(buffer);
}

function onWritten(this: WriteRequest, status: number): void {
  this.owner?.onWritten(this.bytes?.length ?? 0, status);
}

function onShutdown(this: ShutdownRequest, status: number): void {
  this.owner?.onShutdown(status);
}

function onConnect(this: ConnectRequest, status: number): void {
  this.owner?.onConnected(status);
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
        client.setNoDelay(true);
        accepted(new RawSocket(client, stream));
      };
    },
    connect(ip, port) {
      const handle = new tcp.TCP(tcp.constants.SOCKET);
      const socket = new RawSocket(handle, stream);
      const request = new tcp.TCPConnectWrap();
      request.owner = socket;
      request.oncomplete = onConnect;
      const status = ip.includes(':')
        ? handle.connect6(request, ip, port)
        : handle.connect(request, ip, port);
      // Whoever asked has to be able to say who is to be told.
      if (status < 0) process.nextTick(() => socket.onConnected(status));
      return socket;
    },
  };
}

/** Whether these are the bindings as we know them, down to the names of the methods. */
function fits(tcp: TcpWrap, stream: StreamWrap): boolean {
  const methods = [
    'readStart',
    'readStop',
    'writeBuffer',
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
    [stream.kReadBytesOrError, stream.kArrayBufferOffset, stream.kLastWriteWasAsync].every(
      Number.isInteger,
    ) &&
    Number.isInteger(tcp.constants.SOCKET)
  );
}
