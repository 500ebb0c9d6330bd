/** One number for each of a closed set of keys; none is missing. */
export type Counts<Key extends string> = Readonly<Record<Key, number>>;

/** A zero for every key, in the keys' order. */
export function zeroCounts<Key extends string>(keys: readonly Key[]): Record<Key, number> {
  return Object.fromEntries(keys.map((key) => [key, 0])) as Record<Key, number>;
}

/** The sum of all numbers. */
export function totalOf(counts: Counts<string>): number {
  let total = 0;
  for (const key in counts) total += counts[key] ?? 0;
  return total;
}

/** Adds `from` to `into`, key by key; a key that only `from` has is added too. */
export function addCounts<Key extends string>(into: Record<Key, number>, from: Counts<Key>): void {
  for (const key in from) into[key] = (into[key] ?? 0) + from[key];
}
