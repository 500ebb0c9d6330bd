import type { z } from 'zod';
import { UserError } from '../kit/errors.ts';
import { formatSize } from '../kit/size.ts';
import type { StoreSettings } from '../model/settings.ts';
import type { Surroundings } from './surroundings.ts';
import { integer, section, size, text } from './value.ts';

const MIB = 2 ** 20;

export function storeSchema(surroundings: Surroundings): z.ZodType<StoreSettings> {
  return section({
    file: text(
      'file',
      {
        description:
          'SQLite file that verdicts and examples are kept in; it is made when it is not there, and taken up again after a restart. `--store` holds over it.',
        otherwise: 'in memory, to the end of the run',
        examples: ['understudy.db'],
      },
      (path) => checkFile(surroundings, path),
    ).optional(),
    maxBytes: size(
      {
        description: 'Size of the file; past it the oldest examples go.',
        examples: ['256MiB'],
      },
      { min: MIB, max: 1024 ** 4 },
    ).prefault('256MiB'),
    examplesPerFinding: integer(
      {
        description: 'Examples kept of each finding: half of them the first ones, the others the freshest.',
        examples: [6],
      },
      { min: 1, max: 100 },
    ).prefault(6),
    randomExchanges: integer(
      {
        description: 'Pairs without a difference that are kept, chosen at random over the whole run.',
        examples: [1000],
      },
      { min: 0, max: 1_000_000 },
    ).prefault(1000),
    bodyBytes: size(
      { description: 'The longest body kept of one answer; the rest is cut off.', examples: ['64KiB'] },
      { min: 0, max: 64 * MIB },
    ).prefault('64KiB'),
  }).transform(
    ({ file, maxBytes, examplesPerFinding, randomExchanges, bodyBytes }, context): StoreSettings => {
      if (bodyBytes > maxBytes / 4) {
        context.issues.push({
          code: 'custom',
          input: bodyBytes,
          message: `bodyBytes (${formatSize(bodyBytes)}) is more than a quarter of maxBytes (${formatSize(maxBytes)})\na few examples would fill the file`,
          path: ['bodyBytes'],
        });
      }
      return { file, maxBytes, examplesPerFinding, randomExchanges, bodyBytes };
    },
  );
}

function checkFile(surroundings: Surroundings, path: string): string {
  if (path !== '' && !/[\\/]$/.test(path) && !path.includes('\0') && path !== ':memory:')
    return surroundings.absolute(path);
  throw new UserError(`"${path.slice(0, 80)}" is not a file`, {
    code: 'config',
    hint: 'write it like understudy.db, or leave it out to keep everything in memory',
  });
}
