/** What a text can be that is made anew for each answer. */
export const VOLATILE_KINDS = [
  'uuid',
  'ulid',
  'ksuid',
  'timestamp',
  'epoch',
  'hash',
  'jwt',
  'token',
  'address',
  'duration',
] as const;
export type VolatileKind = (typeof VOLATILE_KINDS)[number];

/** A volatile value within a text. */
export interface VolatileValue {
  readonly kind: VolatileKind;
  readonly start: number;
  readonly end: number;
  /** How it is written: two of one kind in different forms are a change of format, and not of state. */
  readonly form: string;
  /** Taken for volatile by itself; otherwise only beside a certain one of the same kind. */
  readonly certain: boolean;
  /** The moment it names, milliseconds since the Unix epoch. */
  readonly instantMs: number | undefined;
}

export function isAlphanumeric(code: number): boolean {
  return (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
}

/** Whether a value may end at an index: it is no part of a longer word. */
export function isBoundary(text: string, at: number): boolean {
  return at >= text.length || !isAlphanumeric(text.charCodeAt(at));
}
