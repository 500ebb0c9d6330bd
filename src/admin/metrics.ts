import { zeroCounts } from '../kit/counts.ts';
import type { Histogram } from '../kit/histogram.ts';
import type { HistogramValue } from '../kit/metric-definition.ts';
import type { Metric } from '../kit/metrics.ts';
import { MetricRegistry } from '../kit/metrics.ts';
import { DURATION_EDGES, METRICS } from '../model/metrics.ts';
import { RISKS } from '../model/difference.ts';
import type { StoreStatus } from '../model/recording.ts';
import type { CaptureStatus } from '../model/capture-status.ts';
import type {
  DurationStatus,
  ListenerStatus,
  MirrorStatus,
  PolicyStatus,
  Summary,
  TapStatus,
} from '../model/status.ts';
import { PAIR_INCOMPLETE_REASONS } from '../model/tally.ts';
import { VERDICT_STATES } from '../model/verdict.ts';
import type { MirrorVerdict, Verdict } from '../model/verdict.ts';

/** Everything that `/metrics` is made from. */
export interface MetricsInput {
  readonly summary: Summary;
  readonly taps: readonly TapStatus[];
  readonly policies: readonly PolicyStatus[];
  readonly durations: readonly DurationStatus[];
  readonly verdicts: readonly Verdict[];
  readonly store: StoreStatus;
}

/** Prometheus text of an instance's state. What is gone from the state is gone from the text too. */
export function metricsText(input: MetricsInput): string {
  const registry = new MetricRegistry({ overflow: METRICS.valuesDropped });
  const { summary } = input;
  registry.metric(METRICS.buildInfo).set({ version: summary.version }, 1);
  registry.metric(METRICS.startTime).set({}, summary.startedAt / 1000);
  setEach(registry.metric(METRICS.configReloads), {}, 'result', summary.configReloads);
  for (const tap of input.taps) setTap(registry, tap);
  for (const policy of input.policies) setPolicy(registry, policy);
  for (const { policy, mirrors } of input.verdicts) {
    for (const mirror of mirrors) setVerdict(registry, policy, mirror);
  }
  registry.metric(METRICS.storeBytes).set({}, input.store.bytes);
  registry.metric(METRICS.storeDropped).set({}, input.store.dropped);
  registry.metric(METRICS.storeFailing).set({}, input.store.state === 'failing' ? 1 : 0);
  for (const { role, policy, histogram } of input.durations) {
    registry.metric(METRICS.requestDuration).setHistogram({ role, policy }, durationValue(histogram));
  }
  return registry.expose();
}

function durationValue({ buckets, sumMicros }: Histogram): HistogramValue {
  let from = 0;
  const counts = [...DURATION_EDGES, buckets.length - 1].map((last) => {
    let count = 0;
    for (; from <= last; from++) count += buckets[from] ?? 0;
    return count;
  });
  return { counts, sum: sumMicros / 1e6 };
}

function setTap(registry: MetricRegistry, status: TapStatus): void {
  const tap = status.name;
  if (status.kind === 'listener') setListener(registry, status);
  else setCapture(registry, status);
  const set = (definition: (typeof METRICS)['exchanges'], value: number): void =>
    registry.metric(definition).set({ tap }, value);
  setEach(registry.metric(METRICS.unfollowed), { tap }, 'reason', status.unfollowed);
  setEach(registry.metric(METRICS.http2Faults), { tap }, 'fault', status.http2Faults);
  set(METRICS.resynchronised, status.resynchronised);
  set(METRICS.unreadableHeads, status.unreadableHeads);
  set(
    METRICS.observerRestarts,
    status.observers.reduce((sum, observer) => sum + observer.restarts, 0),
  );
  setEach(registry.metric(METRICS.requests), { tap }, 'protocol', status.requests);
  set(METRICS.exchanges, status.exchanges);
  setEach(registry.metric(METRICS.incomplete), { tap }, 'reason', status.incomplete);
  setEach(registry.metric(METRICS.completeness), { tap }, 'completeness', status.completeness);
}

function setListener(registry: MetricRegistry, status: ListenerStatus): void {
  const tap = status.name;
  const set = (definition: (typeof METRICS)['tapeUsed'], value: number): void =>
    registry.metric(definition).set({ tap }, value);
  set(METRICS.liveConnections, status.connections.open);
  set(METRICS.liveAccepted, status.connections.accepted);
  set(METRICS.liveRefused, status.connections.refused);
  setEach(registry.metric(METRICS.liveClosed), { tap }, 'reason', status.closed);
  setEach(registry.metric(METRICS.liveBytes), { tap }, 'direction', status.bytes);
  for (const endpoint of status.endpoints) {
    const labels = { tap, endpoint: endpoint.url };
    registry.metric(METRICS.endpointUp).set(labels, endpoint.state === 'up' ? 1 : 0);
    registry.metric(METRICS.endpointFailures).set(labels, endpoint.failures);
  }
  set(METRICS.tapeCapacity, status.tape.capacityBytes);
  set(METRICS.tapeUsed, status.tape.usedBytes);
  set(METRICS.tapeDropped, status.tape.droppedBytes);
}

