import { UserError } from '../kit/errors.ts';
import type { Rewrite } from '../model/policy.ts';
import { MARKER_PREFIX } from './marker.ts';

/**
 * What happens to a header field on its way into a copy; fields without a rule go out as they came.
 * - `drop`: belongs to the client's connection, is written anew, or the policy removes or sets it
 * - `redact`: its value is replaced
 * - `connection`, `te`, `coding`: read for what they say, and dropped
 */
export type FieldRule = 'drop' | 'redact' | 'connection' | 'te' | 'coding';

/** Fields that are of one connection (RFC 9110 §7.6.1), and those that a copy's own framing replaces. */
const OWN_RULES: readonly (readonly [string, FieldRule])[] = [
  ['connection', 'connection'],
  ['te', 'te'],
  ['transfer-encoding', 'coding'],
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
const OWN_NAMES: ReadonlySet<string> = new Set(OWN_RULES.map(([name]) => name));

const TOKEN = /^[!#$%&'*+\-.^_`|~\w]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Whether a field can be written without its bytes meaning anything else (RFC 9110 §5.1, §5.5). */
export function writable(name: string, value: string): boolean {
  return TOKEN.test(name) && VALUE.test(value);
}

/**
 * The rules of a policy by lower-case field name.
 *
 * @throws UserError where the policy would change a field that frames the message, routes it or marks it as a copy
 */
export function compileFieldRules(rewrite: Rewrite): ReadonlyMap<string, FieldRule> {
  const { headers, redact } = rewrite;
  const rules = new Map<string, FieldRule>();
  for (const name of redact.headers) rules.set(changeable(name), 'redact');
  for (const name of [...headers.remove, ...Object.keys(headers.set)]) rules.set(changeable(name), 'drop');
  for (const [name, rule] of OWN_RULES) rules.set(name, rule);
  return rules;
}

/** The lines of `set` and `add`, each with its line end; an octet per code unit. */
export function addedLines(rewrite: Rewrite): string {
  const { set, add } = rewrite.headers;
  return [...Object.entries(set), ...Object.entries(add)]
    .map(([name, value]) => lineOf(name, value))
    .join('');
}

function lineOf(name: string, value: string): string {
  changeable(name);
  // Configuration is Unicode, a head is octets.
  const octets = Buffer.from(value, 'utf8').toString('latin1');
  if (writable(name, octets)) return `${name}: ${octets}\r\n`;
  throw new UserError(`"${name}" cannot be sent as a header with the value ${JSON.stringify(value)}`, {
    code: 'config',
    hint: 'header names are letters, digits and hyphens; values hold no line breaks or control characters',
  });
}

function changeable(name: string): string {
  const lower = name.toLowerCase();
  if (!OWN_NAMES.has(lower) && !lower.startsWith(MARKER_PREFIX)) return lower;
  throw new UserError(`rewrite cannot change the header "${name}"`, {
    code: 'config',
    hint: lower === 'host' ? 'set rewrite.host instead' : 'copies write it themselves',
  });
}
