import { once } from 'node:events';
import http2 from 'node:http2';
import type { ClientHttp2Session, OutgoingHttpHeaders, ServerHttp2Stream, Settings } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { frame, encodeSettings } from '../../src/wire/http2/encode.ts';
import { CLIENT_PREFACE, FLAG, FRAME } from '../../src/wire/http2/frame.ts';
import { FrameDecoder } from '../../src/wire/http2/frame-decoder.ts';
import type { Field } from '../../src/wire/http2/static-table.ts';
import { startRecordingRelay } from '../fixtures/http2-recorder.ts';
import type { Piece } from '../fixtures/http2-recorder.ts';

/** One request and its answer, as somebody wants them or has seen them. */
export interface Message {
  readonly fields: readonly Field[];
  readonly body: string;
  readonly trailers: readonly Field[];
}

export interface WantedExchange {
  readonly target: string;
  readonly request: Message;
  readonly response: Message;
  /** Names that go out as never to be indexed. */
  readonly sensitive: readonly string[];
  /** Settings that either side announces before it. */
  readonly clientSettings: Settings | undefined;
  readonly serverSettings: Settings | undefined;
}

/** What Node's own ends say that they received. */
export interface NodeExchange {
  readonly target: string;
  readonly request: Message;
  readonly response: Message;
}

export interface Conversation {
  readonly exchanges: readonly NodeExchange[];
  readonly pieces: readonly Piece[];
}

/** Node's HTTP/2 client and server, and a relay between them that records. */
export class NodeConversations implements AsyncDisposable {
  readonly #server = http2.createServer();
  #relay: Awaited<ReturnType<typeof startRecordingRelay>> | undefined;
  readonly #wanted = new Map<string, WantedExchange>();
  readonly #received = new Map<string, Message>();

  async start(): Promise<this> {
    this.#server.on('stream', (stream, headers, _flags, raw) => {
      void this.#answer(
        stream as ServerHttp2Stream,
        String(headers[':path']),
        pairsOf(raw as unknown as readonly string[]),
      );
    });
    this.#server.on('sessionError', () => {});
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#relay = await startRecordingRelay((this.#server.address() as AddressInfo).port);
    return this;
  }

  /** Port of the server itself. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Has these exchanges on a connection of their own, all at once or one after the other. */
  async talk(
    wanted: readonly WantedExchange[],
    settings: Settings,
    concurrent: boolean,
  ): Promise<Conversation> {
    const relay = this.#relay;
    if (relay === undefined) throw new Error('not started');
    relay.take();
    for (const exchange of wanted) this.#wanted.set(exchange.target, exchange);
    const session = http2.connect(`http://127.0.0.1:${relay.port}`, { settings });
    const answers: Message[] = [];
    if (concurrent) {
      answers.push(...(await Promise.all(wanted.map((exchange) => ask(session, exchange)))));
    } else {
      for (const exchange of wanted) {
        if (exchange.clientSettings !== undefined) session.settings(exchange.clientSettings);
        answers.push(await ask(session, exchange));
      }
    }
    const closed = once(session, 'close');
    session.close();
    await closed;
    const exchanges = wanted.map(({ target }, at) => ({
      target,
      request: this.#received.get(target) ?? NOTHING,
      response: answers[at] ?? NOTHING,
    }));
    this.#wanted.clear();
    this.#received.clear();
    return { exchanges, pieces: relay.take() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#relay?.[Symbol.dispose]();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #answer(stream: ServerHttp2Stream, target: string, fields: readonly Field[]): Promise<void> {
    stream.on('error', () => {});
    let trailers: readonly Field[] = [];
    stream.on('trailers', (_headers, _flags, raw: readonly string[]) => {
      trailers = pairsOf(raw);
    });
    const body = await readAll(stream);
    this.#received.set(target, { fields, body, trailers });
    const wanted = this.#wanted.get(target);
    if (wanted === undefined) return;
    if (wanted.serverSettings !== undefined) stream.session?.settings(wanted.serverSettings);
    const { response, sensitive } = wanted;
    const headers = { ':status': 200, ...headersOf(response.fields, sensitive) };
    const hasTrailers = response.trailers.length > 0;
    stream.respond(headers, {
      waitForTrailers: hasTrailers,
      endStream: response.body === '' && !hasTrailers,
    });
    if (hasTrailers) stream.on('wantTrailers', () => stream.sendTrailers(headersOf(response.trailers, [])));
    if (response.body !== '' || hasTrailers) stream.end(response.body, 'latin1');
  }
}

