import type { BodyFault, DifferenceKind, Risk } from '../model/difference.ts';
import type { CompareLimits } from '../model/compare-settings.ts';

/** A body, or a part of one, decompressed. */
export interface Content {
  readonly bytes: Buffer;
  /** Lower-case `type/subtype`, empty when nothing was said. */
  readonly mediaType: string;
  /** Value of a parameter of the media type; `name` is lower-case. */
  parameter(name: string): string | undefined;
  /** It was cut: what is missing at its end makes no difference. Only sequences of records can be compared then. */
  readonly truncated: boolean;
  /** The bytes as text in their charset (UTF-8 when nothing is said); made once. Undefined when they are no such text. */
  text(): string | undefined;
}

/** Where a comparison puts what it finds. Ignored differences are left out here, and no one else has to ask. */
export interface DifferenceSink {
  /**
   * @param path normalised, see `Difference.path`
   * @param primary what stands there, as JSON or as it is; shortened here
   */
  add(
    kind: DifferenceKind,
    path: string,
    risk: Risk,
    primary: string | undefined,
    other: string | undefined,
  ): void;
  /** So many were found that the rest may be left out. */
  readonly full: boolean;
  /** Whether such a difference would be left out. A sink without rules does not have it. */
  readonly ignores?: ((kind: DifferenceKind, path: string) => boolean) | undefined;
}

/** What a format's comparison works with. */
export interface FormatContext {
  readonly limits: CompareLimits;
  readonly sink: DifferenceSink;
  /** Whether two texts that differ are the same volatile thing in another state: two UUIDs, two timestamps. */
  alike(primary: string, other: string): boolean;
  /** Whether everything below a path is ignored, so that it need not be compared. */
  ignored(path: string): boolean;
  /** Whether the array at a path is compared as a set. */
  unordered(path: string): boolean;
  /** The field that the elements of an array are matched by, where the config says so. */
  keyOf(path: string): string | undefined;
  tolerance(path: string): { readonly absolute: number; readonly relative: number } | undefined;
  /** Compares parts of a body by their own media types, such as those of a multipart body. */
  nested(primary: Content, other: Content, path: string): void;
}

/** What is wrong with each side, when it could not be read; then nothing was added to the sink. */
export interface Faults {
  readonly primary: BodyFault | undefined;
  readonly other: BodyFault | undefined;
}

/**
 * Compares two bodies of one media type that are not byte-equal. It adds what differs, or tells which side is not what
 * its media type says.
 */
export type CompareFormat = (
  primary: Content,
  other: Content,
  path: string,
  context: FormatContext,
) => Faults | undefined;
