import { BUCKETS } from '../../kit/histogram.ts';
import type { Histogram } from '../../kit/histogram.ts';
import { DIFFERENCE_KINDS, RISKS } from '../../model/difference.ts';
import { PAIR_INCOMPLETE_REASONS } from '../../model/tally.ts';
import type { Discordance } from '../../model/tally.ts';
import { createMirrorCounts } from './counts.ts';
import type { MirrorCounts } from './counts.ts';
import { findingKey } from './finding-counts.ts';
import type { FindingCounts } from './finding-counts.ts';
import { BINS } from './growth.ts';
import type { VerdictOptions } from './options.ts';
import { createRoute } from './route-counts.ts';
import type { LatencySums, RouteCounts } from './route-counts.ts';
import { parseSaved, SavedStateError } from './saved-value.ts';
import type { SavedValue } from './saved-value.ts';

const VERSION = 1;
/** More than any limits that make sense lead to. */
const ROUTES_LIMIT = 100_000;
const FINDINGS_LIMIT = 1_000_000;
const STATUSES_LIMIT = 65;

/** Counts as JSON; histograms as pairs of bucket and count, since most buckets are empty. */
export function serialiseCounts(counts: MirrorCounts, options: VerdictOptions): string {
  const { heldWrites, findingsTurnedAway, routesTurnedAway, started } = counts;
  return JSON.stringify({
    version: VERSION,
    mirror: options.mirror,
    noise: options.noise.source,
    heldWrites,
    findingsTurnedAway,
    routesTurnedAway,
    started,
    routes: [...counts.routes.values()].map((route) => ({
      ...route,
      incomplete: [...route.incomplete],
      statuses: [...route.statuses],
      findings: [...route.findings.values()],
      latency: {
        firstByte: sparseLatency(route.latency.firstByte),
        total: sparseLatency(route.latency.total),
        dispatch: sparse(route.latency.dispatch),
      },
    })),
  });
}

function sparseLatency(sums: LatencySums): object {
  const { primary, reference, mirror, slower, compared, slowSince } = sums;
  return {
    primary: sparse(primary),
    reference: sparse(reference),
    mirror: sparse(mirror),
    slower,
    compared,
    slowSince,
  };
}

function sparse({ buckets, sumMicros }: Histogram): object {
  return { sumMicros, buckets: [...buckets.entries()].filter(([, count]) => count > 0) };
}

/** @throws SavedStateError */
export function parseCounts(text: string, options: VerdictOptions): MirrorCounts {
  const saved = parseSaved(text);
  if (saved.at('version').count() !== VERSION)
    throw new SavedStateError('version', 'the saved verdict was made by another version');
  const mirror = saved.at('mirror').text();
  const noise = saved.at('noise').text();
  if (mirror !== options.mirror || noise !== options.noise.source)
    throw new SavedStateError(
      'settings',
      `the saved verdict is of mirror ${mirror} with noise from ${noise}`,
    );
  const counts = createMirrorCounts();
  counts.heldWrites = saved.at('heldWrites').count();
  counts.findingsTurnedAway = saved.at('findingsTurnedAway').count();
  counts.routesTurnedAway = saved.at('routesTurnedAway').count();
  counts.started = saved.at('started').count();
  let findings = 0;
  for (const item of saved.at('routes').list(ROUTES_LIMIT)) {
    const route = readRoute(item);
    findings += route.findings.size;
    if (counts.routes.has(route.route)) throw item.wrong('the same route twice');
    counts.routes.set(route.route, route);
  }
  if (findings > counts.started) throw saved.wrong('more findings than were ever watched');
  return counts;
}

function readRoute(saved: SavedValue): RouteCounts {
  const route = createRoute(saved.at('route').text());
  route.pairs = saved.at('pairs').count();
  route.same = saved.at('same').count();
  route.referenced = saved.at('referenced').count();
  for (const entry of saved.at('incomplete').list(PAIR_INCOMPLETE_REASONS.length))
    route.incomplete.set(entry.at(0).oneOf(PAIR_INCOMPLETE_REASONS), entry.at(1).count());
  for (const risk of RISKS) readDiscordance(saved.at('worst').at(risk), route.worst[risk]);
  readDiscordance(saved.at('failures'), route.failures);
  for (const entry of saved.at('statuses').list(STATUSES_LIMIT))
    route.statuses.set(entry.at(0).text(), entry.at(1).count());
  for (const item of saved.at('findings').list(FINDINGS_LIMIT)) {
    const finding = readFinding(item);
    route.findings.set(findingKey(finding), finding);
  }
  const latency = saved.at('latency');
  readLatency(latency.at('firstByte'), route.latency.firstByte);
  readLatency(latency.at('total'), route.latency.total);
  readHistogram(latency.at('dispatch'), route.latency.dispatch);
  route.bins.from = saved.at('bins').at('from').count();
  route.bins.width = Math.max(1, saved.at('bins').at('width').count());
  return route;
}

function readDiscordance(saved: SavedValue, into: Required<Discordance>): void {
  into.mirrorOnly = saved.at('mirrorOnly').count();
  into.referenceOnly = saved.at('referenceOnly').count();
  into.unreferenced = saved.at('unreferenced').count();
}

function readFinding(saved: SavedValue): FindingCounts {
  const sample = saved.at('sample');
  const [primary, other] = [sample.at('primary').optionalText(), sample.at('other').optionalText()];
  const bins = saved.at('bins').list(BINS);
  if (bins.length !== BINS) throw saved.wrong(`not ${BINS} bins`);
  return {
    path: saved.at('path').text(),
    kind: saved.at('kind').oneOf(DIFFERENCE_KINDS),
    risk: saved.at('risk').oneOf(RISKS),
    mirrorOnly: saved.at('mirrorOnly').count(),
    referenceOnly: saved.at('referenceOnly').count(),
    both: saved.at('both').count(),
    unreferenced: saved.at('unreferenced').count(),
    afterHeldWrite: saved.at('afterHeldWrite').count(),
    firstSeen: saved.at('firstSeen').number(),
    lastSeen: saved.at('lastSeen').number(),
    sample: {
      exchange: sample.at('exchange').text(),
      ...(primary === undefined ? {} : { primary }),
      ...(other === undefined ? {} : { other }),
    },
    trialsBefore: saved.at('trialsBefore').count(),
    bins: bins.map((bin) => bin.number()),
    grown: saved.at('grown').boolean(),
  };
}

function readLatency(saved: SavedValue, into: LatencySums): void {
  readHistogram(saved.at('primary'), into.primary);
  readHistogram(saved.at('reference'), into.reference);
  readHistogram(saved.at('mirror'), into.mirror);
  into.slower = saved.at('slower').count();
  into.compared = saved.at('compared').count();
  into.slowSince = saved.at('slowSince').number();
}

function readHistogram(saved: SavedValue, into: Histogram): void {
  into.sumMicros = saved.at('sumMicros').number();
  for (const entry of saved.at('buckets').list(BUCKETS)) {
    const bucket = entry.at(0).count();
    if (bucket >= BUCKETS) throw entry.wrong(`no bucket ${bucket}`);
    const count = entry.at(1).count();
    into.count += count - (into.buckets[bucket] ?? 0);
    into.buckets[bucket] = count;
  }
}
