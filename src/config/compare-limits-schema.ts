import type { z } from 'zod';
import type { CompareLimits } from '../model/compare-settings.ts';
import { integer, section, size } from './value.ts';

const GIB = 2 ** 30;

export function compareLimitsSchema(): z.ZodType<CompareLimits> {
  return section({
    differences: integer(
      { description: 'Differences kept of one pair; more are counted.', examples: [50] },
      { min: 1, max: 1000 },
    ).prefault(50),
    findings: integer(
      {
        description:
          'Findings watched at once, per policy and mirror. Differences past it are counted, and count in the rates.',
        examples: [1000],
      },
      { min: 1, max: 100_000 },
    ).prefault(1000),
    depth: integer(
      { description: 'Nesting of a body; a deeper one is compared as text.', examples: [128] },
      { min: 1, max: 1000 },
    ).prefault(128),
    values: integer(
      {
        description: 'Values of one body (JSON values, elements, fields); one with more is compared as text.',
        examples: [100_000],
      },
      { min: 1, max: 10_000_000 },
    ).prefault(100_000),
    decodedBytes: size(
      {
        description: 'The longest body after decompression; a longer one is compared as it came.',
        examples: ['8MiB'],
      },
      { min: 1024, max: GIB },
    ).prefault('8MiB'),
    shownChars: integer(
      { description: 'The longest value that is shown; longer ones are cut.', examples: [120] },
      { min: 16, max: 4096 },
    ).prefault(120),
  }).transform((limits): CompareLimits => ({
    differences: limits.differences,
    findings: limits.findings,
    depth: limits.depth,
    values: limits.values,
    decodedBytes: limits.decodedBytes,
    shownChars: limits.shownChars,
  }));
}
