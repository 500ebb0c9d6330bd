import { randomBytes } from 'node:crypto';
import type { Copy, CopyRequest } from '../model/copy.ts';
import type { RequestHead } from '../model/exchange.ts';
import { requestHead } from '../model/request-head.ts';
import { offeredDeflate } from '../wire/websocket/handshake.ts';
import type { BodyRedaction } from './body-redaction.ts';
import type { BreakerPass } from './breaker.ts';
import type { CarrierPool } from './carrier.ts';
import { INDEXED, fieldOf } from './header-block.ts';
import type { Origin } from './origin.ts';
import { WebSocketCopy } from './web-socket-copy.ts';
import type { WebSocketEnd, WebSocketHost } from './web-socket-copy.ts';
import { WebSocketRoute } from './web-socket-route.ts';
import type { RouteHost, WebSocketForms } from './web-socket-route.ts';

/** What the WebSockets of a mirror need of it. */
export interface WebSocketsHost extends Omit<WebSocketHost, 'redact' | 'over' | 'closed'> {
  readonly origin: Origin;
  readonly pool: CarrierPool;
  readonly redaction: BodyRedaction | undefined;
  /** A copy is over. */
  over(request: CopyRequest, pass: BreakerPass, end: WebSocketEnd): void;
}

const UNNAMED = { path: '', header: () => undefined };
/** What each side says for its own connection only (RFC 6455 §4.1). */
const OWN_FIELDS = /^sec-websocket-(?:key|version|extensions|accept)$/i;

/** The WebSocket connections to one mirror: as many at once as copies may be under way, besides these. */
export class WebSockets {
  readonly #host: WebSocketsHost;
  readonly #copyHost: WebSocketHost;
  readonly #routeHost: RouteHost;
  readonly #passes = new Map<WebSocketCopy, BreakerPass>();
  readonly #open = new Set<WebSocketCopy>();
  #onEmpty: (() => void) | undefined;

  constructor(host: WebSocketsHost) {
    const { origin, redaction } = host;
    this.#host = host;
    this.#copyHost = {
      ...host,
      redact: (payload) => (redaction === undefined ? payload : redaction.redact(UNNAMED, payload)),
      over: (copy, end) => this.#over(copy, end),
      closed: (copy) => {
        this.#open.delete(copy);
        if (this.#open.size === 0) this.#onEmpty?.();
      },
    };
    this.#routeHost = {
      pool: host.pool,
      stats: host.stats,
      origin: { ...origin, tls: origin.tls && { ...origin.tls, ALPNProtocols: ['http/1.1'] } },
    };
  }

  /** Copies that are not over. */
  get size(): number {
    return this.#passes.size;
  }

  /** @param forms as `webSocketForms` gives them */
  start(request: CopyRequest, forms: WebSocketForms, pass: BreakerPass): Copy {
    const offersDeflate = offeredDeflate(request.head) !== '';
    const copy = new WebSocketCopy(
      this.#copyHost,
      request,
      offersDeflate,
      (events) => new WebSocketRoute(this.#routeHost, forms, events),
    );
    this.#passes.set(copy, pass);
    this.#open.add(copy);
    return copy;
  }

  get hasRoom(): boolean {
    return this.#passes.size < this.#host.limits.concurrency;
  }

  sweep(nowMs: number): void {
    for (const copy of this.#passes.keys()) copy.sweep(nowMs);
  }

  destroy(): void {
    for (const copy of this.#passes.keys()) copy.fail('shutdown');
  }

  /** Resolves when no socket is left; only one may wait for that. */
  async empty(): Promise<void> {
    if (this.#open.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  #over(copy: WebSocketCopy, end: WebSocketEnd): void {
    const pass = this.#passes.get(copy);
    if (pass === undefined) return;
    this.#passes.delete(copy);
    this.#host.over(copy.request, pass, end);
  }
}

/** Writes the head of a copy, undefined where there is more than one way to read it. */
export interface WebSocketRewriter {
  head(head: RequestHead, body: 'none', id: string): string | undefined;
  block(head: RequestHead, body: 'none', id: string): string | undefined;
}

/**
 * The ways to ask a mirror for the WebSocket that a client asks for.
 *
 * @returns undefined when the request cannot be written without being open to more than one reading
 */
export function webSocketForms(
  rewriter: WebSocketRewriter,
  head: RequestHead,
  id: string,
): WebSocketForms | undefined {
  const key = randomBytes(16).toString('base64');
  const offer = offeredDeflate(head);
  const kept = [...head.headers()].filter(([name]) => !OWN_FIELDS.test(name) && !/^host$/i.test(name));
  const bare = [
    ['Host', head.authority],
    ...kept,
    ['Sec-WebSocket-Version', '13'],
    ...(offer === '' ? [] : [['Sec-WebSocket-Extensions', offer] as const]),
  ] as const;
  // HTTP/2 has no use for a key, but a gateway that goes on in HTTP/1.1 may pass it on instead of making one (Envoy).
  const keyed = head.header('sec-websocket-key') === undefined ? [] : [['Sec-WebSocket-Key', key] as const];
  const text = rewriter.head(requestHead('GET', head.target, bare), 'none', id);
  const block = rewriter.block(requestHead('GET', head.target, [...bare, ...keyed]), 'none', id);
  if (text === undefined || block === undefined) return undefined;
  const lines = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: ${key}\r\n\r\n`;
  return {
    upgrade: { text: text.slice(0, -2) + lines, key },
    // RFC 8441 §4: what would be a GET.
    connect: CONNECT + block.slice(INDEXED.get.length),
  };
}

const CONNECT = fieldOf(':method', 'CONNECT') + fieldOf(':protocol', 'websocket');
