import { once } from 'node:events';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect, type IncomingHttpHeaders } from 'node:http2';
import { HEADERS } from './scenarios.ts';

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

const REQUEST_TIMEOUT_MS = 10_000;

/** `h2c`: HTTP/2 by prior knowledge. */
export type Scheme = 'http' | 'https' | 'h2c';

export function httpGet(port: number, path: string): Promise<Answer> {
  return send('http', port, path);
}

/** One request on a connection of its own, POST when there is a body. */
export async function send(scheme: Scheme, port: number, path: string, body?: Buffer): Promise<Answer> {
  if (scheme === 'h2c') return sendHttp2(port, path, body);
  const request = (scheme === 'https' ? httpsRequest : httpRequest)({
    host: '127.0.0.1',
    port,
    path,
    agent: false,
    rejectUnauthorized: false,
    method: body === undefined ? 'GET' : 'POST',
    headers: { ...HEADERS, ...(body === undefined ? {} : { 'content-length': body.length }) },
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  }).end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode ?? 0, body: Buffer.concat(chunks) };
}

async function sendHttp2(port: number, path: string, body: Buffer | undefined): Promise<Answer> {
  const session = connect(`http://127.0.0.1:${port}`);
  const failed = once(session, 'error').then(([error]) => {
    throw error as Error;
  });
  try {
    const method = body === undefined ? 'GET' : 'POST';
    const length = body === undefined ? {} : { 'content-length': body.length };
    const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    const stream = session.request(
      { ':method': method, ':path': path, ...HEADERS, ...length },
      { endStream: body === undefined, signal },
    );
    if (body !== undefined) stream.end(body);
    const [headers] = await Promise.race([once(stream, 'response'), failed]);
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    return { status: Number((headers as IncomingHttpHeaders)[':status']), body: Buffer.concat(chunks) };
  } finally {
    session.destroy();
    failed.catch(() => {});
  }
}
