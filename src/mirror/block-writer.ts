import type { CopyRequest } from '../model/copy.ts';
import type { Http1RequestHead } from '../wire/http1/head.ts';
import { Http2RequestHead } from '../wire/http2/head.ts';
import { connectionOptions, wantsTrailers } from './field-rules.ts';
import type { Field, FieldRule, FieldRules } from './field-rules.ts';
import { INDEXED, fieldOf, nameOf, textOf } from './header-block.ts';
import { ID_HEADER } from './marker.ts';
import { REDACTED } from './redact-query.ts';

/** Writes heads that have passed the rules as header blocks. */
export interface BlockWriter {
  request(
    head: Http1RequestHead | Http2RequestHead,
    target: string,
    host: string,
    body: CopyRequest['body'],
    id: string,
  ): string;
  trailers(fields: readonly Field[]): string;
}

/** What becomes of the fields of a name, and how they begin. */
interface Known {
  readonly rule: FieldRule;
  readonly start: string;
  /** The name in lower case. */
  readonly lower: string;
}

/** Names of which the outcome is remembered: a request has few that others have not had. */
const KNOWN_MAX = 1_000;
const NONE: ReadonlySet<string> = new Set();

/**
 * @param last fields that every copy ends with
 * @param scheme of copies whose client named none
 */
export function createBlockWriter(
  rules: FieldRules,
  last: readonly Field[],
  scheme: 'http' | 'https',
): BlockWriter {
  const names = new Map<string, Known>();
  const lastFields = last.map(([name, value]) => fieldOf(name.toLowerCase(), value)).join('');
  const idStart = nameOf(ID_HEADER);
  const lengthStart = nameOf('content-length');
  const authorityStart = nameOf(':authority');
  const pathStart = nameOf(':path');
  const trailersWelcome = fieldOf('te', 'trailers');

  function known(name: string): Known {
    const seen = names.get(name);
    if (seen !== undefined) return seen;
    const lower = name.toLowerCase();
    const made = { rule: rules.of(name), start: nameOf(lower), lower };
    if (names.size < KNOWN_MAX) names.set(name, made);
    return made;
  }

  function kept(fields: Iterable<Field>, named: ReadonlySet<string>): string {
    let block = '';
    let trailersWanted = false;
    for (const [name, value] of fields) {
      const { rule, start, lower } = known(name);
      if (rule === 'keep' || rule === 'redact') {
        if (named === NONE || !named.has(lower)) block += start + textOf(rule === 'keep' ? value : REDACTED);
      } else if (rule === 'te') trailersWanted ||= wantsTrailers(value);
    }
    return trailersWanted ? block + trailersWelcome : block;
  }

  return {
    request(head, target, host, body, id) {
      const isHttp2 = head instanceof Http2RequestHead;
      const named = isHttp2 ? NONE : connectionOptions(head);
      const pseudo =
        methodOf(head.method) +
        schemeOf(isHttp2 ? head.scheme : scheme, scheme) +
        authorityStart +
        textOf(host) +
        (target === '/' ? INDEXED.slash : pathStart + textOf(target));
      const length = typeof body === 'number' ? lengthStart + textOf(String(body)) : '';
      const fields = kept(isHttp2 ? head.fields : head.headers(), named);
      return `${pseudo}${fields}${lastFields}${length}${idStart}${textOf(id)}`;
    },
    trailers: (fields) => fields.map(([name, value]) => fieldOf(name.toLowerCase(), value.trim())).join(''),
  };
}

function methodOf(method: string): string {
  if (method === 'GET') return INDEXED.get;
  return method === 'POST' ? INDEXED.post : fieldOf(':method', method);
}

/** What the primary is told, the mirror is told too; but nothing that is not HTTP. */
function schemeOf(named: string, otherwise: 'http' | 'https'): string {
  const scheme = named === 'http' || named === 'https' ? named : otherwise;
  return scheme === 'http' ? INDEXED.http : INDEXED.https;
}
