import { UserError, messageOf } from '../kit/errors.ts';
import type { CopyRequest } from '../model/copy.ts';
import type { RequestHead } from '../model/exchange.ts';
import type { Rewrite } from '../model/policy.ts';
import { EncodeError, encodeLastChunk, encodeRequestHead } from '../wire/http1/encode.ts';
import type { Http1RequestHead } from '../wire/http1/head.ts';
import { addedFields, compileFieldRules } from './field-rules.ts';
import type { Field, FieldRules } from './field-rules.ts';
import { http1Head } from './http1-head.ts';
import { ID_HEADER, MIRROR_HEADER } from './marker.ts';
import { rewritePath } from './path-rewrite.ts';
import { REDACTED, redactQuery } from './redact-query.ts';

/** Writes the requests of one policy as its mirror gets them. */
export interface RequestRewriter {
  /**
   * The head of a copy in HTTP/1.1: target and Host after the policy, without the fields of the client's connection
   * (RFC 9110 §7.6.1) and without markers that the client sent, named fields and parameters redacted, and with exactly
   * one framing (RFC 9112 §6).
   *
   * @param body what the copy's body will be, as in `CopyRequest`
   * @param id value of `x-understudy-id`
   * @returns the head, an octet for each character; undefined when the request cannot be written without being open to
   *   more than one reading
   */
  head(head: RequestHead, body: CopyRequest['body'], id: string): string | undefined;
  /** The end of a chunked body, with those trailer fields that a copy keeps and that can be sent. */
  lastChunk(trailers: readonly Field[] | undefined): Buffer;
}

const NOTHING: ReadonlySet<string> = new Set();
const LAST_CHUNK = encodeLastChunk();

/**
 * @param mirror value of `x-understudy-mirror`
 * @param fallbackHost Host of copies whose client sent none
 * @throws UserError when the policy asks for something that cannot be sent
 */
export function compileRewrite(rewrite: Rewrite, mirror: string, fallbackHost: string): RequestRewriter {
  const rules = compileFieldRules(rewrite);
  const added = addedFields(rewrite);
  const redactedParams = new Set(rewrite.redact.queryParams);
  const sameTarget = rewrite.path === undefined && redactedParams.size === 0;
  checkSettings(rewrite, added);
  const lastLines = [...added, [MIRROR_HEADER, mirror]]
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');

  function targetOf(head: Http1RequestHead): string {
    const { target } = head;
    if (target === '*' || (sameTarget && target.startsWith('/'))) return target;
    const path = rewrite.path === undefined ? head.path : rewritePath(head.path, rewrite.path);
    return head.query === '' ? path : `${path}?${redactQuery(head.query, redactedParams)}`;
  }

  return {
    head(given, body, id) {
      const head = http1Head(given);
      if (head === undefined || head.method === 'CONNECT') return undefined;
      const host = rewrite.host === 'preserve' ? head.authority || fallbackHost : rewrite.host;
      // Everything in it was read by the strict decoder, comes from checked settings, or is written here.
      return `${head.method} ${targetOf(head)} HTTP/1.1\r\nHost: ${host}\r\n${keptLines(head, rules, NOTHING)}${lastLines}${framing(body)}${ID_HEADER}: ${id}\r\n\r\n`;
    },
    lastChunk: (trailers) => (trailers === undefined ? LAST_CHUNK : lastChunk(trailers, rules)),
  };
}

function lastChunk(trailers: readonly Field[], rules: FieldRules): Buffer {
  const kept = trailers.flatMap(([name, value]): Field[] => {
    const rule = rules.of(name);
    if (rule === 'redact') return [[name, REDACTED]];
    return rule === 'keep' ? [[name, value]] : [];
  });
  try {
    return encodeLastChunk(kept);
  } catch (error) {
    if (!(error instanceof EncodeError)) throw error;
    return LAST_CHUNK;
  }
}

function framing(body: CopyRequest['body']): string {
  if (body === 'none') return '';
  return body === 'chunked' ? 'Transfer-Encoding: chunked\r\n' : `Content-Length: ${body}\r\n`;
}

/**
 * The field lines that a copy keeps. Runs of them go over as one piece of the head: a whole head of eight fields takes
 * 1.2 µs, against 2.8 when it is written a line at a time.
 *
 * @param named lower-case names that a Connection field lists
 */
function keptLines(head: Http1RequestHead, rules: FieldRules, named: ReadonlySet<string>): string {
  const count = head.fieldCount;
  let lines = '';
  let from = 0;
  let trailersWanted = false;
  for (let i = 0; i < count; i++) {
    const rule = rules.ofField(head, i);
    const isNamed = named !== NOTHING && named.has(head.name(i).toLowerCase());
    if (rule === 'keep' && !isNamed) continue;
    lines += head.lines(from, i);
    from = i + 1;
    if (rule === 'redact' && !isNamed) lines += `${head.name(i)}: ${REDACTED}\r\n`;
    else if (rule === 'te') trailersWanted ||= /(?:^|,)[ \t]*trailers[ \t]*(?:$|,)/i.test(head.value(i));
    else if (rule === 'connection' && named === NOTHING && namesFields(head, i)) {
      // Names are dropped wherever they stand, also ahead of this field: begin again with all of them.
      return keptLines(head, rules, connectionOptions(head));
    }
  }
  lines += head.lines(from, count);
  // TE is of this connection too, and has to be named as such (RFC 9110 §10.1.4).
  return trailersWanted ? `${lines}TE: trailers\r\nConnection: TE\r\n` : lines;
}

function namesFields(head: Http1RequestHead, index: number): boolean {
  return !head.valueIs(index, 'keep-alive') && !head.valueIs(index, 'close');
}

function connectionOptions(head: Http1RequestHead): ReadonlySet<string> {
  const options = new Set<string>();
  for (let i = 0; i < head.fieldCount; i++) {
    if (!head.nameIs(i, 'connection')) continue;
    for (const option of head.value(i).split(',')) options.add(option.trim().toLowerCase());
  }
  return options;
}

/** Finds at the start what would otherwise spoil every copy. */
function checkSettings({ host, path }: Rewrite, added: readonly Field[]): void {
  const before = path?.type === 'ReplacePrefixMatch' ? path.prefix : '/';
  try {
    const target = path === undefined ? before : rewritePath(before, path);
    encodeRequestHead('GET', target, [['Host', host], ...added], 'none');
  } catch (error) {
    throw new UserError(`rewrite cannot be sent: ${messageOf(error)}`, {
      code: 'config',
      hint: 'header names are letters, digits and hyphens; values hold no line breaks; paths are percent-encoded',
      cause: error,
    });
  }
}
