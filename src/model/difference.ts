/** What is unlike between two answers. `failure`: the mirror gave no answer; `latency`: it took longer. */
export const DIFFERENCE_KINDS = [
  'missing',
  'added',
  'type',
  'value',
  'order',
  'length',
  'status',
  'header',
  'failure',
  'latency',
] as const;
export type DifferenceKind = (typeof DIFFERENCE_KINDS)[number];

/** How likely it breaks a client. A field gone or another type: high; another value: medium; something added: low. */
export const RISKS = ['low', 'medium', 'high'] as const;
export type Risk = (typeof RISKS)[number];

/** One difference between the primary's answer and another one to the same request. */
export interface Difference {
  readonly kind: DifferenceKind;
  /**
   * Where, with array indexes folded: `status`, `grpc.status`, `header.content-type`, `trailer.x-checksum`, `body`, `body.user.name`,
   * `body.items[].price`, `body["odd name"]`, `failure.timeout`, `latency.total`.
   */
  readonly path: string;
  readonly risk: Risk;
  /** What stands there, shortened for people; undefined where there is nothing. */
  readonly primary: string | undefined;
  readonly other: string | undefined;
}

/** Why a body could not be read as what its media type says. Two that are broken alike are compared byte by byte. */
export const BODY_FAULTS = [
  'malformed',
  /** It ends in the middle of a message. */
  'truncated',
  'too_deep',
  'too_many_values',
  'invalid_encoding',
  'unknown_charset',
  'unknown_coding',
  'truncated_coding',
  'malformed_coding',
  /** Decompressed it is past the limit, or past what a body of its size can hold. */
  'bomb',
] as const;
export type BodyFault = (typeof BODY_FAULTS)[number];

/** An answer as the comparison sees it, whoever gave it. */
export interface Answer {
  readonly status: number;
  /** First value of a header; `name` is lower-case. */
  header(name: string): string | undefined;
  /** All headers in order of arrival, names as sent. */
  headers(): Iterable<readonly [name: string, value: string]>;
  /**
   * Lower-case names of the fields whose values differ, when both have the same fields in the same order, whatever is said of
   * keeping the connection open; undefined when they have not, or it cannot be told quickly. Left out by answers that have no
   * quick way.
   */
  differingFields?(other: Answer): readonly string[] | undefined;
  /** Content without transfer framing, still in its content coding, in the pieces it came in. */
  readonly body: readonly Uint8Array[];
  /** There was more, or would have been, and nobody knows what: only whole records that both sides sent are compared. */
  readonly truncated?: boolean;
  readonly trailers?: readonly (readonly [name: string, value: string])[];
}
