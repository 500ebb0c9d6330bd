import type { CopyRequest } from '../model/copy.ts';
import type { RequestHead } from '../model/exchange.ts';
import type { Rewrite } from '../model/policy.ts';
import { addedLines, compileFieldRules, writable } from './field-rules.ts';
import type { FieldRule } from './field-rules.ts';
import { MARKER_PREFIX } from './marker.ts';
import { rewritePath } from './path-rewrite.ts';
import { REDACTED, redactQuery } from './redact-query.ts';

/** Writes the requests of one policy as its mirror gets them: HTTP/1.1 text, an octet per UTF-16 code unit. */
export interface RequestRewriter {
  /**
   * The head of a copy with its empty line: target and Host after the policy, without the fields of the client's
   * connection (RFC 9110 §7.6.1) and without markers that the client sent, named fields and parameters redacted, and
   * with exactly one framing (RFC 9112 §6).
   *
   * @param body what the copy's body will be, as in `CopyRequest`
   * @param marker header lines with their line ends
   * @returns undefined when the request cannot be written without being open to more than one reading
   */
  head(head: RequestHead, body: CopyRequest['body'], marker: string): string | undefined;
  /** Trailer fields after the same rules, as lines with their ends; fields that may not be sent are left out. */
  trailers(trailers: readonly (readonly [string, string])[]): string;
}

interface Plan {
  readonly rules: ReadonlyMap<string, FieldRule>;
  readonly added: string;
}

const NOTHING: ReadonlySet<string> = new Set();
const TARGET = /^[\x21-\x7e\x80-\xff]+$/;
const METHOD = /^[!#$%&'*+\-.^_`|~\w]+$/;
const HOST = /^[\x21-\x7e]*$/;

/**
 * @param fallbackHost Host of copies whose client sent none
 * @throws UserError when the policy asks for something that cannot be sent
 */
export function compileRewrite(rewrite: Rewrite, fallbackHost: string): RequestRewriter {
  const plan: Plan = { rules: compileFieldRules(rewrite), added: addedLines(rewrite) };
  const redactedParams = new Set(rewrite.redact.queryParams);
  const sameTarget = rewrite.path === undefined && redactedParams.size === 0;

  function targetOf(head: RequestHead): string {
    if (head.target === '*' || (sameTarget && head.target.startsWith('/'))) return head.target;
    const path = rewrite.path === undefined ? head.path : rewritePath(head.path, rewrite.path);
    return head.query === '' ? path : `${path}?${redactQuery(head.query, redactedParams)}`;
  }

  return {
    head(head, body, marker) {
      const { method } = head;
      const target = targetOf(head);
      const host = rewrite.host === 'preserve' ? head.authority || fallbackHost : rewrite.host;
      if (method === 'CONNECT' || !METHOD.test(method) || !TARGET.test(target) || !HOST.test(host))
        return undefined;
      const fields = fieldLines(head, plan, NOTHING);
      if (fields === undefined) return undefined;
      return `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n${fields}${plan.added}${framing(body)}${marker}\r\n`;
    },
    trailers: (trailers) => trailerLines(trailers, plan),
  };
}

function framing(body: CopyRequest['body']): string {
  if (body === 'none') return '';
  return body === 'chunked' ? 'Transfer-Encoding: chunked\r\n' : `Content-Length: ${body}\r\n`;
}

/** @param named lower-case names that a Connection field lists */
function fieldLines(head: RequestHead, plan: Plan, named: ReadonlySet<string>): string | undefined {
  let lines = '';
  let trailersWanted = false;
  for (const [name, value] of head.headers()) {
    if (!writable(name, value)) return undefined;
    const lower = name.toLowerCase();
    const rule = plan.rules.get(lower);
    if (rule === undefined) {
      if (!lower.startsWith(MARKER_PREFIX) && !named.has(lower)) lines += `${name}: ${value}\r\n`;
    } else if (rule === 'redact') {
      if (!named.has(lower)) lines += `${name}: ${REDACTED}\r\n`;
    } else if (rule === 'connection') {
      // Names are dropped wherever they stand, also ahead of this field: begin again with all of them.
      if (named.size === 0 && namesFields(value)) return fieldLines(head, plan, connectionOptions(head));
    } else if (rule === 'te') {
      trailersWanted ||= /(?:^|,)[ \t]*trailers[ \t]*(?:$|,)/i.test(value);
    } else if (rule === 'coding' && value.toLowerCase() !== 'chunked') return undefined;
  }
  // TE is of this connection too, and has to be named as such (RFC 9110 §10.1.4).
  return trailersWanted ? `${lines}TE: trailers\r\nConnection: TE\r\n` : lines;
}

function namesFields(connection: string): boolean {
  const lower = connection.toLowerCase();
  return lower !== 'keep-alive' && lower !== 'close' && lower !== '';
}

function connectionOptions(head: RequestHead): ReadonlySet<string> {
  const options = new Set(['connection']);
  for (const [name, value] of head.headers()) {
    if (name.toLowerCase() !== 'connection') continue;
    for (const option of value.split(',')) options.add(option.trim().toLowerCase());
  }
  return options;
}

function trailerLines(trailers: readonly (readonly [string, string])[], { rules }: Plan): string {
  let lines = '';
  for (const [name, value] of trailers) {
    const lower = name.toLowerCase();
    const rule = rules.get(lower);
    if (!writable(name, value) || lower.startsWith(MARKER_PREFIX)) continue;
    if (rule === undefined) lines += `${name}: ${value}\r\n`;
    else if (rule === 'redact') lines += `${name}: ${REDACTED}\r\n`;
  }
  return lines;
}
