import { setTimeout as delay } from 'node:timers/promises';
import { createHistogram } from '../kit/histogram.ts';
import { HeldWrites } from '../compare/held-writes.ts';
import { createMessageRedaction } from '../compare/protobuf/redaction.ts';
import { Mirror } from '../mirror/mirror.ts';
import { isOwnCopy } from '../mirror/marker.ts';
import type { MessageRedaction } from '../model/message-redaction.ts';
import { compileMatcher } from '../model/match.ts';
import type { MirrorSettings, Policy } from '../model/policy.ts';
import type { PrimarySettings } from '../model/settings.ts';
import { sampler } from '../model/sample.ts';
import type { DurationStatus, MirrorStatus } from '../model/status.ts';
import type { Progress } from '../observe/pacing.ts';
import { createTargetCounts, PolicyRunner } from '../observe/policy-runner.ts';
import type { RunningPolicy, RunningTarget } from '../observe/policy-runner.ts';
import { TapObserver } from '../observe/tap-observer.ts';
import type { TapeAnswers } from '../observe/tap-observer.ts';
import { addCounts, totalOf } from '../kit/counts.ts';
import { AnswerJudge } from './answer-judge.ts';
import type { Judged } from './answer-judge.ts';
import { repeatPart, repeatTarget } from './repeat.ts';
import { closeCounted, mergeCounted } from './reports.ts';
import type { Counted } from './reports.ts';
import type { BreakerChange, ObserverReport, ObserverWorkerData, PolicyReport } from './messages.ts';

/** Between two looks whether copies are over, ms. */
const BUSY_LOOK_MS = 10;
/** Answers of the primary kept for comparison, over all exchanges, bytes. */
const KEPT_BYTES = 64 * 1024 * 1024;

/** Share of the heap that requests may fill while they wait for their answers. */
const WAITING_SHARE = 1 / 4;

/** A policy as it runs here: its mirrors are connections of this thread. */
interface PolicyHere extends RunningPolicy {
  readonly judge: AnswerJudge;
  readonly settings: string;
  readonly mirrors: readonly {
    readonly settings: MirrorSettings;
    readonly mirror: Mirror;
    readonly running: RunningTarget;
  }[];
  readonly queue: number;
}

/** What an observing thread works with, wherever its bytes come from. */
export interface ObserverThreadOptions extends Omit<ObserverWorkerData, 'tape' | 'primary'> {
  /** Where repeats are sent; undefined where nobody knows. */
  readonly primary: PrimarySettings | undefined;
  /** Who gives the observer its bytes. */
  readonly answers: TapeAnswers;
  /** See `TapObserverOptions`. */
  readonly losses?: number;
  readonly onBreaker: (change: BreakerChange) => void;
}

/**
 * What every observing thread has: the observer of its tap, the policies with their mirrors and judges, and the counts. Bytes
 * come to `observer` from a tape (`TapeThread`) or from packets (`CaptureThread`).
 */
export class ObserverThread {
  readonly observer: TapObserver;
  readonly runner: PolicyRunner;
  readonly #data: ObserverThreadOptions;
  readonly #heldWrites: HeldWrites;
  #policies: readonly PolicyHere[] = [];
  /** Policies that the last change has replaced: exchanges that began under them still count there. */
  #replaced: readonly PolicyHere[] = [];
  /** What those before them have counted. */
  #past: Counted = { policies: [], durations: [] };

  constructor(data: ObserverThreadOptions) {
    this.#data = data;
    this.#heldWrites = new HeldWrites(data.instance.heldWrites);
    this.runner = new PolicyRunner({
      isOwnCopy: (request) => isOwnCopy(request, data.instance.markerKey, Date.now()),
      keptBytes: KEPT_BYTES,
    });
    this.observer = new TapObserver({
      tap: data.tap,
      sink: this.runner,
      limits: { headBytes: data.settings.headBytes, trailerBytes: data.settings.headBytes },
      connections: data.settings.connections,
      idPrefix: data.idPrefix,
      answers: data.answers,
      ...(data.losses === undefined ? {} : { losses: data.losses }),
      waitingBytes: data.settings.heapBytes * WAITING_SHARE,
    });
    this.setPolicies(data.policies, data.paused);
  }

