import { setTimeout as delay } from 'node:timers/promises';
import { createHistogram } from '../kit/histogram.ts';
import { HeldWrites } from '../compare/held-writes.ts';
import { Mirror } from '../mirror/mirror.ts';
import { isOwnCopy } from '../mirror/marker.ts';
import { compileMatcher } from '../model/match.ts';
import type { MirrorSettings, Policy } from '../model/policy.ts';
import { sampler } from '../model/sample.ts';
import type { DurationStatus, MirrorStatus } from '../model/status.ts';
import { Pacing } from '../observe/pacing.ts';
import type { Progress } from '../observe/pacing.ts';
import { createTargetCounts, PolicyRunner } from '../observe/policy-runner.ts';
import type { RunningPolicy, RunningTarget } from '../observe/policy-runner.ts';
import { TapObserver } from '../observe/tap-observer.ts';
import { TapeReader } from '../observe/tape-reader.ts';
import { addCounts, totalOf } from '../kit/counts.ts';
import { AnswerJudge } from './answer-judge.ts';
import type { Judged } from './answer-judge.ts';
import { repeatPart, repeatTarget } from './repeat.ts';
import { closeCounted, mergeCounted } from './reports.ts';
import type { Counted } from './reports.ts';
import type { BreakerChange, ObserverReport, ObserverWorkerData, PolicyReport } from './messages.ts';

/** Read from the tape in one go, bytes; between two goes the mirrors' sockets have their turn. */
const BATCH_BYTES = 16 * 1024;
/** Pause between two looks at a tape that was not empty, ms: records gather, and one batch costs less than many. */
const POLL_MS = 1;
/** Looks that find nothing before the thread goes to sleep until the live worker wakes it. */
const EMPTY_LOOKS = 20;
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

/** One observer: reads its tape, applies the policies, and counts. */
export class ObserverThread {
  readonly #data: ObserverWorkerData;
  readonly #onBreaker: (change: BreakerChange) => void;
  readonly #reader: TapeReader;
  readonly #observer: TapObserver;
  readonly #runner: PolicyRunner;
  readonly #heldWrites: HeldWrites;
  #policies: readonly PolicyHere[] = [];
  /** Policies that the last change has replaced: exchanges that began under them still count there. */
  #replaced: readonly PolicyHere[] = [];
  /** What those before them have counted. */
  #past: Counted = { policies: [], durations: [] };
  #emptyLooks = 0;
  #draining = false;
  readonly #pacing: Pacing;
  readonly #look = (): void => this.#readTape();
  #timer: NodeJS.Timeout | undefined;

  constructor(data: ObserverWorkerData, onBreaker: (change: BreakerChange) => void = () => {}) {
    this.#data = data;
    this.#onBreaker = onBreaker;
    this.#heldWrites = new HeldWrites(data.instance.heldWrites);
    this.#reader = new TapeReader(data.tape);
    this.#pacing = new Pacing(data.tape.ringBytes);
    this.#runner = new PolicyRunner({
      isOwnCopy: (request) => isOwnCopy(request, data.instance.markerKey, Date.now()),
      keptBytes: KEPT_BYTES,
    });
    this.#observer = new TapObserver({
      tap: data.tap,
      sink: this.#runner,
      limits: { headBytes: data.settings.headBytes, trailerBytes: data.settings.headBytes },
      connections: data.settings.connections,
      idPrefix: data.idPrefix,
      answers: this.#reader,
      waitingBytes: data.settings.heapBytes * WAITING_SHARE,
    });
    this.setPolicies(data.policies, data.paused);
  }

  start(): void {
    this.#timer = setTimeout(this.#look, 0);
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
    this.#runner.policies = this.#policies;
    this.setPaused(paused);
  }

  setPaused(paused: readonly string[]): void {
    for (const policy of this.#policies) policy.paused = paused.includes(policy.name);
  }

  /** Resolves when the tape is empty and every copy is over. */
  async drain(): Promise<void> {
    this.#draining = true;
    while (this.#reader.read(this.#observer, BATCH_BYTES));
    this.#observer.abandon();
    const busy = () => this.#policies.some(({ mirrors }) => mirrors.some(({ mirror }) => mirror.busy));
    while (busy()) await delay(POLL_MS * 10);
    await Promise.all(this.#policies.map(retire));
  }

  report(): ObserverReport {
    return {
      counts: this.#observer.counts,
      connections: this.#observer.connections,
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
    const repeat = repeatTarget(policy, this.#data.primary);
    const mirrors = [
      ...policy.mirrors.map((mirror) => this.#createMirror(policy, mirror, 'mirror')),
      ...(control === undefined ? [] : [this.#createMirror(policy, control, 'control')]),
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
        now: Date.now,
        random: Math.random,
      }),
      paused: false,
      mirrors,
      queue: policy.limits.queue,
    };
  }

  #createMirror(policy: Policy, settings: MirrorSettings, role: RunningTarget['role']) {
    let open = false;
    const mirror = new Mirror({
      policy: policy.name,
      mirror: settings,
      limits: policy.limits,
      rewrite: policy.rewrite,
      order: policy.order,
      markerKey: this.#data.instance.markerKey,
      onStateChange: (state, failure) => {
        // While it probes it is as good as open.
        if (open === (state !== 'closed')) return;
        open = !open;
        const reason = open ? (failure ?? 'failures') : 'a probe was answered';
        this.#onBreaker({ kind: 'breaker', policy: policy.name, mirror: settings.name, open, reason });
      },
    });
    const wants = role === 'repeat' ? repeatPart(policy, Math.random) : undefined;
    return { settings, mirror, running: { target: mirror, role, wants, counts: createTargetCounts() } };
  }

  #readTape(): void {
    if (this.#draining) return;
    if (this.#pacing.holds(this.#reader.unread, this.#progress(), performance.now())) {
      this.#timer?.refresh();
      return;
    }
    this.#runner.keep = this.#pacing.keep(this.#reader.unread);
    this.#emptyLooks = this.#reader.read(this.#observer, BATCH_BYTES) ? 0 : this.#emptyLooks + 1;
    if (this.#reader.unread > 0) setImmediate(this.#look);
    else if (this.#emptyLooks < EMPTY_LOOKS) this.#timer?.refresh();
    else this.#sleep();
  }

  #sleep(): void {
    this.#emptyLooks = 0;
    const woken = this.#reader.wait();
    if (woken === undefined) setImmediate(this.#look);
    else void woken.then(this.#look);
  }

  *#progress(): Iterable<readonly [string, Progress]> {
    for (const { name, mirrors, queue } of this.#policies) {
      for (const { mirror } of mirrors) {
        const { queued, responses, failures } = mirror.stats;
        // Most of the time there is no queue, and nothing has to be added up.
        const done = queued === 0 ? 0 : totalOf(responses) + totalOf(failures);
        yield [`${name}/${mirror.name}`, { queued, queue, done }];
      }
    }
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
  const { mirrored, responses, failures, breaker, inFlight, queued, bufferedBytes } = stats;
  return {
    name,
    url: endpoint.url,
    mirrored,
    notMirrored,
    responses,
    failures,
    pairs: counts.pairs,
    truncated: counts.truncated,
    breaker,
    inFlight,
    queued,
    bufferedBytes,
  };
}
