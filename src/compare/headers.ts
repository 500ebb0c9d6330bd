import { parseParameters, splitOutsideQuotes } from './field-parameters.ts';
import {
  CONNECTION_FIELDS,
  changedRisk,
  isCaselessField,
  isDirectiveField,
  isParameterField,
  isSetField,
  isVolatileField,
  missingRisk,
} from './header-rules.ts';
import { fieldPath } from './path.ts';
import { parseSetCookie, showCookie } from './set-cookie.ts';
import type { Answer } from '../model/difference.ts';
import type { FormatContext } from './format.ts';
import type { CookieLine } from './set-cookie.ts';

/** `presence`: fields that are volatile by nature only have to be there. */
export interface HeaderRules {
  readonly volatile: 'presence' | 'value';
}

type Fields = Iterable<readonly [name: string, value: string]>;

/**
 * Compares the headers of two answers: which there are, and what they say. Fields of the connection and of framing are
 * left out, also those that Connection names (RFC 9110 §7.6.1). Linear in the number of fields.
 */
export function compareHeaders(
  primary: Answer,
  other: Answer,
  context: FormatContext,
  rules: HeaderRules,
): void {
  compareFields(primary.headers(), other.headers(), 'header', context, rules);
}

/** Compares the trailers of two answers as {@link compareHeaders} does headers. */
export function compareTrailers(
  primary: Answer,
  other: Answer,
  context: FormatContext,
  rules: HeaderRules,
): void {
  compareFields(primary.trailers ?? [], other.trailers ?? [], 'trailer', context, rules);
}

/** Compares two lists of fields. @param root the path above them: `header` */
export function compareFields(
  primary: Fields,
  other: Fields,
  root: string,
  context: FormatContext,
  rules: HeaderRules,
): void {
  const left = fieldsByName(primary);
  const right = fieldsByName(other);
  const { sink } = context;
  for (const [name, values] of left) {
    if (sink.full) return;
    const others = right.get(name);
    if (others !== undefined && isEqual(values, others)) continue;
    const path = fieldPath(root, name);
    if (name === 'set-cookie') compareCookies(values, others ?? [], path, context, rules);
    else if (others === undefined) sink.add('missing', path, missingRisk(name), values.join(', '), undefined);
    else if (!isSame(name, values, others, context, rules))
      sink.add('header', path, changedRisk(name), values.join(', '), others.join(', '));
  }
  for (const [name, values] of right) {
    if (sink.full) return;
    if (left.has(name)) continue;
    const path = fieldPath(root, name);
    if (name === 'set-cookie') compareCookies([], values, path, context, rules);
    else sink.add('added', path, 'low', undefined, values.join(', '));
  }
}

function isEqual(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((value, index) => value === right[index]);
}

function fieldsByName(fields: Fields): ReadonlyMap<string, readonly string[]> {
  const byName = new Map<string, string[]>();
  const named = new Set<string>();
  for (const [name, value] of fields) {
    const key = name.toLowerCase();
    if (key === 'connection') for (const option of value.split(',')) named.add(option.trim().toLowerCase());
    if (CONNECTION_FIELDS.has(key)) continue;
    const values = byName.get(key);
    if (values === undefined) byName.set(key, [value.trim()]);
    else values.push(value.trim());
  }
  for (const name of named) byName.delete(name);
  return byName;
}

function isSame(
  name: string,
  primary: readonly string[],
  other: readonly string[],
  context: FormatContext,
  rules: HeaderRules,
): boolean {
  // Repeated fields are one list (RFC 9110 §5.3).
  const left = primary.join(', ');
  const right = other.join(', ');
  if (left === right) return true;
  if (isVolatileField(name)) return rules.volatile === 'presence';
  const one = normalised(name, left);
  const two = normalised(name, right);
  return one === two || context.alike(one, two);
}

function normalised(name: string, value: string): string {
  if (isParameterField(name)) {
    const read = parseParameters(value);
    const parameters = [...read.parameters]
      // A boundary is drawn for each body.
      .filter(([key]) => key !== 'boundary')
      .map(([key, text]) => `;${key}=${key === 'charset' ? text.toLowerCase() : text}`);
    return read.value.toLowerCase() + parameters.toSorted().join('');
  }
  if (isDirectiveField(name)) {
    const directives = splitOutsideQuotes(value.replace(/'nonce-[\w+/=-]*'/g, "'nonce'"), ';').map((text) => {
      const [directive = '', ...sources] = text.split(/\s+/);
      return [directive.toLowerCase(), ...sources.toSorted()].join(' ');
    });
    return [...new Set(directives)].toSorted().join('; ');
  }
  if (!isSetField(name)) return isCaselessField(name) ? value.toLowerCase() : value;
  const members = splitOutsideQuotes(isCaselessField(name) ? value.toLowerCase() : value, ',');
  return [...new Set(members)].toSorted().join(', ');
}

/** Cookies by name, and by their attributes; their values are drawn by the server. */
function compareCookies(
  primary: readonly string[],
  other: readonly string[],
  path: string,
  context: FormatContext,
  rules: HeaderRules,
): void {
  const left = cookiesByName(primary);
  const right = cookiesByName(other);
  for (const [name, cookie] of left) {
    const two = right.get(name);
    if (two === undefined)
      context.sink.add('missing', path, missingRisk('set-cookie'), showCookie(cookie), undefined);
    else if (cookie.attributes !== two.attributes)
      context.sink.add('header', path, changedRisk('set-cookie'), showCookie(cookie), showCookie(two));
    else if (rules.volatile === 'value' && cookie.value !== two.value)
      context.sink.add('header', path, changedRisk('set-cookie'), showCookie(cookie), showCookie(two));
  }
  for (const [name, cookie] of right)
    if (!left.has(name)) context.sink.add('added', path, 'low', undefined, showCookie(cookie));
}

/** The last cookie of a name is the one that a client keeps. */
function cookiesByName(lines: readonly string[]): ReadonlyMap<string, CookieLine> {
  return new Map(lines.map((line) => parseSetCookie(line)).map((cookie) => [cookie.name, cookie]));
}
