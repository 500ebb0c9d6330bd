/**
 * Unsigned integers at a place in bytes. Plain array reads: they are inlined, which `DataView` and `Buffer` methods with
 * their checks are not always. Behind the end of the bytes they read as zero; callers check lengths first.
 */
export function u16be(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

export function u16le(bytes: Uint8Array, at: number): number {
  return ((bytes[at + 1] as number) << 8) | (bytes[at] as number);
}

export function u24be(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
}

export function u32be(bytes: Uint8Array, at: number): number {
  return int32be(bytes, at) >>> 0;
}

export function u32le(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at + 3] as number) << 24) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 1] as number) << 8) |
      (bytes[at] as number)) >>>
    0
  );
}

/** As `u32be`, with the sign that keeps it a small integer: for comparing and hashing. */
export function int32be(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  );
}

/** A copy of `bytes[start, end)`; `slice` of a `Buffer` would be none. */
export function copyOf(bytes: Uint8Array, start = 0, end = bytes.length): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(end - start);
  copy.set(new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start));
  return copy;
}
