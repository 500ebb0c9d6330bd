import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isLoopbackHost } from '../model/address.ts';
import { ApiProblem } from './problem.ts';

export interface GuardOptions {
  /** Bearer token that callers must know; undefined asks for none. */
  readonly token: string | undefined;
  /** Whether the API listens on loopback TCP, where a browser on this machine can be lured to. */
  readonly loopback: boolean;
}

export interface GuardedRequest {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  /** Whether the route is open to callers without the token. */
  readonly open: boolean;
}

/** Makes the check that every request passes first; it throws an `ApiProblem`. */
export function createGuard(options: GuardOptions): (request: GuardedRequest) => void {
  const expected = options.token === undefined ? undefined : digest(options.token);
  return ({ method, headers, open }) => {
    if (options.loopback && expected === undefined) checkHost(headers.host);
    if (method !== 'GET' && method !== 'HEAD') checkOrigin(headers);
    if (expected !== undefined && !open) checkToken(headers.authorization, expected);
  };
}

/**
 * Without a token, being on this machine is what lets a caller in. A page on the web gets there by pointing its own name
 * at 127.0.0.1 (DNS rebinding), and gives itself away by that name.
 */
function checkHost(host: string | undefined): void {
  // Only HTTP/1.0 may leave it out, and no browser does.
  if (host === undefined) return;
  const name = host.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1');
  if (!isLoopbackHost(name)) {
    throw new ApiProblem(403, 'The Host header must name this machine: localhost or a loopback address.');
  }
}

/** A page of another site may send a simple POST without asking; browsers then say where it comes from. */
function checkOrigin(headers: IncomingHttpHeaders): void {
  const { origin, host } = headers;
  const site = headers['sec-fetch-site'];
  const own = origin === undefined || (URL.canParse(origin) && new URL(origin).host === host?.toLowerCase());
  if (!own || (site !== undefined && site !== 'same-origin' && site !== 'none')) {
    throw new ApiProblem(403, 'Requests that change something are not taken from other sites.');
  }
}

function checkToken(authorization: string | undefined, expected: Buffer): void {
  const given = /^Bearer +([^\s]+)$/i.exec(authorization ?? '')?.[1];
  // Digests have one length, so the comparison takes the same time for every token.
  if (given !== undefined && timingSafeEqual(digest(given), expected)) return;
  throw new ApiProblem(401, 'Send the token of the configuration: "Authorization: Bearer <token>".', {
    'www-authenticate': 'Bearer realm="understudy"',
  });
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
