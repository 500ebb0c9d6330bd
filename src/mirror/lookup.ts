import { lookup as systemLookup } from 'node:dns';
import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import type { Clock } from '../kit/clock.ts';

interface Found {
  readonly error: NodeJS.ErrnoException | null;
  readonly addresses: LookupAddress[];
  readonly atMs: number;
}

/** How long an answer, also a failed one, serves all connects. */
const FRESH_MS = 1_000;

/**
 * Resolves the one name of a mirror with the system's resolver, at most one question at a time. The resolver's threads
 * are shared by the whole process: without this, a mirror whose name servers are silent would hold them all, and the
 * live path's own connects would wait.
 */
export function createLookup(clock: Clock, resolve: typeof systemLookup = systemLookup): LookupFunction {
  let found: Found | undefined;
  let waiting: ((found: Found) => void)[] = [];
  let asking = false;

  function ask(hostname: string): void {
    asking = true;
    resolve(hostname, { all: true }, (error, addresses) => {
      asking = false;
      found = { error, addresses: error === null ? addresses : [], atMs: clock.monotonic() };
      const answered = waiting;
      waiting = [];
      for (const answer of answered) answer(found);
    });
  }

  return (hostname, options, callback) => {
    const answer = ({ error, addresses }: Found): void => {
      const [first] = addresses;
      if (error !== null || first === undefined)
        callback(error ?? new Error(`${hostname} has no address`), '');
      else if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    };
    if (found !== undefined && clock.monotonic() - found.atMs < FRESH_MS) {
      const fresh = found;
      process.nextTick(() => answer(fresh));
      return;
    }
    waiting.push(answer);
    if (!asking) ask(hostname);
  };
}
