import { isIP } from 'node:net';
import { UserError } from '../kit/errors.ts';
import type { RequestHead } from '../model/exchange.ts';
import { requestHead } from '../model/request-head.ts';
import { checkHeaderName } from './checks.ts';

/** A request that somebody asks about. */
export interface CheckRequest {
  readonly head: RequestHead;
  /** Address of the client; empty when it is not known. */
  readonly sourceIp: string;
  /** Identity from the client's certificate. */
  readonly principal: string | undefined;
  /** The listener or capture it comes in on; undefined: for each policy one that the policy takes from. */
  readonly tap: string | undefined;
  /** Length of its body; 0 without one. */
  readonly bodyBytes: number;
}

/** A request as it is written on the command line. */
export interface WrittenRequest {
  /** `GET /api/x`, `/api/x` (GET), `POST http://orders.example/api/x`. */
  readonly request: string;
  /** `x-env: prod`. */
  readonly headers?: readonly string[] | undefined;
  readonly source?: string | undefined;
  readonly principal?: string | undefined;
  readonly tap?: string | undefined;
}

/** @throws UserError that names the flag */
export function parseCheckRequest(written: WrittenRequest): CheckRequest {
  const [, method = 'GET', target = ''] =
    /^\s*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s+)?(\S+)\s*$/.exec(written.request) ?? [];
  if (target === '' || !(/^(?:\/|\*$|[a-z][a-z0-9+.-]*:\/\/)/i.test(target) || method === 'CONNECT')) {
    throw mistake(
      '--request',
      `"${written.request}" is not a request`,
      "write it like --request 'GET /api/x'",
    );
  }
  const fields = (written.headers ?? []).map(parseHeader);
  const { source = '', principal, tap } = written;
  if (source !== '' && isIP(source) === 0) {
    throw mistake('--source', `"${source}" is not an IP address`, 'write it like --source 10.1.2.3');
  }
  const length = Number(fields.find(([name]) => name.toLowerCase() === 'content-length')?.[1] ?? 0);
  const bodyBytes = Number.isSafeInteger(length) && length > 0 ? length : 0;
  return { head: requestHead(method, target, fields), sourceIp: source, principal, tap, bodyBytes };
}

function parseHeader(text: string): readonly [name: string, value: string] {
  const [, name = '', value = ''] = /^([^:\s]+):\s*(.*?)\s*$/s.exec(text) ?? [];
  try {
    checkHeaderName(name);
  } catch (error) {
    throw mistake('--header', `"${text}" is not a header`, "write it like --header 'x-env: prod'", error);
  }
  return [name, value];
}

function mistake(where: string, message: string, hint: string, cause?: unknown): UserError {
  return new UserError(message, { code: 'usage', where, hint, cause });
}
