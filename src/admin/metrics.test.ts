import { deepEqual, doesNotMatch, equal, match, ok } from 'node:assert/strict';
import { test } from 'node:test';
import {
  exampleCapture,
  exampleMirror,
  examplePolicy,
  exampleSummary,
  exampleTap,
} from '../../test/fixtures/status.ts';
import { exampleStore } from '../../test/fixtures/admin-source.ts';
import { exampleMirrorVerdict, exampleVerdict } from '../../test/fixtures/verdict.ts';
import type { Histogram } from '../kit/histogram.ts';
import { zeroCounts } from '../kit/counts.ts';
import { createHistogram, record } from '../kit/histogram.ts';
import { METRICS } from '../model/metrics.ts';
import { GRPC_STATUSES } from '../model/rpc-status.ts';
import type { MetricsInput } from './metrics.ts';
import { metricsText } from './metrics.ts';

function histogramOf(...micros: readonly number[]): Histogram {
  const histogram = createHistogram();
  for (const value of micros) record(histogram, value);
  return histogram;
}

const input: MetricsInput = {
  summary: exampleSummary,
  taps: [exampleTap, exampleCapture],
  policies: [examplePolicy],
  verdicts: [exampleVerdict({ mirrors: [exampleMirrorVerdict({ turnedAway: { findings: 3, routes: 0 } })] })],
  store: exampleStore,
  durations: [{ role: 'primary', policy: '', histogram: histogramOf(100, 256, 257, 1_000_000, 500_000_000) }],
};

function valuesOf(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

const cases: readonly (readonly [series: string, value: number])[] = [
  ['understudy_build_info{version="0.1.0"}', 1],
  ['understudy_start_time_seconds', 1_767_225_600],
  ['understudy_live_connections{tap="orders"}', 3],
  ['understudy_live_bytes_total{tap="orders",direction="in"}', 12_000],
  ['understudy_live_bytes_total{tap="orders",direction="out"}', 480_000],
  ['understudy_tape_dropped_bytes_total{tap="orders"}', 0],
  ['understudy_observer_restarts_total{tap="orders"}', 1],
  ['understudy_unfollowed_connections_total{tap="orders",reason="opaque_tls"}', 2],
  ['understudy_exchanges_seen_total{tap="port",completeness="guessed"}', 4],
  ['understudy_capture_packets_total{tap="port"}', 1000],
  ['understudy_capture_lost_packets_total{tap="port",by="kernel"}', 7],
  ['understudy_capture_packet_faults_total{tap="port",fault="lying_length"}', 4],
  ['understudy_capture_file_faults_total{tap="port",fault="bad_magic"}', 0],
  ['understudy_capture_segments_total{tap="port",kind="duplicates"}', 6],
  ['understudy_capture_missing_bytes_total{tap="port",reason="lost"}', 2900],
  ['understudy_capture_left_connections_total{tap="port",reason="idle"}', 2],
  ['understudy_capture_tls_connections_total{tap="port",outcome="no_keys"}', 3],
  ['understudy_capture_tls_connections_total{tap="port",outcome="decrypted"}', 2],
  ['understudy_http2_faults_total{tap="orders",fault="rapid_reset"}', 1],
  ['understudy_http2_faults_total{tap="orders",fault="gap"}', 0],
  ['understudy_requests_total{tap="orders",protocol="http2"}', 0],
  ['understudy_endpoint_up{tap="orders",endpoint="http://127.0.0.1:3000"}', 1],
  ['understudy_endpoint_up{tap="orders",endpoint="http://127.0.0.1:3009"}', 0],
  ['understudy_requests_total{tap="orders",protocol="http1"}', 120],
  ['understudy_exchanges_total{tap="orders"}', 119],
  ['understudy_exchanges_incomplete_total{tap="orders",reason="ambiguous"}', 1],
  ['understudy_mirrored_total{policy="orders-v2",mirror="v2"}', 90],
  ['understudy_not_mirrored_total{policy="orders-v2",mirror="v2",reason="unsafe_method"}', 20],
  ['understudy_mirror_responses_total{policy="orders-v2",mirror="v2",class="5xx"}', 3],
  ['understudy_mirror_failures_total{policy="orders-v2",mirror="v2",reason="timeout"}', 2],
  ['understudy_compared_total{policy="orders-v2",mirror="v2",result="different"}', 7],
  ['understudy_policy_paused{policy="orders-v2"}', 0],
  ['understudy_config_reloads_total{result="reloaded"}', 1],
  ['understudy_verdict_state{policy="orders-v2",mirror="v2",state="fail"}', 1],
  ['understudy_verdict_state{policy="orders-v2",mirror="v2",state="pass"}', 0],
  ['understudy_verdict_state{policy="orders-v2",mirror="v2",state="undecided"}', 0],
  ['understudy_findings{policy="orders-v2",mirror="v2",risk="high"}', 1],
  // Another one follows from held writes.
  ['understudy_findings{policy="orders-v2",mirror="v2",risk="medium"}', 1],
  // One is not proven.
  ['understudy_findings{policy="orders-v2",mirror="v2",risk="low"}', 0],
  ['understudy_findings_turned_away_total{policy="orders-v2",mirror="v2"}', 3],
  ['understudy_pairs_incomplete_total{policy="orders-v2",mirror="v2",reason="body_cut"}', 12],
  ['understudy_pairs_incomplete_total{policy="orders-v2",mirror="v2",reason="given_up"}', 0],
  ['understudy_store_bytes', 4096],
  ['understudy_store_dropped_total', 2],
  ['understudy_store_failing', 0],
  ['understudy_request_duration_seconds_count{role="primary",policy=""}', 5],
  ['understudy_request_duration_seconds_sum{role="primary",policy=""}', 501.000613],
  ['understudy_request_duration_seconds_bucket{role="primary",policy="",le="0.000256"}', 2],
  ['understudy_request_duration_seconds_bucket{role="primary",policy="",le="0.000512"}', 3],
  ['understudy_request_duration_seconds_bucket{role="primary",policy="",le="0.524288"}', 3],
  ['understudy_request_duration_seconds_bucket{role="primary",policy="",le="1.048576"}', 4],
  ['understudy_request_duration_seconds_bucket{role="primary",policy="",le="67.108864"}', 4],
  ['understudy_request_duration_seconds_bucket{role="primary",policy="",le="+Inf"}', 5],
];
const shown = valuesOf(metricsText(input));
for (const [series, value] of cases) {
  test(`${series} is ${value}`, () => equal(shown.get(series), value));
}

test('shows reasons that have not happened yet as zero', () => {
  equal(shown.get('understudy_not_mirrored_total{policy="orders-v2",mirror="v2",reason="loop"}'), 0);
});

const reflection = { state: 'waiting', files: 0, failures: 3, error: 'nobody' } as const;
const calls = { ...zeroCounts(GRPC_STATUSES), UNAVAILABLE: 2 };
const ASKING = {
  ...input,
  policies: [{ ...examplePolicy, reflection, mirrors: [{ ...exampleMirror, calls }] }],
};

test('shows how calls ended, where there were any', () => {
  match(metricsText(ASKING), /^understudy_mirror_calls_total\{[^}]*status="UNAVAILABLE"\} 2$/m);
  match(metricsText(ASKING), /^understudy_mirror_calls_total\{[^}]*status="OK"\} 0$/m);
  doesNotMatch(metricsText(input), /^understudy_mirror_calls_total\{/m);
});

