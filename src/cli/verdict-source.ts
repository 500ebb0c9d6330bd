import { nearest } from '../config/suggestion.ts';
import type { Clock } from '../kit/clock.ts';
import { UserError } from '../kit/errors.ts';
import type { ExchangeFilter, ExchangeSummary, Page, RecordedExchange } from '../model/recording.ts';
import type { AdminSource } from '../model/runtime.ts';
import { VERDICT_VERSION } from '../model/verdict.ts';
import type { Verdict } from '../model/verdict.ts';
import type { ReportInput, ReportSummary } from '../report/report-input.ts';
import { WORST_FINDINGS } from '../report/report-input.ts';
import type { AdminClient } from './admin-client.ts';
import { keepAlive } from './interval.ts';

/** Where verdicts and examples come from: a running instance, this process's own, or a store file. */
export interface VerdictSource {
  /** All of them, in the order of the configuration. */
  verdicts(): Promise<readonly Verdict[]>;
  /** Undefined where it is not known. */
  summary(): Promise<ReportSummary | undefined>;
  exchanges(filter: ExchangeFilter): Promise<Page<ExchangeSummary>>;
  exchange(id: string): Promise<readonly RecordedExchange[]>;
}

export function adminVerdicts(client: AdminClient): VerdictSource {
  return {
    async verdicts() {
      const policies = await client.policies();
      return Promise.all(
        policies.map(async ({ name }) => (await client.verdict(name)) ?? nothingYet(name, Date.now())),
      );
    },
    summary: () => client.summary(),
    exchanges: (filter) => client.exchanges(filter),
    exchange: (id) => client.exchange(id),
  };
}

/** Verdicts of all policies of a running instance. */
export function verdictsOf(source: AdminSource): readonly Verdict[] {
  return source.policies().map(({ name }) => source.verdict(name) ?? nothingYet(name, Date.now()));
}

/** A policy that has compared nothing is not decided, and must not look as if it were not there. */
function nothingYet(policy: string, at: number): Verdict {
  return { version: VERDICT_VERSION, policy, state: 'undecided', since: at, at, mirrors: [] };
}

export function ownVerdicts(source: AdminSource): VerdictSource {
  return {
    verdicts: async () => verdictsOf(source),
    summary: async () => source.summary(),
    exchanges: (filter) => source.exchanges(filter),
    exchange: (id) => source.exchange(id),
  };
}

/**
 * The verdicts that were asked for.
 *
 * @throws UserError when there is no such policy, or there are no verdicts at all
 */
export function chosen(verdicts: readonly Verdict[], policy: string | undefined): readonly Verdict[] {
  const found = policy === undefined ? verdicts : verdicts.filter((verdict) => verdict.policy === policy);
  if (found.length > 0) return found;
  if (policy === undefined) {
    throw new UserError('there is no verdict: no policy copies requests to a mirror');
  }
  const names = verdicts.map((verdict) => verdict.policy);
  const meant = nearest(policy, names);
  throw new UserError(`there is no verdict of a policy "${policy}"`, {
    where: '--policy',
    hint:
      meant === undefined
        ? `there are ${names.length === 0 ? 'none' : names.join(', ')}`
        : `did you mean ${meant}?`,
  });
}

/** Exchanges that are fetched for each of the worst findings. */
const EXAMPLES = 2;
/** All examples together have to be there by then; the report goes without those that are not. */
const EXAMPLES_MS = 10_000;

export interface GatherOptions {
  readonly policy: string | undefined;
  /** Version of this program. */
  readonly version: string;
  readonly clock: Clock;
}

/**
 * Everything that a report needs. Examples that cannot be had now (a store that fails or hangs, an exchange that was
 * dropped meanwhile) are left out: a verdict does not wait for them.
 *
 * @throws UserError when the verdicts cannot be had
 */
export async function gatherReport(source: VerdictSource, options: GatherOptions): Promise<ReportInput> {
  const { policy, version, clock } = options;
  const [verdicts, summary] = [chosen(await source.verdicts(), policy), await source.summary()];
  const examples = await withinTime(clock, (late) => gatherExamples(source, verdicts, late));
  return { version, at: clock.now(), verdicts, summary, examples };
}

type Examples = ReadonlyMap<string, readonly RecordedExchange[]>;

/** @param late resolves when it has taken too long */
async function gatherExamples(
  source: VerdictSource,
  verdicts: readonly Verdict[],
  late: Promise<'late'>,
): Promise<Examples> {
  const examples = new Map<string, readonly RecordedExchange[]>();
  for (const { policy: name, mirrors } of verdicts) {
    for (const { findings } of mirrors) {
      for (const { id } of findings.slice(0, WORST_FINDINGS)) {
        const found = await Promise.race([examplesOf(source, name, id), late]);
        if (found === 'late') return examples;
        if (found.length > 0) examples.set(id, [...(examples.get(id) ?? []), ...found]);
      }
    }
  }
  return examples;
}

async function withinTime<Found>(
  clock: Clock,
  work: (late: Promise<'late'>) => Promise<Found>,
): Promise<Found> {
  const { promise, resolve } = Promise.withResolvers<'late'>();
  const cancel = clock.after(EXAMPLES_MS, () => resolve('late'));
  using _alive = keepAlive();
  try {
    return await work(promise);
  } finally {
    cancel();
  }
}

async function examplesOf(
  source: VerdictSource,
  policy: string,
  finding: string,
): Promise<readonly RecordedExchange[]> {
  try {
    const { items } = await source.exchanges({ policy, finding, limit: EXAMPLES });
    const found = await Promise.all(items.slice(0, EXAMPLES).map(({ id }) => source.exchange(id)));
    return found.flat().filter((exchange) => exchange.policy === policy);
  } catch {
    return [];
  }
}
