import type { CompareSettings } from '../model/compare-settings.ts';
import type { MirrorAnswer } from '../model/copy.ts';
import type { Answer, Difference } from '../model/difference.ts';
import type { ResponseHead } from '../model/exchange.ts';
import type { Redaction } from '../model/policy.ts';
import { BodyComparison } from './body.ts';
import { equalBodies } from './bytes.ts';
import { rpcOf } from '../model/rpc.ts';
import type { Rpc } from '../model/rpc.ts';
import { CONNECTION_FIELDS, isVolatileField } from './header-rules.ts';
import { compareHeaders, compareTrailers } from './headers.ts';
import { IgnoringByRoute } from './ignoring.ts';
import { Mask } from './mask.ts';
import { PairDifferences } from './sink.ts';

/** What differs between two answers to one request. */
export interface Comparison {
  /** In the order in which they were found; each path and kind once. */
  readonly differences: readonly Difference[];
  /** Found, and not kept. With very many, some are not even looked for. */
  readonly more: number;
  /** Found, and left out by an ignore rule. */
  readonly ignored: number;
}

/** Nothing differs. */
export const SAME: Comparison = Object.freeze({ differences: Object.freeze([]), more: 0, ignored: 0 });

/** Nothing can be said: what came of two answers to a call before they were cut does not suffice. */
export const UNSAID: Comparison = Object.freeze({ ...SAME });

export interface ComparerOptions {
  /** What is not shown. */
  readonly redact: Redaction;
  /** Whether values that look volatile are compared by their form only. */
  readonly recognise: boolean;
}

export interface Comparer {
  /**
   * @param route as shown, `GET /api/orders/{id}`; ignore rules may be for one
   * @returns {@link SAME} itself when there is nothing to say, {@link UNSAID} itself when nothing can be said
   */
  compare(primary: Answer, other: Answer, method: string, route: string): Comparison;
  /**
   * Whether two answers are the same at first sight, which most are; false says nothing. It is the cheap part of `compare`
   * and makes no object: 0.3 µs against 0.8 µs.
   *
   * @param body the primary's
   */
  isSame(head: ResponseHead, body: readonly Uint8Array[], other: MirrorAnswer): boolean;
}

/**
 * Compares whole answers: status, headers, trailers and bodies. It is pure but for what it remembers about paths, and
 * throws at nothing that an answer may hold. Answers of equal bytes are not parsed.
 */
export function createComparer(settings: CompareSettings, options: ComparerOptions): Comparer {
  const ignoring = new IgnoringByRoute(settings.ignore);
  const body = new BodyComparison(settings, options.recognise);
  const mask = new Mask(options.redact, body.jsonNames);
  const rules = settings.headers;
  return {
    compare(primary, other, method, route) {
      const sameHeads = primary.status === other.status && sameFields(primary, other, rules.volatile);
      const bodiless = hasNoBody(primary, other, method);
      const isCut = primary.truncated === true || other.truncated === true;
      if (!isCut && sameHeads && (bodiless || equalBodies(primary.body, other.body))) return SAME;
      const ignored = ignoring.on(route);
      const sink = new PairDifferences(settings.limits, ignored, mask);
      body.begin(sink, ignored, route);
      let said = true;
      if (compareStatus(primary, other, sink)) {
        const rpc = bodiless ? undefined : sharedRpc(primary, other);
        if (rpc === undefined) {
          if (!sameHeads) {
            compareHeaders(primary, other, body, rules);
            compareTrailers(primary, other, body, rules);
          }
          if (!bodiless) body.compare(primary, other);
        } else said = body.compareCalls(primary, other, rpc, rules);
      }
      const { differences, more } = sink;
      if (differences.length === 0 && more === 0) {
        if (!said) return UNSAID;
        if (sink.ignored === 0) return SAME;
      }
      return { differences, more, ignored: sink.ignored };
    },
    isSame(head, bytes, { head: other, body: otherBytes, trailers }) {
      if (head.status !== other.status || (trailers !== undefined && trailers.length > 0)) return false;
      const differing = head.differingFields?.(other);
      if (differing === undefined) return false;
      for (let i = 0; i < differing.length; i++)
        if (!mayDiffer(differing[i] as string, rules.volatile)) return false;
      return equalBodies(bytes, otherBytes);
    },
  };
}

/**
 * @returns whether the rest is worth comparing. Between classes it is not: an error is another document with other
 * headers, and a finding for each of its fields would be the one about the status many times over.
 */
function compareStatus(primary: Answer, other: Answer, sink: PairDifferences): boolean {
  if (primary.status === other.status) return true;
  const sameClass = Math.trunc(primary.status / 100) === Math.trunc(other.status / 100);
  const failed = primary.status >= 500 || other.status >= 500;
  const risk = sameClass && !failed ? 'medium' : 'high';
  sink.add('status', 'status', risk, String(primary.status), String(other.status));
  return sameClass;
}

/** RFC 9110 §6.4.1: no content, whatever the head says. */
function hasNoBody(primary: Answer, other: Answer, method: string): boolean {
  if (method === 'HEAD') return true;
  return primary.status === other.status && (primary.status === 204 || primary.status === 304);
}

/**
 * Whether the header and trailer fields are the same at first sight: same order, and same values but for those that never
 * count, such as the date.
 */
function sameFields(primary: Answer, other: Answer, volatile: 'presence' | 'value'): boolean {
  if (!sameTrailers(primary.trailers ?? [], other.trailers ?? [])) return false;
  const differing = primary.differingFields?.(other) ?? differingFields(primary, other);
  if (differing === undefined) return false;
  return differing.every((name) => mayDiffer(name, volatile));
}

function sameTrailers(
  left: NonNullable<Answer['trailers']>,
  right: NonNullable<Answer['trailers']>,
): boolean {
  if (left.length !== right.length) return false;
  return left.every(([name, value], index) => {
    const other = right[index];
    return other !== undefined && name === other[0] && value === other[1];
  });
}

/** The protocol of calls that both answers speak. */
function sharedRpc(primary: Answer, other: Answer): Rpc | undefined {
  const rpc = rpcOf(primary.header('content-type') ?? '');
  if (rpc === undefined) return undefined;
  const shared = rpcOf(other.header('content-type') ?? '');
  return shared?.protocol === rpc.protocol && shared.codec === rpc.codec ? rpc : undefined;
}

/** Whether no value of a field makes a difference. Connection does, since it names others that are left out. */
function mayDiffer(name: string, volatile: 'presence' | 'value'): boolean {
  if (CONNECTION_FIELDS.has(name)) return name !== 'connection';
  return volatile === 'presence' && isVolatileField(name);
}

/** See `Answer.differingFields`. */
function differingFields(primary: Answer, other: Answer): readonly string[] | undefined {
  const differing: string[] = [];
  const others = other.headers()[Symbol.iterator]();
  for (const [name, value] of primary.headers()) {
    const field = others.next();
    if (field.done === true) return undefined;
    const [otherName, otherValue] = field.value;
    if (name !== otherName && name.toLowerCase() !== otherName.toLowerCase()) return undefined;
    if (value !== otherValue) differing.push(name.toLowerCase());
  }
  return others.next().done === true ? differing : undefined;
}
