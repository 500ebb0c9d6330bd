import { UserError } from '../kit/errors.ts';
import type { Rewrite } from '../model/policy.ts';
import type { Http1RequestHead } from '../wire/http1/head.ts';
import { MARKER_PREFIX } from './marker.ts';

/** Name and value. */
export type Field = readonly [name: string, value: string];

/**
 * What happens to a header field on its way into a copy.
 * - `drop`: is of the client's connection, is written anew, or the policy removes or sets it
 * - `redact`: its value is replaced
 * - `connection`, `te`: dropped, and read for what they say
 */
export type FieldRule = 'keep' | 'drop' | 'redact' | 'connection' | 'te';

export interface FieldRules {
  /** The rule for a name in any case. */
  of(name: string): FieldRule;
  /** The rule for a field of a head; makes no string. */
  ofField(head: Http1RequestHead, index: number): FieldRule;
}

/** Fields that are of one connection (RFC 9110 §7.6.1), and those that a copy's own framing replaces. */
const OWN_RULES: readonly (readonly [string, FieldRule])[] = [
  ['connection', 'connection'],
  ['te', 'te'],
  ['transfer-encoding', 'drop'],
  ['keep-alive', 'drop'],
  ['proxy-connection', 'drop'],
  ['proxy-authenticate', 'drop'],
  ['proxy-authorization', 'drop'],
  ['upgrade', 'drop'],
  ['http2-settings', 'drop'],
  ['content-length', 'drop'],
  ['host', 'drop'],
  // A copy never waits for 100 (Continue): its body follows the live one.
  ['expect', 'drop'],
];
const NONE: readonly (readonly [string, FieldRule])[] = [];
const OWN_NAMES: ReadonlySet<string> = new Set(OWN_RULES.map(([name]) => name));

/** @throws UserError where the policy would change a field that frames the message, routes it or marks it as a copy */
export function compileFieldRules(rewrite: Rewrite): FieldRules {
  const { headers, redact } = rewrite;
  const rules = new Map<string, FieldRule>();
  for (const name of redact.headers) rules.set(changeable(name), 'redact');
  for (const name of [...headers.remove, ...Object.keys(headers.set)]) rules.set(changeable(name), 'drop');
  for (const [name, rule] of OWN_RULES) rules.set(name, rule);
  const byLength = Array.from(
    { length: Math.max(...[...rules.keys()].map((name) => name.length)) + 1 },
    (_, length) => [...rules].filter(([name]) => name.length === length),
  );
  return {
    of(name) {
      const lower = name.toLowerCase();
      return rules.get(lower) ?? (lower.startsWith(MARKER_PREFIX) ? 'drop' : 'keep');
    },
    ofField(head, index) {
      // Most fields are told apart by the length of their name.
      for (const [name, rule] of byLength[head.nameLength(index)] ?? NONE)
        if (head.nameIs(index, name)) return rule;
      return head.nameStartsWith(index, MARKER_PREFIX) ? 'drop' : 'keep';
    },
  };
}

/**
 * The fields of `set` and `add`, an octet per code unit.
 *
 * @throws UserError as `compileFieldRules` does
 */
export function addedFields(rewrite: Rewrite): readonly Field[] {
  const { set, add } = rewrite.headers;
  return [...Object.entries(set), ...Object.entries(add)].map(([name, value]) => {
    changeable(name);
    // Configuration is Unicode, a head is octets.
    return [name, Buffer.from(value, 'utf8').toString('latin1')] as const;
  });
}

/** Lower-case names that a head's Connection fields list. */
export function connectionOptions(head: Http1RequestHead): ReadonlySet<string> {
  const options = new Set<string>();
  for (let i = 0; i < head.fieldCount; i++) {
    if (!head.nameIs(i, 'connection')) continue;
    for (const option of head.value(i).split(',')) options.add(option.trim().toLowerCase());
  }
  return options;
}

/** Whether a TE field says that trailers are welcome (RFC 9110 §10.1.4). */
export function wantsTrailers(te: string): boolean {
  return /(?:^|,)[ \t]*trailers[ \t]*(?:$|,)/i.test(te);
}

function changeable(name: string): string {
  const lower = name.toLowerCase();
  if (!OWN_NAMES.has(lower) && !lower.startsWith(MARKER_PREFIX)) return lower;
  throw new UserError(`rewrite cannot change the header "${name}"`, {
    code: 'config',
    hint: lower === 'host' ? 'set rewrite.host instead' : 'copies write it themselves',
  });
}
