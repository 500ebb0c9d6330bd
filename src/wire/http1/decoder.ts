import type { BrokenReason, Fault } from './fault.ts';
import { fault } from './fault.ts';
import { ControlFields } from './framing.ts';
import type { Framing } from './framing.ts';
import { Http1RequestHead, Http1ResponseHead, targetAuthority } from './head.ts';
import { MessageDecoder } from './message-decoder.ts';
import type { DecoderLimits, MessageHandler } from './message-handler.ts';
import { HOST } from './octets.ts';

export type { BrokenReason, DecoderLimits, Framing, MessageHandler };

const NO_REQUEST = fault('no_request', 'a response without a request that it could answer');
const HOST_MISSING = fault('bad_header', 'no Host in an HTTP/1.1 request');
const HOST_REPEATED = fault('bad_header', 'more than one Host');
const HOST_MALFORMED = fault('bad_header', 'Host is not a host with an optional port');
const BAD_FORM = fault('bad_start_line', 'the request target has a form that its method does not allow');
const BAD_AUTHORITY = fault('bad_start_line', 'the authority of the request target is malformed');

/**
 * Watches the client's side of an HTTP/1.1 connection (RFC 9112). After CONNECT everything is handed to `tunnel`; the
 * owner confirms with `tunnel()` when the answer was 2xx, or takes HTTP up again with `reset()` when it was not. After
 * an `Upgrade` request it goes on with HTTP until the owner, who sees the 101, calls `tunnel()`.
 */
export class RequestDecoder extends MessageDecoder<Http1RequestHead> {
  readonly #control = new ControlFields();

  constructor(handler: MessageHandler<Http1RequestHead>, limits?: DecoderLimits) {
    super('request', handler, limits);
  }

  protected onHead(text: string): void {
    const { lines } = this;
    const version = lines.minor === 0 ? '1.0' : '1.1';
    const head = new Http1RequestHead(text, lines.takeMarks(), version, lines.methodEnd, lines.targetEnd);
    this.#control.read(head);
    const flaw = targetFault(head) ?? this.#hostFault(head);
    const framing = flaw ?? this.#control.requestFraming(head);
    if (framing.kind === 'fault') this.fail(framing);
    else this.begin(head, framing, this.#control.last);
  }

  /** RFC 9112 §3.2: exactly one Host in HTTP/1.1, and never one that could be read in two ways. */
  #hostFault(head: Http1RequestHead): Fault | undefined {
    const { host, hosts } = this.#control;
    if (hosts > 1) return HOST_REPEATED;
    if (hosts === 0) return head.version === '1.1' ? HOST_MISSING : undefined;
    return isHost(head.value(host)) ? undefined : HOST_MALFORMED;
  }
}

/**
 * Watches the server's side of an HTTP/1.1 connection (RFC 9112). Interim responses (1xx) are messages of their own with
 * framing `none`; 101, and 2xx to CONNECT, turn the stream into a tunnel.
 */
export class ResponseDecoder extends MessageDecoder<Http1ResponseHead> {
  readonly #control = new ControlFields();
  readonly #requestMethod: () => string | undefined;

  /**
   * @param requestMethod called once for each response head, interim ones too: the method of the request that is being
   *   answered, on which the framing depends. Undefined: there is none, and the stream is given up with `no_request`.
   */
  constructor(
    handler: MessageHandler<Http1ResponseHead>,
    requestMethod: () => string | undefined,
    limits?: DecoderLimits,
  ) {
    super('response', handler, limits);
    this.#requestMethod = requestMethod;
  }

  protected onHead(text: string): void {
    const { lines } = this;
    const version = lines.minor === 0 ? '1.0' : '1.1';
    const head = new Http1ResponseHead(text, lines.takeMarks(), version, lines.status, lines.lineEnd);
    const method = this.#requestMethod();
    if (method === undefined) {
      this.fail(NO_REQUEST);
      return;
    }
    this.#control.read(head);
    const framing = this.#control.responseFraming(head, method);
    if (framing.kind === 'fault') this.fail(framing);
    else this.begin(head, framing, this.#control.last && head.status >= 200);
  }
}

/** RFC 9112 §3.2: origin form, absolute form, authority form for CONNECT only, `*` for OPTIONS only. */
function targetFault(head: Http1RequestHead): Fault | undefined {
  const { method, target } = head;
  if (method === 'CONNECT') return isHostAndPort(target) ? undefined : BAD_AUTHORITY;
  if (target.charCodeAt(0) === 0x2f) return undefined;
  if (target === '*') return method === 'OPTIONS' ? undefined : BAD_FORM;
  if (!/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(target)) return BAD_FORM;
  const authority = targetAuthority(method, target) ?? '';
  return authority !== '' && isHost(authority) ? undefined : BAD_AUTHORITY;
}

function isHostAndPort(target: string): boolean {
  const colon = target.lastIndexOf(':');
  return colon > 0 && /^\d{1,5}$/.test(target.slice(colon + 1)) && isHost(target);
}

function isHost(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (HOST[text.charCodeAt(i)] !== 1) return false;
  }
  return true;
}
