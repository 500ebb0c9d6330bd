import { TokenBucket } from '../../kit/token-bucket.ts';
import type { Difference } from '../../model/difference.ts';
import { FindingExamples } from './finding-examples.ts';
import { MatchSample } from './match-sample.ts';

export interface ExampleChooserOptions {
  /** Examples of each finding that are kept at once. */
  readonly first: number;
  /** After those, one in this time for each finding. */
  readonly freshMs: number;
  /** Exchanges without a difference, for comparison. */
  readonly matchesPerSecond: number;
  /** Of all together. */
  readonly perSecond: number;
  readonly bytesPerSecond: number;
  /** Findings remembered, for each mirror. */
  readonly findings: number;
}

export const DEFAULT_EXAMPLES: ExampleChooserOptions = {
  first: 3,
  freshMs: 10_000,
  matchesPerSecond: 1,
  perSecond: 20,
  bytesPerSecond: 1024 * 1024,
  findings: 2000,
};

/** `first`, `fresh`: an example of a finding; `match`: of the random sample. */
export type ExampleReason = 'first' | 'fresh' | 'match';

/** What a mirror, the control or a repeat showed against the primary; a failure is a difference too. */
export interface ComparedAnswer {
  readonly name: string;
  readonly differences: readonly Difference[];
}

/** Exchanges that were wanted and not kept. */
export interface ExamplesTurnedAway {
  /** Past the number of a second, past its bytes. */
  count: number;
  bytes: number;
  /** Differences of findings that there was no room to remember; they are no reason to keep an exchange. */
  readonly findings: number;
}

/**
 * Chooses which exchanges of a policy are kept as examples: of each finding the first ones and from time to time a fresh
 * one, and a random sample of those without a difference. Everything together stays below a rate of exchanges and bytes; a
 * finding whose example was turned away gets the next one.
 */
export class ExampleChooser {
  readonly #options: ExampleChooserOptions;
  readonly #mirrors = new Map<string, FindingExamples>();
  readonly #matches: MatchSample;
  readonly #count: TokenBucket;
  readonly #bytes: TokenBucket;
  #countTurnedAway = 0;
  #bytesTurnedAway = 0;

  /**
   * @param nowMs of the clock that `choose` is given, milliseconds
   * @param random uniform in [0, 1)
   */
  constructor(options: ExampleChooserOptions, nowMs: number, random: () => number) {
    this.#options = options;
    this.#matches = new MatchSample(options.matchesPerSecond, random, nowMs);
    this.#count = new TokenBucket(options.perSecond, nowMs);
    this.#bytes = new TokenBucket(options.bytesPerSecond, nowMs);
  }

  /**
   * Says why an exchange is to be kept; undefined when it is not.
   *
   * @param others those whose differences are findings: the mirrors, not the control
   * @param bytes what keeping it would take
   */
  choose(
    route: string,
    others: readonly ComparedAnswer[],
    bytes: number,
    nowMs: number,
  ): ExampleReason | undefined {
    const reason = this.#wanted(route, others, nowMs);
    if (reason === undefined || !this.#fits(bytes, nowMs)) return undefined;
    if (reason === 'match') return reason;
    for (const { name, differences } of others)
      for (const difference of differences) this.#mirrors.get(name)?.taken(route, difference, nowMs);
    return reason;
  }

  /** Routes have become one; see `RouteTable`. */
  fold(from: readonly string[], to: string): void {
    for (const examples of this.#mirrors.values()) examples.fold(from, to);
  }

  get turnedAway(): ExamplesTurnedAway {
    let findings = 0;
    for (const examples of this.#mirrors.values()) findings += examples.turnedAway;
    return { count: this.#countTurnedAway, bytes: this.#bytesTurnedAway, findings };
  }

  #wanted(route: string, others: readonly ComparedAnswer[], nowMs: number): ExampleReason | undefined {
    let reason: ExampleReason | undefined;
    let same = true;
    for (const { name, differences } of others) {
      if (differences.length === 0) continue;
      same = false;
      const examples = this.#examplesOf(name);
      for (const difference of differences) {
        const wanted = examples.wants(route, difference, nowMs);
        if (wanted === 'first' || reason === undefined) reason = wanted ?? reason;
      }
    }
    return same && this.#matches.includes(nowMs) ? 'match' : reason;
  }

  #fits(bytes: number, nowMs: number): boolean {
    if (!this.#count.take(1, nowMs)) {
      this.#countTurnedAway++;
      return false;
    }
    if (this.#bytes.take(bytes, nowMs)) return true;
    this.#count.charge(-1);
    this.#bytesTurnedAway++;
    return false;
  }

  #examplesOf(mirror: string): FindingExamples {
    let examples = this.#mirrors.get(mirror);
    if (examples === undefined) {
      const { first, freshMs, findings: limit } = this.#options;
      examples = new FindingExamples({ first, freshMs, limit });
      this.#mirrors.set(mirror, examples);
    }
    return examples;
  }
}
