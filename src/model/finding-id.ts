import { hash } from 'node:crypto';
import type { DifferenceKind } from './difference.ts';

/**
 * Names a finding, the same in every process, version and run: the first 64 bits of the SHA-256 of mirror, route, path
 * and kind.
 *
 * About a microsecond; whoever counts findings computes it once for each.
 *
 * @returns 16 lower-case hexadecimal digits
 */
export function findingId(mirror: string, route: string, path: string, kind: DifferenceKind): string {
  // JSON keeps the parts apart, and writes halves of characters as escapes: UTF-8 would make them all one.
  return hash('sha256', JSON.stringify([mirror, route, path, kind])).slice(0, 16);
}
