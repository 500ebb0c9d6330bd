import { Buffer } from 'node:buffer';
import type { DifferenceKind, Risk } from './difference.ts';
import type { Fraction } from './policy.ts';
import type { ClientTls, Endpoint } from './settings.ts';

/** How the answers of a policy are compared and judged. All fields are filled in; see the configuration reference. */
export interface CompareSettings {
  readonly ignore: readonly IgnoreRule[];
  /** Path patterns of arrays whose order says nothing. */
  readonly unordered: readonly string[];
  /** Arrays whose elements are matched by a field. Without a rule an obvious key (`id`, `key`, `name` …) is found. */
  readonly keys: readonly { readonly path: string; readonly key: string }[];
  /** Numbers that may differ by this much. The first rule whose path fits counts. */
  readonly tolerance: readonly ToleranceRule[];
  readonly headers: {
    /** `presence`: headers that are volatile by nature (date, request and trace ids …) only have to be there. */
    readonly volatile: 'presence' | 'value';
  };
  readonly noise: NoiseSettings;
  readonly routes: RouteSettings;
  readonly protobuf: ProtobufSettings;
  readonly gate: Gate;
  readonly limits: CompareLimits;
}

/** Differences that say nothing. All parts that are set must hold. */
export interface IgnoreRule {
  /** Path pattern: a path as findings show it, where `*` stands for one field name and `**` for any rest. */
  readonly path: string;
  /** Empty means every kind. */
  readonly kinds: readonly DifferenceKind[];
  /** Route as shown, `GET /api/orders/{id}`; undefined means every route. */
  readonly route: string | undefined;
}

export interface ToleranceRule {
  readonly path: string;
  readonly absolute: number;
  /** Of the larger of the two, 0…1. */
  readonly relative: number;
}

export interface NoiseSettings {
  /** Share of safe requests that is sent to the primary once more, where there is no control; undefined is none. */
  readonly repeat: Fraction | undefined;
  /** Without control and repeats: the share of answers that may differ by themselves on any path, 0…1. */
  readonly assumed: number;
  /** Whether values that look volatile (UUIDs, timestamps, hashes, counters, tokens) are compared by their form only. `auto`: where there is no control. */
  readonly recognisers: 'auto' | 'on' | 'off';
}

export interface RouteSettings {
  /** Templates that are known: `/api/orders/{id}`, or with a method `GET /api/orders/{id}`. */
  readonly templates: readonly string[];
  /** Routes told apart, per policy; the rest counts as one. */
  readonly limit: number;
  /** Distinct values of one path segment before it is taken for a parameter. */
  readonly segmentValues: number;
}

export interface ProtobufSettings {
  /**
   * A serialised `google.protobuf.FileDescriptorSet` in base64, whole and each file after its imports; undefined: messages
   * are compared by field numbers.
   */
  readonly descriptors: string | undefined;
  /** Whether a field that is not set differs from one that is set to its default, where the two can be told apart. */
  readonly unset: 'differs' | 'default';
  /** Paths of methods without side effects, `/package.Service/Method`: calls of these are no writes. */
  readonly safeMethods: readonly string[];
  /** Who is asked for descriptors (server reflection); undefined: nobody. */
  readonly reflection?: ReflectionSettings | undefined;
}

/** Where descriptors come from, and what they may cost. */
export interface ReflectionSettings {
  /** `primary`: the one of the policy's only listener. */
  readonly from: 'primary' | { readonly endpoint: Endpoint; readonly tls: ClientTls | undefined };
  /** Descriptor files, and services, that are taken. */
  readonly files: number;
  /** All files together, bytes. */
  readonly bytes: number;
  /** From the connect to the last answer, ms. */
  readonly timeoutMs: number;
  /** From an answer to the next question whether anything has changed, ms. */
  readonly refreshMs: number;
}

/** Descriptors that have been read, and what of them decides more than how messages are compared. */
export interface Descriptors {
  /** A serialised `google.protobuf.FileDescriptorSet`, whole and each file after its imports. */
  readonly bytes: Uint8Array;
  /** `/shop.v1.Orders/Get` */
  readonly methods: readonly string[];
  /** Those of them with `idempotency_level = NO_SIDE_EFFECTS`. */
  readonly safeMethods: readonly string[];
}

/** Methods that become routes of their own; those that come after are learned from the traffic. */
const MAX_METHODS = 1000;

/** Settings with what descriptors say; their methods are routes that are known, so that none of them is folded. */
export function describedBy(compare: CompareSettings, descriptors: Descriptors): CompareSettings {
  const { bytes, methods, safeMethods } = descriptors;
  const known = new Set(compare.routes.templates);
  const more = methods.slice(0, MAX_METHODS).map((path) => `POST ${path}`);
  return {
    ...compare,
    routes: {
      ...compare.routes,
      templates: [...compare.routes.templates, ...more.filter((template) => !known.has(template))],
    },
    protobuf: {
      ...compare.protobuf,
      descriptors: Buffer.from(bytes).toString('base64'),
      safeMethods,
    },
  };
}

/** When a policy has passed or failed. Rates are shares of pairs, 0…1. */
export interface Gate {
  /** Findings of this class or above fail. */
  readonly risk: Risk;
  /** Pass needs proof that the share of pairs with such a difference, beyond noise, is at most this. */
  readonly rate: number;
  /** The same for copies that the mirror did not answer. */
  readonly mirrorErrors: number;
  /** Slower than the reference by more than this; undefined: latency is shown and decides nothing. */
  readonly latency: LatencyGate | undefined;
  /** Error probability of the whole verdict, 0…1. */
  readonly alpha: number;
  /** Pairs before anything may pass. */
  readonly minimumPairs: number;
  /** Pass needs this many pairs on every route with at least `coverageShare` of the traffic. */
  readonly coveragePairs: number;
  readonly coverageShare: number;
}

/** An answer is slow when it takes longer than the reference's × (1 + rise) + floor. */
export interface LatencyGate {
  readonly rise: number;
  readonly floorMs: number;
}

export interface CompareLimits {
  /** Differences kept of one pair of answers; more are counted. */
  readonly differences: number;
  /** Findings watched per policy and mirror; more are counted, and count in the rates. */
  readonly findings: number;
  /** Nesting of a body. */
  readonly depth: number;
  /** Values of one structured body (JSON values, elements, fields); past it bodies are compared as text. */
  readonly values: number;
  /** Longest decompressed body, bytes. */
  readonly decodedBytes: number;
  /** Longest value shown in a difference, characters. */
  readonly shownChars: number;
}

/** What is compared how where nothing is said. */
export const DEFAULT_COMPARE: CompareSettings = {
  ignore: [],
  unordered: [],
  keys: [],
  tolerance: [],
  headers: { volatile: 'presence' },
  noise: { repeat: undefined, assumed: 0.001, recognisers: 'auto' },
  routes: { templates: [], limit: 500, segmentValues: 20 },
  protobuf: { descriptors: undefined, unset: 'differs', safeMethods: [], reflection: undefined },
  gate: {
    risk: 'medium',
    rate: 0.001,
    mirrorErrors: 0.001,
    latency: { rise: 0.2, floorMs: 10 },
    alpha: 0.05,
    minimumPairs: 1000,
    coveragePairs: 30,
    coverageShare: 0.01,
  },
  limits: {
    differences: 50,
    findings: 1000,
    depth: 128,
    values: 100_000,
    decodedBytes: 8 * 1024 * 1024,
    shownChars: 120,
  },
};
