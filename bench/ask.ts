import { once } from 'node:events';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { HEADERS } from './scenarios.ts';

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

const REQUEST_TIMEOUT_MS = 10_000;

export function httpGet(port: number, path: string): Promise<Answer> {
  return httpSend(port, path, false);
}

/** One request on a connection of its own, POST when there is a body. */
export async function httpSend(port: number, path: string, tls: boolean, body?: Buffer): Promise<Answer> {
  const request = (tls ? httpsRequest : httpRequest)({
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