test('shows whether a server has told its descriptors', () => {
  const text = metricsText(ASKING);
  match(text, /^understudy_reflection_answered\{policy="orders-v2"\} 0$/m);
  match(text, /^understudy_reflection_failures_total\{policy="orders-v2"\} 3$/m);
});

test('shows a control beside the mirrors, and a paused policy and an open breaker', () => {
  const control = { ...exampleMirror, name: 'control', breaker: 'open' as const };
  const state = { kind: 'paused', by: 'operator', reason: '', since: 0 } as const;
  const text = metricsText({ ...input, policies: [{ ...examplePolicy, control, state }] });
  match(text, /^understudy_mirrored_total\{policy="orders-v2",mirror="control"\} 90$/m);
  match(text, /^understudy_mirror_breaker_open\{policy="orders-v2",mirror="control"\} 1$/m);
  match(text, /^understudy_policy_paused\{policy="orders-v2"\} 1$/m);
});

test('shows a store that fails', () => {
  const text = metricsText({ ...input, store: { ...exampleStore, state: 'failing', error: 'disk full' } });
  match(text, /^understudy_store_failing 1$/m);
});

test('shows every declared metric, so that none is documented and never written', () => {
  const declared = metricsText(ASKING)
    .split('\n')
    .filter((line) => line.startsWith('# TYPE '))
    .map((line) => line.split(' ')[2]);
  deepEqual(new Set(declared), new Set(Object.values(METRICS).map((metric) => metric.name)));
});

test('names and units follow the conventions of Prometheus', () => {
  for (const metric of Object.values(METRICS)) {
    match(metric.name, /^understudy_[a-z][a-z0-9_]+$/);
    equal(metric.name.endsWith('_total'), metric.type === 'counter', metric.name);
    ok(metric.help.endsWith('.'), metric.name);
  }
});
