import { edge } from '../kit/histogram.ts';
import type { MetricDefinition } from '../kit/metric-definition.ts';

/** Every fourth edge of `Histogram`, so that its buckets are summed and never split: 256 µs to 67 s, each twice the one before. */
export const DURATION_EDGES: readonly number[] = Array.from({ length: 19 }, (_, i) => 16 + 4 * i);

/** Every metric that `/metrics` shows, in its order; the manual's page is made from this. */
export const METRICS = {
  buildInfo: gauge('understudy_build_info', 'Always 1; the label says which version runs.', ['version']),
  startTime: gauge(
    'understudy_start_time_seconds',
    'When the instance started, seconds since the Unix epoch.',
    [],
  ),
  configReloads: counter(
    'understudy_config_reloads_total',
    'Changed configurations, by result: reloaded or refused.',
    ['result'],
  ),

  liveConnections: gauge('understudy_live_connections', 'Client connections that are open now.', ['tap']),
  liveAccepted: counter(
    'understudy_live_connections_accepted_total',
    'Client connections that were accepted.',
    ['tap'],
  ),
  liveRefused: counter(
    'understudy_live_connections_refused_total',
    'Client connections closed at accept because the listener was at its limit.',
    ['tap'],
  ),
  liveClosed: counter(
    'understudy_live_connections_closed_total',
    'Client connections that the live path ended itself, by reason: unreachable (no endpoint of the primary took it), protocol (the primary does not speak what the client agreed on, ALPN), idle, handshake.',
    ['tap', 'reason'],
  ),
  liveBytes: counter(
    'understudy_live_bytes_total',
    'Bytes relayed, by direction: in is from clients, out is to clients.',
    ['tap', 'direction'],
  ),
  endpointUp: gauge(
    'understudy_endpoint_up',
    '1 while an endpoint of the primary is used, 0 while it rests.',
    ['tap', 'endpoint'],
  ),
  endpointFailures: counter(
    'understudy_endpoint_failures_total',
    'Connects to an endpoint of the primary that failed or timed out.',
    ['tap', 'endpoint'],
  ),

  tapeCapacity: gauge('understudy_tape_capacity_bytes', 'Size of all tapes of a tap.', ['tap']),
  tapeUsed: gauge('understudy_tape_used_bytes', 'Bytes on the tapes that no observer has read yet.', ['tap']),
  tapeDropped: counter(
    'understudy_tape_dropped_bytes_total',
    'Bytes that were relayed but did not fit on the tape, so that no observer saw them.',
    ['tap'],
  ),
  unfollowed: counter(
    'understudy_unfollowed_connections_total',
    'Connections that are relayed while their requests are not seen, by reason.',
    ['tap', 'reason'],
  ),
  http2Faults: counter(
    'understudy_http2_faults_total',
    'HTTP/2 connections that were given up, or taken up again (gap), by what was found; their bytes are relayed all the same.',
    ['tap', 'fault'],
  ),
  resynchronised: counter(
    'understudy_resynchronised_total',
    'Times a connection was taken up again after a loss on the tape.',
    ['tap'],
  ),
  unreadableHeads: counter(
    'understudy_http2_unreadable_heads_total',
    'HTTP/2 header blocks that cannot be read because they name fields that were lost on the tape.',
    ['tap'],
  ),
  observerRestarts: counter('understudy_observer_restarts_total', 'Observers that had to be replaced.', [
    'tap',
  ]),
  requests: counter(
    'understudy_requests_total',
    'Live requests that were seen, by protocol: http1 or http2.',
    ['tap', 'protocol'],
  ),
  exchanges: counter('understudy_exchanges_total', 'Exchanges that came to an end, whole or not.', ['tap']),
  incomplete: counter('understudy_exchanges_incomplete_total', 'Exchanges that are not whole, by reason.', [
    'tap',
    'reason',
  ]),

  completeness: counter(
    'understudy_exchanges_seen_total',
    'Exchanges by how much of them was seen: whole, cut, or guessed (whole by all that is known, on a captured connection whose begin, server or bytes had to be made out).',
    ['tap', 'completeness'],
  ),

  captureRunning: gauge('understudy_capture_running', '1 while packets can come from a capture.', ['tap']),
  capturePackets: counter('understudy_capture_packets_total', 'Packets that came from a capture.', ['tap']),
  captureBytes: counter('understudy_capture_bytes_total', 'Bytes of packets, as captured.', ['tap']),
  captureCut: counter(
    'understudy_capture_cut_packets_total',
    'Packets of which only the beginning was captured.',
    ['tap'],
  ),
  captureLost: counter(
    'understudy_capture_lost_packets_total',
    'Packets that never reached the capture, by who lost them: kernel, interface, program; vni are network identifiers that are not let in.',
    ['tap', 'by'],
  ),
  capturePacketFaults: counter(
    'understudy_capture_packet_faults_total',
    'Packets that could not be read, by what is wrong with them.',
    ['tap', 'fault'],
  ),
  captureFileFaults: counter(
    'understudy_capture_file_faults_total',
    'Damage of the capture file or stream itself, by kind.',
    ['tap', 'fault'],
  ),
  captureTunnels: counter(
    'understudy_capture_tunnels_total',
    'What packets were wrapped in; one can count for several.',
    ['tap', 'kind'],
  ),
  captureSegments: counter(
    'understudy_capture_segments_total',
    'TCP segments: seen are all of them; retransmitted ones were sent again, duplicates captured at two places.',
    ['tap', 'kind'],
  ),
  captureMissingBytes: counter(
    'understudy_capture_missing_bytes_total',
    'Bytes of TCP streams that did not come, by why: cut, lost (acknowledged by their receiver), expired, limit, over.',
    ['tap', 'reason'],
  ),
  captureConnections: gauge('understudy_capture_connections', 'Captured connections followed now.', ['tap']),
  captureConnectionsSeen: counter(
    'understudy_capture_connections_total',
    'Captured connections with payload.',
    ['tap'],
  ),
  captureBegins: counter(
    'understudy_capture_guessed_connections_total',
    'Captured connections whose begin was not captured (midstream), or of which only ports tell who the server is.',
    ['tap', 'begin'],
  ),
  captureLeft: counter(
    'understudy_capture_left_connections_total',
    'Captured connections that were given up before their end, by why: table_full, idle, or over (the capture ended).',
    ['tap', 'reason'],
  ),
  captureTls: counter(
    'understudy_capture_tls_connections_total',
    'Captured TLS connections, by what became of them: decrypted, or why they are opaque.',
    ['tap', 'outcome'],
  ),
  captureRestarts: counter(
    'understudy_capture_source_restarts_total',
    'Times the program, connection or file of a capture was begun anew.',
    ['tap'],
  ),

  policyPaused: gauge('understudy_policy_paused', '1 while a policy copies nothing because it is paused.', [
    'policy',
  ]),
  policyMatched: counter('understudy_policy_matched_total', 'Requests that a policy matched.', ['policy']),
  policySampled: counter('understudy_policy_sampled_total', 'Matched requests that were in the sample.', [
    'policy',
  ]),
  reflectionAnswered: gauge(
    'understudy_reflection_answered',
    '1 when a server has told its descriptors to a policy that asks for them, 0 until then.',
    ['policy'],
  ),
  reflectionFailures: counter(
    'understudy_reflection_failures_total',
    'Times that a server was asked for its descriptors and gave none that can be used.',
    ['policy'],
  ),
  mirrored: counter('understudy_mirrored_total', 'Copies that were sent.', ['policy', 'mirror']),
  notMirrored: counter(
    'understudy_not_mirrored_total',
    'Live requests that were not copied, by reason; unsafe_method are writes held back by "writes: hold".',
    ['policy', 'mirror', 'reason'],
  ),
  mirrorResponses: counter(
    'understudy_mirror_responses_total',
    'Answers of mirrors, by class of status: 2xx, 5xx; calls of gRPC count as what their status would be in HTTP.',
    ['policy', 'mirror', 'class'],
  ),
  mirrorCalls: counter(
    'understudy_mirror_calls_total',
    'Calls of gRPC, gRPC-Web and Connect streams that mirrors answered, by status: OK, UNAVAILABLE. They are in understudy_mirror_responses_total too.',
    ['policy', 'mirror', 'status'],
  ),
  mirrorFailures: counter(
    'understudy_mirror_failures_total',
    'Copies that were begun and have no whole answer, by reason.',
    ['policy', 'mirror', 'reason'],
  ),
  mirrorInFlight: gauge('understudy_mirror_in_flight', 'Copies under way now.', ['policy', 'mirror']),
  mirrorQueued: gauge('understudy_mirror_queued', 'Copies that wait for a place now.', ['policy', 'mirror']),
  mirrorBuffered: gauge('understudy_mirror_buffered_bytes', 'Unsent bodies and kept answers in memory now.', [
    'policy',
    'mirror',
  ]),
  mirrorBreaker: gauge('understudy_mirror_breaker_open', '0 closed, 0.5 probing, 1 open: no copy goes out.', [
    'policy',
    'mirror',
  ]),
  compared: counter(
    'understudy_compared_total',
    'Pairs, by result: same, different, or incomplete (one of the exchanges is not whole).',
    ['policy', 'mirror', 'result'],
  ),

  verdictState: gauge(
    'understudy_verdict_state',
    '1 for the state that the verdict on a mirror is in, 0 for the others: pass, fail, undecided.',
    ['policy', 'mirror', 'state'],
  ),
  findings: gauge(
    'understudy_findings',
    'Findings that are proven beyond noise, by risk; those that follow from held writes are left out.',
    ['policy', 'mirror', 'risk'],
  ),
  findingsTurnedAway: counter(
    'understudy_findings_turned_away_total',
    'Differences that are watched under no finding of their own, because there are as many as may be; they count in the rates.',
    ['policy', 'mirror'],
  ),
  pairsIncomplete: counter(
    'understudy_pairs_incomplete_total',
    'Pairs that say nothing because one of the answers is not whole, by reason; never counted as different.',
    ['policy', 'mirror', 'reason'],
  ),
  pairsTruncated: counter(
    'understudy_pairs_truncated_total',
    'Pairs whose answers may have no end, compared as far as both sides had come; they are in understudy_compared_total too.',
    ['policy', 'mirror'],
  ),

  storeBytes: gauge('understudy_store_bytes', 'Size of the store, in its file or in memory.', []),
  storeDropped: counter(
    'understudy_store_dropped_total',
    'What was to be stored and was not: while the store failed, or because too much came at once.',
    [],
  ),
  storeFailing: gauge(
    'understudy_store_failing',
    '1 while the store cannot be written; it is tried again.',
    [],
  ),

  requestDuration: {
    name: 'understudy_request_duration_seconds',
    type: 'histogram',
    help: 'From the first byte of a request to the last one of its answer, by role: primary, mirror, control.',
    labels: ['role', 'policy'],
    buckets: DURATION_EDGES.map((bucket) => edge(bucket) / 1e6),
  } satisfies MetricDefinition<'role' | 'policy'>,

  valuesDropped: counter(
    'understudy_metric_values_dropped_total',
    'Values left out because their metric has as many series as it may have.',
    ['metric'],
  ),
};

function counter<Label extends string>(
  name: string,
  help: string,
  labels: readonly Label[],
): MetricDefinition<Label> {
  return { name, type: 'counter', help, labels };
}

function gauge<Label extends string>(
  name: string,
  help: string,
  labels: readonly Label[],
): MetricDefinition<Label> {
  return { name, type: 'gauge', help, labels };
}
