import { UserError } from './errors.ts';

const UNIT_BYTES: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['B', 1],
  ['kB', 1e3],
  ['MB', 1e6],
  ['GB', 1e9],
  ['KiB', 1024],
  ['MiB', 1024 ** 2],
  ['GiB', 1024 ** 3],
]);

/**
 * Reads a size such as `512`, `64KiB`, `1MiB`, `2GB`.
 *
 * @returns bytes
 * @throws UserError when the text is not a size
 */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text.trim());
  const unit = match === null ? undefined : UNIT_BYTES.get(match[2] ?? '');
  if (match === null || unit === undefined) {
    throw new UserError(`"${text}" is not a size`, { hint: 'write it like 512, 64KiB, 1MiB or 2GB' });
  }
  return Math.round(Number(match[1]) * unit);
}

/** Writes bytes the way `parseSize` reads them, in the largest binary unit that keeps it exact: `1048576` becomes `1MiB`. */
export function formatSize(bytes: number): string {
  for (const unit of ['GiB', 'MiB', 'KiB'] as const) {
    const size = UNIT_BYTES.get(unit) ?? 1;
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return `${bytes}B`;
}
