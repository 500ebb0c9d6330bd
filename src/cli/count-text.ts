import { totalOf } from '../kit/counts.ts';
import type { Counts } from '../kit/counts.ts';

/** `, label: 12 (reason 10, other 2)`; empty when there is none. */
export function reasons(label: string, counts: Counts<string>): string {
  const some = Object.entries(counts).filter(([, count]) => count > 0);
  if (some.length === 0) return '';
  const list = some.map(([reason, count]) => `${reason} ${number(count)}`).join(', ');
  return `${label}: ${number(totalOf(counts))} (${list})`;
}

const FORMAT = new Intl.NumberFormat('en-US', { maximumFractionDigits: 4 });

export function number(value: number): string {
  return FORMAT.format(value);
}