function setCapture(registry: MetricRegistry, status: CaptureStatus): void {
  const tap = status.name;
  const set = (definition: (typeof METRICS)['captureRunning'], value: number): void =>
    registry.metric(definition).set({ tap }, value);
  set(METRICS.captureRunning, status.state === 'running' ? 1 : 0);
  set(METRICS.capturePackets, status.packets);
  set(METRICS.captureBytes, status.bytes);
  set(METRICS.captureCut, status.cut);
  setEach(registry.metric(METRICS.captureLost), { tap }, 'by', status.lost);
  setEach(registry.metric(METRICS.capturePacketFaults), { tap }, 'fault', status.faults);
  setEach(registry.metric(METRICS.captureFileFaults), { tap }, 'fault', status.fileFaults);
  setEach(registry.metric(METRICS.captureTunnels), { tap }, 'kind', status.tunnels);
  setEach(registry.metric(METRICS.captureSegments), { tap }, 'kind', status.segments);
  setEach(registry.metric(METRICS.captureMissingBytes), { tap }, 'reason', status.missingBytes);
  set(METRICS.captureConnections, status.connections.open);
  set(METRICS.captureConnectionsSeen, status.connections.accepted);
  setEach(registry.metric(METRICS.captureBegins), { tap }, 'begin', status.begins);
  setEach(registry.metric(METRICS.captureLeft), { tap }, 'reason', status.left);
  const { opaque, decrypted } = status.tls;
  setEach(registry.metric(METRICS.captureTls), { tap }, 'outcome', { decrypted, ...opaque });
  set(METRICS.captureRestarts, status.sourceRestarts);
}

function setPolicy(registry: MetricRegistry, status: PolicyStatus): void {
  const policy = status.name;
  registry.metric(METRICS.policyPaused).set({ policy }, status.state.kind === 'paused' ? 1 : 0);
  registry.metric(METRICS.policyMatched).set({ policy }, status.matched);
  registry.metric(METRICS.policySampled).set({ policy }, status.sampled);
  const { control, reflection } = status;
  if (reflection !== undefined) {
    registry.metric(METRICS.reflectionAnswered).set({ policy }, reflection.state === 'answered' ? 1 : 0);
    registry.metric(METRICS.reflectionFailures).set({ policy }, reflection.failures);
  }
  for (const mirror of control === undefined ? status.mirrors : [...status.mirrors, control]) {
    setMirror(registry, policy, mirror);
  }
}

const BREAKER_VALUES = { closed: 0, 'half-open': 0.5, open: 1 } as const;

function setMirror(registry: MetricRegistry, policy: string, status: MirrorStatus): void {
  const labels = { policy, mirror: status.name };
  registry.metric(METRICS.mirrored).set(labels, status.mirrored);
  setEach(registry.metric(METRICS.notMirrored), labels, 'reason', status.notMirrored);
  setEach(registry.metric(METRICS.mirrorResponses), labels, 'class', status.responses);
  if (status.calls !== undefined)
    setEach(registry.metric(METRICS.mirrorCalls), labels, 'status', status.calls);
  setEach(registry.metric(METRICS.mirrorFailures), labels, 'reason', status.failures);
  registry.metric(METRICS.mirrorInFlight).set(labels, status.inFlight);
  registry.metric(METRICS.mirrorQueued).set(labels, status.queued);
  registry.metric(METRICS.mirrorBuffered).set(labels, status.bufferedBytes);
  registry.metric(METRICS.mirrorBreaker).set(labels, BREAKER_VALUES[status.breaker]);
  setEach(registry.metric(METRICS.compared), labels, 'result', status.pairs);
  registry.metric(METRICS.pairsTruncated).set(labels, status.truncated);
}

function setVerdict(registry: MetricRegistry, policy: string, verdict: MirrorVerdict): void {
  const labels = { policy, mirror: verdict.mirror };
  for (const state of VERDICT_STATES) {
    registry.metric(METRICS.verdictState).set({ ...labels, state }, verdict.state === state ? 1 : 0);
  }
  const proven = verdict.findings.filter(({ established, cause }) => established && cause !== 'state_drift');
  for (const risk of RISKS) {
    const count = proven.filter((finding) => finding.risk === risk).length;
    registry.metric(METRICS.findings).set({ ...labels, risk }, count);
  }
  registry.metric(METRICS.findingsTurnedAway).set(labels, verdict.turnedAway.findings);
  const incomplete = { ...zeroCounts(PAIR_INCOMPLETE_REASONS), ...verdict.pairs.incomplete };
  setEach(registry.metric(METRICS.pairsIncomplete), labels, 'reason', incomplete);
}

/** One series per key; zeros too, so that a rate can be taken from the first event on. */
function setEach<Label extends string, Key extends Label>(
  metric: Metric<Label>,
  base: Readonly<Record<Exclude<Label, Key>, string>>,
  key: Key,
  values: Readonly<Record<string, number>>,
): void {
  for (const [name, value] of Object.entries(values)) {
    metric.set({ ...base, [key]: name } as Readonly<Record<Label, string>>, value);
  }
}
