import { randomBytes } from 'node:crypto';
import type { Copy, CopyRequest } from '../model/copy.ts';
import { offeredDeflate } from '../wire/websocket/handshake.ts';
import type { BodyRedaction } from './body-redaction.ts';
import type { BreakerPass } from './breaker.ts';
import type { Origin } from './origin.ts';
import { WebSocketCopy } from './web-socket-copy.ts';
import type { WebSocketEnd, WebSocketHost } from './web-socket-copy.ts';

/** What the WebSockets of a mirror need of it. */
export interface WebSocketsHost extends Omit<WebSocketHost, 'origin' | 'redact' | 'over' | 'closed'> {
  readonly origin: Origin;
  readonly redaction: BodyRedaction | undefined;
  /** A copy is over. */
  over(request: CopyRequest, pass: BreakerPass, end: WebSocketEnd): void;
}

const UNNAMED = { path: '', header: () => undefined };
/** What each side says for its own connection only (RFC 6455 §4.1). */
const OWN_FIELDS = /^sec-websocket-(?:key|version|extensions|accept):.*\r\n/gim;

/** The WebSocket connections to one mirror: as many at once as copies may be under way, besides these. */
export class WebSockets {
  readonly #host: WebSocketsHost;
  readonly #copyHost: WebSocketHost;
  readonly #passes = new Map<WebSocketCopy, BreakerPass>();
  readonly #open = new Set<WebSocketCopy>();
  #onEmpty: (() => void) | undefined;

  constructor(host: WebSocketsHost) {
    const { origin, redaction } = host;
    this.#host = host;
    this.#copyHost = {
      ...host,
      // HTTP/2 has another way to open one (RFC 8441).
      origin: { ...origin, tls: origin.tls && { ...origin.tls, ALPNProtocols: ['http/1.1'] } },
      redact: (payload) => (redaction === undefined ? payload : redaction.redact(UNNAMED, payload)),
      over: (copy, end) => this.#over(copy, end),
      closed: (copy) => {
        this.#open.delete(copy);
        if (this.#open.size === 0) this.#onEmpty?.();
      },
    };
  }

  /** Copies that are not over. */
  get size(): number {
    return this.#passes.size;
  }

  /** @param head the copy's head in HTTP/1.1, as of a request without an upgrade */
  start(request: CopyRequest, head: string, pass: BreakerPass): Copy {
    const key = randomBytes(16).toString('base64');
    const offer = offeredDeflate(request.head);
    const lines = [
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${key}`,
      ...(offer === '' ? [] : [`Sec-WebSocket-Extensions: ${offer}`]),
    ];
    const asking = `${head.replaceAll(OWN_FIELDS, '').slice(0, -2)}${lines.join('\r\n')}\r\n\r\n`;
    const copy = new WebSocketCopy(this.#copyHost, request, asking, key);
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