  /** Policies whose settings are the same go on with their mirrors' connections; others with the counts of their name. */
  setPolicies(policies: readonly Policy[], paused: readonly string[]): void {
    const before = this.#policies;
    this.#policies = policies.map((policy) => {
      const settings = JSON.stringify(policy);
      return before.find((known) => known.settings === settings) ?? this.#createPolicy(policy, settings);
    });
    this.#past = this.#counted();
    this.#replaced = before.filter((policy) => !this.#policies.includes(policy));
    for (const gone of this.#replaced) void retire(gone);
    this.runner.policies = this.#policies;
    this.setPaused(paused);
  }

  setPaused(paused: readonly string[]): void {
    for (const policy of this.#policies) policy.paused = paused.includes(policy.name);
  }

  /** Whether a copy is under way. */
  get busy(): boolean {
    return this.#policies.some(({ mirrors }) => mirrors.some(({ mirror }) => mirror.busy));
  }

  /** Nothing more comes: what is under way ends. Resolves when every copy is over, and the mirrors are left. */
  async finish(): Promise<void> {
    this.observer.abandon();
    while (this.busy) await delay(BUSY_LOOK_MS);
    await Promise.all(this.#policies.map(retire));
  }

  /** How the mirrors are doing, by policy and name. */
  *progress(): Iterable<readonly [string, Progress]> {
    for (const { name, mirrors, queue } of this.#policies) {
      for (const { mirror } of mirrors) {
        const { queued, responses, failures } = mirror.stats;
        // Most of the time there is no queue, and nothing has to be added up.
        const done = queued === 0 ? 0 : totalOf(responses) + totalOf(failures);
        yield [`${name}/${mirror.name}`, { queued, queue, done }];
      }
    }
  }

  report(): ObserverReport {
    return {
      counts: this.observer.counts,
      connections: this.observer.connections,
      heapBytes: process.memoryUsage().heapUsed,
      ...mergeCounted([this.#counted(), countedBy(this.#policies)]),
    };
  }

  /** What was compared since the last time. */
  takeJudged(): readonly Judged[] {
    return [...this.#policies, ...this.#replaced].flatMap(({ judge }) => judge.take() ?? []);
  }

  /** What policies of before have counted, as far as there still are some of their name. */
  #counted(): Counted {
    const { policies, durations } = mergeCounted([this.#past, closeCounted(countedBy(this.#replaced))]);
    const names = new Set(this.#policies.map(({ name }) => name));
    return {
      policies: policies.filter(({ name }) => names.has(name)),
      durations: durations.filter(({ policy }) => names.has(policy)),
    };
  }

  #createPolicy(policy: Policy, settings: string): PolicyHere {
    const { included } = sampler(policy);
    const { control } = policy;
    const { primary } = this.#data;
    const repeat = primary === undefined ? undefined : repeatTarget(policy, primary);
    const messages = createMessageRedaction(policy.compare, policy.rewrite.redact.jsonFields);
    const mirrors = [
      ...policy.mirrors.map((mirror) => this.#createMirror(policy, mirror, 'mirror', messages)),
      ...(control === undefined ? [] : [this.#createMirror(policy, control, 'control', messages)]),
      ...(repeat === undefined ? [] : [this.#createMirror(repeat.policy, repeat.mirror, 'repeat')]),
    ];
    return {
      name: policy.name,
      settings,
      compiled: compileMatcher(policy),
      included: (request, connection) => included(request, connection, Math.random),
      holdWrites: policy.writes === 'hold',
      safeCalls: new Set(policy.compare.protobuf.safeMethods),
      messages: policy.upgrade === 'mirror' ? policy.limits.messages : undefined,
      targets: mirrors.map(({ running }) => running),
      bodyBytes: policy.limits.bodyBytes,
      counts: { matched: 0, sampled: 0 },
      primary: createHistogram(),
      judge: new AnswerJudge({
        policy,
        heldWrites: this.#heldWrites,
        recordedBytes: this.#data.instance.recordedBytes,
        messages,
        now: Date.now,
        random: Math.random,
      }),
      paused: false,
      mirrors,
      queue: policy.limits.queue,
    };
  }

  #createMirror(
    policy: Policy,
    settings: MirrorSettings,
    role: RunningTarget['role'],
    messages?: MessageRedaction,
  ) {
    let open = false;
    const mirror = new Mirror({
      policy: policy.name,
      mirror: settings,
      limits: policy.limits,
      rewrite: policy.rewrite,
      order: policy.order,
      messages,
      markerKey: this.#data.instance.markerKey,
      onStateChange: (state, failure) => {
        // While it probes it is as good as open.
        if (open === (state !== 'closed')) return;
        open = !open;
        const reason = open ? (failure ?? 'failures') : 'a probe was answered';
        this.#data.onBreaker({ kind: 'breaker', policy: policy.name, mirror: settings.name, open, reason });
      },
    });
    const wants = role === 'repeat' ? repeatPart(policy, Math.random) : undefined;
    return { settings, mirror, running: { target: mirror, role, wants, counts: createTargetCounts() } };
  }
}

async function retire({ mirrors }: PolicyHere): Promise<void> {
  await Promise.all(mirrors.map(({ mirror }) => mirror[Symbol.asyncDispose]()));
}

function countedBy(policies: readonly PolicyHere[]): Counted {
  return { policies: policies.map(reportOf), durations: policies.flatMap(durationsOf) };
}

function reportOf(policy: PolicyHere): PolicyReport {
  const statuses = policy.mirrors.map(({ settings, mirror, running }) => statusOf(settings, mirror, running));
  return {
    name: policy.name,
    ...policy.counts,
    mirrors: statuses.filter((_, at) => policy.mirrors[at]?.running.role === 'mirror'),
    control: statuses.find((_, at) => policy.mirrors[at]?.running.role !== 'mirror'),
  };
}

function durationsOf(policy: PolicyHere): readonly DurationStatus[] {
  const answered = policy.mirrors.map(({ running }) => ({
    role: running.role === 'mirror' ? ('mirror' as const) : ('control' as const),
    policy: policy.name,
    histogram: running.counts.durations,
  }));
  return [{ role: 'primary', policy: policy.name, histogram: policy.primary }, ...answered];
}

function statusOf(
  { name, endpoint }: MirrorSettings,
  { stats }: Mirror,
  { counts }: RunningTarget,
): MirrorStatus {
  const notMirrored = { ...counts.notMirrored };
  addCounts(notMirrored, stats.notMirrored);
  const { mirrored, responses, calls, failures, breaker, inFlight, queued, bufferedBytes } = stats;
  return {
    name,
    url: endpoint.url,
    mirrored,
    notMirrored,
    responses,
    calls: totalOf(calls) === 0 ? undefined : { ...calls },
    failures,
    pairs: counts.pairs,
    truncated: counts.truncated,
    breaker,
    inFlight,
    queued,
    bufferedBytes,
  };
}