const NOTHING: Message = { fields: [], body: '', trailers: [] };

async function ask(session: ClientHttp2Session, wanted: WantedExchange): Promise<Message> {
  const { request, target, sensitive } = wanted;
  const headers = {
    ':method': 'POST',
    ':path': target,
    ...headersOf(request.fields, sensitive),
  };
  const hasTrailers = request.trailers.length > 0;
  const endStream = request.body === '' && !hasTrailers;
  const stream = session.request(headers, { waitForTrailers: hasTrailers, endStream });
  let fields: readonly Field[] = [];
  let trailers: readonly Field[] = [];
  stream.on('response', (...event: readonly unknown[]) => {
    fields = pairsOf(event[2] as readonly string[]);
  });
  stream.on('trailers', (...event: readonly unknown[]) => {
    trailers = pairsOf(event[2] as readonly string[]);
  });
  if (hasTrailers) stream.on('wantTrailers', () => stream.sendTrailers(headersOf(request.trailers, [])));
  if (!endStream) stream.end(request.body, 'latin1');
  const body = await readAll(stream);
  return { fields, body, trailers };
}

async function readAll(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}

function headersOf(fields: readonly Field[], sensitive: readonly string[]): OutgoingHttpHeaders {
  const headers: Record<string, string[]> = {};
  for (const [name, value] of fields) (headers[name] ??= []).push(value);
  return { ...headers, [http2.sensitiveHeaders]: sensitive } as OutgoingHttpHeaders;
}

function pairsOf(raw: readonly string[]): readonly Field[] {
  const fields: Field[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) fields.push([raw[i] ?? '', raw[i + 1] ?? '']);
  return fields;
}

const COMPRESSION_ERROR = 9;

/**
 * Whether Node can read header blocks that follow each other on one connection; each one comes in a request of its own.
 *
 * @returns the number of blocks that it took before it said that the compression is broken; all when it never did
 */
export async function blocksNodeReads(port: number, blocks: readonly Uint8Array[]): Promise<number> {
  const socket = connect(port, '127.0.0.1');
  const done = Promise.withResolvers<number>();
  let read = 0;
  const decoder = new FrameDecoder({
    ...IGNORED,
    ping: (_payload, acknowledged) => {
      if (!acknowledged) return;
      read++;
      if (read === blocks.length) done.resolve(read);
      else send();
    },
    goAway: (_last, code) => {
      if (code === COMPRESSION_ERROR) done.resolve(read);
      else done.reject(new Error(`Node ended the connection with code ${code}`));
    },
  });
  socket.on('data', (chunk: Buffer) => decoder.write(chunk));
  socket.on('error', done.reject);
  socket.on('close', () => done.reject(new Error('Node closed the connection')));
  socket.write(Buffer.concat([Buffer.from(CLIENT_PREFACE), encodeSettings([])]));
  // One by one: Node forgets the pings that it has not answered when it ends a connection.
  const send = (): void => {
    const block = blocks[read] ?? Buffer.alloc(0);
    const request = frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, 2 * read + 1, block);
    socket.write(Buffer.concat([request, frame(FRAME.ping, 0, 0, Buffer.alloc(8))]));
  };
  send();
  return done.promise.finally(() => socket.destroy());
}

const nothing = (): void => {};
const IGNORED = {
  headers: nothing,
  data: nothing,
  dataGap: nothing,
  end: nothing,
  reset: nothing,
  setting: nothing,
  settingsAcknowledged: nothing,
  windowUpdate: nothing,
  ping: nothing,
  pushPromise: nothing,
  goAway: nothing,
  fault: nothing,
};
