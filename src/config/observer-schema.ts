import type { z } from 'zod';
import { UserError } from '../kit/errors.ts';
import { formatSize } from '../kit/size.ts';
import type { ObserverSettings } from '../model/settings.ts';
import { TAPE_BYTES_MAX, TAPE_BYTES_MIN } from '../model/tape.ts';
import { attempt, duration, integer, section, size } from './value.ts';

const SECOND = 1000;
const KIB = 1024;
const MIB = 1024 * KIB;

export function observerSchema(): z.ZodType<ObserverSettings> {
  return section({
    perWorker: integer(
      { description: 'Observer threads for each live worker.', examples: [1] },
      { min: 1, max: 64 },
    ).prefault(1),
    tapeBytes: size(
      {
        description:
          'The tape between a live worker and an observer; a power of two. A full tape drops records, never slows the live path.',
        examples: ['16MiB'],
      },
      { min: TAPE_BYTES_MIN, max: TAPE_BYTES_MAX },
    )
      .transform((bytes, context) =>
        attempt(bytes, context, () => {
          if (Number.isInteger(Math.log2(bytes))) return bytes;
          const below = 2 ** Math.floor(Math.log2(bytes));
          throw new UserError('the size of the tape is not a power of two', {
            hint: `${formatSize(below)} or ${formatSize(below * 2)}`,
          });
        }),
      )
      .prefault('16MiB'),
    heapBytes: size(
      {
        description: 'JavaScript heap of one observer. One that needs more is replaced.',
        examples: ['256MiB'],
      },
      { min: 32 * MIB, max: 32 * 1024 * MIB },
    ).prefault('256MiB'),
    stall: duration(
      { description: 'An observer that leaves its tape unread for this long is replaced.', examples: ['5s'] },
      { min: 200, max: 600 * SECOND },
    ).prefault('5s'),
    nice: integer(
      {
        description:
          'How far observers stand back when the CPU is used up, as in nice(1). At 10 users come first and copies are left out; at 0 both get the same share.',
        examples: [10],
      },
      { min: 0, max: 19 },
    ).prefault(10),
    headBytes: size(
      {
        description:
          'The largest head of a request or answer that is decoded. Requests with larger ones are not copied (`ambiguous`).',
        examples: ['64KiB'],
      },
      { min: KIB, max: MIB },
    ).prefault('64KiB'),
    connections: integer(
      {
        description:
          'Connections that one observer follows. Further ones are relayed, not observed, and counted.',
        examples: [20_000],
      },
      { min: 1, max: 1_000_000 },
    ).prefault(20_000),
  }).transform((observer): ObserverSettings => ({
    perWorker: observer.perWorker,
    tapeBytes: observer.tapeBytes,
    heapBytes: observer.heapBytes,
    stallMs: observer.stall,
    nice: observer.nice,
    headBytes: observer.headBytes,
    connections: observer.connections,
  }));
}
