import { once } from 'node:events';
import { connect as connectSession, constants } from 'node:http2';
import type { ClientHttp2Session, IncomingHttpHeaders } from 'node:http2';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { REFLECTION_METHODS, ReflectionDialogue, ReflectionError } from '../compare/protobuf/reflection.ts';
import type { ReflectionLimits } from '../compare/protobuf/reflection.ts';
import { messageOf } from '../kit/errors.ts';
import type { Origin } from '../mirror/origin.ts';
import type { PrimarySettings } from '../model/settings.ts';
import { version } from '../version.ts';
import { COMPRESSED, PrefixedMessageReader, prefixed } from '../wire/grpc/message-reader.ts';

export interface ReflectionTarget {
  readonly origin: Origin;
  readonly sendProxyProtocol: PrimarySettings['sendProxyProtocol'];
}

/** PROXY headers of connections that nobody is behind (haproxy, proxy-protocol.txt §2.1 and §2.2). */
const PROXY_HEADERS = {
  v1: Buffer.from('PROXY UNKNOWN\r\n'),
  v2: Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex'),
} as const;

/** gRPC status: the server does not know the method. */
const UNIMPLEMENTED = '12';
const SHOWN_CHARS = 200;

/**
 * Asks a server for the descriptors of all its services: by v1 of server reflection, or, where it does not know that, by
 * v1alpha. One connection, over HTTP/2 with or without TLS, which is closed at the end.
 *
 * @param timeoutMs from the connect to the last answer
 * @throws ReflectionError
 */
export async function askForDescriptors(
  target: ReflectionTarget,
  limits: ReflectionLimits,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ReflectionDialogue> {
  const late = AbortSignal.timeout(timeoutMs);
  const over = AbortSignal.any([signal, late]);
  let socket: Socket | undefined;
  let session: ClientHttp2Session | undefined;
  const onAbort = (): void => {
    session?.destroy();
    socket?.destroy();
  };
  over.addEventListener('abort', onAbort);
  try {
    socket = await connected(target, over, (made) => {
      socket = made;
    });
    const made = socket;
    session = connectSession(
      `${target.origin.tls === undefined ? 'http' : 'https'}://${target.origin.host}`,
      {
        createConnection: () => made,
        settings: { enablePush: false, initialWindowSize: 1024 * 1024 },
      },
    );
    // What is wrong with it shows at its streams too.
    session.on('error', () => {});
    for (const path of REFLECTION_METHODS) {
      const dialogue = new ReflectionDialogue(limits);
      if (await converse(session, path, dialogue, limits)) return dialogue;
    }
    throw new ReflectionError('unimplemented', 'it has no server reflection');
  } catch (error) {
    if (late.aborted) throw new ReflectionError('timeout', `no answer within ${timeoutMs} ms`);
    if (error instanceof ReflectionError) throw error;
    throw new ReflectionError('unreachable', messageOf(error));
  } finally {
    over.removeEventListener('abort', onAbort);
    session?.destroy();
    socket?.destroy();
  }
}

async function connected(
  { origin, sendProxyProtocol }: ReflectionTarget,
  signal: AbortSignal,
  onSocket: (socket: Socket) => void,
): Promise<Socket> {
  const socket = connect(origin.target);
  onSocket(socket);
  socket.on('error', () => {});
  await once(socket, 'connect', { signal });
  if (sendProxyProtocol !== 'off') socket.write(PROXY_HEADERS[sendProxyProtocol]);
  if (origin.tls === undefined) return socket;
  const secured = connectTls({ ...origin.tls, ALPNProtocols: ['h2'], socket });
  onSocket(secured);
  secured.on('error', () => {});
  await once(secured, 'secureConnect', { signal });
  if (secured.alpnProtocol !== 'h2') throw new ReflectionError('unreachable', 'it does not speak HTTP/2');
  return secured;
}

/** @returns false when the server does not know this method */
function converse(
  session: ClientHttp2Session,
  path: string,
  dialogue: ReflectionDialogue,
  { bytes }: ReflectionLimits,
): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const stream = session.request(
    {
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: path,
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
      [constants.HTTP2_HEADER_TE]: 'trailers',
      [constants.HTTP2_HEADER_USER_AGENT]: `understudy/${version}`,
    },
    { endStream: false },
  );
  // A file may fill the bound, and its answer repeats the question.
  const reader = new PrefixedMessageReader(bytes + 64 * 1024);
  let status: string | undefined;
  let message = '';
  const told = (fields: IncomingHttpHeaders): void => {
    status = fields['grpc-status']?.toString() ?? status;
    message = fields['grpc-message']?.toString().slice(0, SHOWN_CHARS) ?? message;
  };
  const take = (chunk: Buffer): void => {
    const messages = reader.push(chunk);
    if (messages === undefined)
      throw new ReflectionError('too_many_bytes', `more than ${bytes} bytes of files`);
    for (const { flags, payload } of messages) {
      if ((flags & COMPRESSED) !== 0)
        throw new ReflectionError('malformed', 'the answer is compressed unasked');
      const next = dialogue.answered(payload);
      if (next === undefined) resolve(true);
      else stream.write(prefixed(next));
    }
  };
  stream.on('response', (fields) => {
    told(fields);
    const code = fields[':status'];
    // A server that knows no gRPC at this path.
    if (code === 404 || code === 415) status = UNIMPLEMENTED;
    else if (code !== 200) reject(new ReflectionError('unreachable', `it answers with status ${code}`));
  });
  stream.on('trailers', told);
  stream.on('data', (chunk: Buffer) => {
    try {
      take(chunk);
    } catch (error) {
      reject(error);
    }
  });
  stream.on('error', reject);
  stream.on('close', () => {
    if (status === UNIMPLEMENTED) resolve(false);
    else
      reject(new ReflectionError('unreachable', `it ends the call: ${message} (${status ?? 'no status'})`));
  });
  stream.write(prefixed(dialogue.first));
  return promise;
}
