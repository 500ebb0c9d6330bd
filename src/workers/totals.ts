import { addCounts, zeroCounts } from '../kit/counts.ts';
import { packetTotals } from '../model/capture-status.ts';
import {
  COMPLETENESS,
  INCOMPLETE_REASONS,
  MIRROR_FAILURES,
  NOT_MIRRORED_REASONS,
} from '../model/exchange.ts';
import type { MirrorStatus, PolicyStatus, Summary, TapStatus } from '../model/status.ts';

/** The part of a summary that is added up from its taps and policies. */
export type Totals = Omit<
  Summary,
  'version' | 'startedAt' | 'uptimeMs' | 'listeners' | 'captures' | 'observerRestarts' | 'configReloads'
>;

export function totalsOf(taps: readonly TapStatus[], policies: readonly PolicyStatus[]): Totals {
  const notMirrored = zeroCounts(NOT_MIRRORED_REASONS);
  const failures = zeroCounts(MIRROR_FAILURES);
  const pairs = { same: 0, different: 0, incomplete: 0 };
  const mirrors = policies.flatMap((policy) => policy.mirrors);
  for (const mirror of mirrors) {
    addCounts(notMirrored, mirror.notMirrored);
    addCounts(failures, mirror.failures);
    addCounts(pairs, mirror.pairs);
  }
  const incomplete = zeroCounts(INCOMPLETE_REASONS);
  const completeness = zeroCounts(COMPLETENESS);
  for (const tap of taps) {
    addCounts(incomplete, tap.incomplete);
    addCounts(completeness, tap.completeness);
  }
  const sum = (of: (tap: TapStatus) => number) => taps.reduce((total, tap) => total + of(tap), 0);
  return {
    connections: {
      open: sum((tap) => tap.connections.open),
      accepted: sum((tap) => tap.connections.accepted),
      refused: sum((tap) => tap.connections.refused),
    },
    requests: { http1: sum((tap) => tap.requests.http1), http2: sum((tap) => tap.requests.http2) },
    exchanges: sum((tap) => tap.exchanges),
    incomplete,
    completeness,
    packets: packetTotals(taps.filter((tap) => tap.kind === 'capture')),
    mirrored: mirrors.reduce((total, mirror) => total + mirror.mirrored, 0),
    notMirrored,
    heldWrites: notMirrored.unsafe_method,
    failures,
    pairs,
    tapeDroppedBytes: sum((tap) => (tap.kind === 'listener' ? tap.tape.droppedBytes : 0)),
  };
}

/** A mirror of which no observer has said anything so far. */
export function nothingYet(name: string, url: string): MirrorStatus {
  return {
    name,
    url,
    mirrored: 0,
    notMirrored: zeroCounts(NOT_MIRRORED_REASONS),
    responses: { '1xx': 0, '2xx': 0, '3xx': 0, '4xx': 0, '5xx': 0 },
    failures: zeroCounts(MIRROR_FAILURES),
    pairs: { same: 0, different: 0, incomplete: 0 },
    truncated: 0,
    breaker: 'closed',
    inFlight: 0,
    queued: 0,
    bufferedBytes: 0,
  };
}
