import { createHash } from 'node:crypto';

/** RFC 6455 §1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

interface Head {
  header(name: string): string | undefined;
  headers(): Iterable<readonly [name: string, value: string]>;
}

/** Which sides' messages refer to their earlier ones (RFC 7692 §7.1.1). */
export interface DeflateAgreement {
  readonly clientTakeover: boolean;
  readonly serverTakeover: boolean;
}

/** What was agreed on: no extension, permessage-deflate, or what cannot be read. */
export type Extensions = 'none' | 'unknown' | DeflateAgreement;

/** A head of HTTP/1.1, or one of HTTP/2 with its `:protocol` (RFC 8441 §4). */
interface Request extends Head {
  readonly method: string;
  readonly protocol?: string | undefined;
}

/** Whether a request is for a WebSocket, perhaps improperly. */
export function wantsWebSocket(request: Request): boolean {
  return request.protocol === 'websocket' || request.header('upgrade')?.toLowerCase() === 'websocket';
}

/** Whether a request asks for a WebSocket in HTTP/1.1 (RFC 6455 §4.2.1) or HTTP/2 (RFC 8441 §5). */
export function asksForWebSocket(request: Request): boolean {
  if (request.header('sec-websocket-version') !== '13') return false;
  if (request.protocol === 'websocket') return true;
  return (
    request.method === 'GET' &&
    request.header('upgrade')?.toLowerCase() === 'websocket' &&
    /^[A-Za-z0-9+/]{22}==$/.test(request.header('sec-websocket-key') ?? '')
  );
}

/** Value of Sec-WebSocket-Accept for a key (RFC 6455 §4.2.2). */
export function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}${GUID}`).digest('base64');
}

/** Whether an answer opens the WebSocket that a key asked for (RFC 6455 §4.1). */
export function opensWebSocket(answer: Head & { readonly status: number }, key: string): boolean {
  return (
    answer.status === 101 &&
    answer.header('upgrade')?.toLowerCase() === 'websocket' &&
    answer.header('sec-websocket-accept') === acceptOf(key)
  );
}

/** The extensions that an answer names (RFC 6455 §9.1, RFC 7692 §7.1). */
export function agreedExtensions(answer: Head): Extensions {
  const named = extensionsOf(answer);
  const [only] = named;
  if (only === undefined) return 'none';
  const parameters = parametersOf(only);
  if (named.length > 1 || parameters === undefined) return 'unknown';
  return {
    clientTakeover: !parameters.has('client_no_context_takeover'),
    serverTakeover: !parameters.has('server_no_context_takeover'),
  };
}

/** The offers of a request that are understood here, as they stand there; empty when there are none. */
export function offeredDeflate(request: Head): string {
  return extensionsOf(request)
    .filter((extension) => parametersOf(extension) !== undefined)
    .join(', ');
}

const WINDOW_BITS = /^(?:[89]|1[0-5])$/;

/** The parameters of a proper permessage-deflate; undefined for anything else. */
function parametersOf(extension: string): ReadonlySet<string> | undefined {
  const [name, ...parts] = extension.split(';').map((part) => part.trim());
  if (name?.toLowerCase() !== 'permessage-deflate') return undefined;
  const seen = new Set<string>();
  for (const part of parts) {
    const [key = '', value] = part.split('=', 2).map((text) => text.trim().replace(/^"(.*)"$/, '$1'));
    if (seen.has(key)) return undefined;
    seen.add(key);
    if (key === 'client_no_context_takeover' || key === 'server_no_context_takeover') {
      if (value !== undefined) return undefined;
    } else if (key === 'client_max_window_bits') {
      if (value !== undefined && !WINDOW_BITS.test(value)) return undefined;
    } else if (key !== 'server_max_window_bits' || value === undefined || !WINDOW_BITS.test(value))
      return undefined;
  }
  return seen;
}

/** Extensions of all lines. Quoted values hold no commas in any that is understood. */
function extensionsOf(head: Head): readonly string[] {
  const found: string[] = [];
  for (const [name, value] of head.headers()) {
    if (name.toLowerCase() !== 'sec-websocket-extensions') continue;
    for (const extension of value.split(',')) if (extension.trim() !== '') found.push(extension.trim());
  }
  return found;
}
