import { addCounts } from '../kit/counts.ts';
import type { Logger } from '../kit/log.ts';
import { sumLiveStats } from '../model/live-stats.ts';
import type { Policy } from '../model/policy.ts';
import type { ListenerSettings, ObserverSettings, PrimarySettings } from '../model/settings.ts';
import type { AdminEvent, EndpointStatus, ListenerStatus, TapStatus } from '../model/status.ts';
import type { ClientPem } from '../live/tls-client.ts';
import type { TlsBundle } from '../live/tls-server.ts';
import { LivePool } from './live-pool.ts';
import type { Judged } from './answer-judge.ts';
import type { InstanceData, ObserverReport } from './messages.ts';
import { ObserverPool } from './observer-pool.ts';
import { closeReport, completenessCounts, mergeReports } from './reports.ts';

/** What an instance does with each of its taps. */
export interface InstanceTap extends AsyncDisposable {
  readonly name: string;
  /** What all its observers have counted, those of the past included. */
  readonly report: ObserverReport;
  readonly restarts: number;
  status(): TapStatus;
  setPolicies(policies: readonly Policy[], paused: readonly string[]): void;
  setPaused(paused: readonly string[]): void;
  /** Takes in nothing new, and resolves when everything under way is over, or it is time. */
  drain(drainMs: number): Promise<void>;
}

export interface TapOptions {
  readonly listener: ListenerSettings;
  readonly observer: ObserverSettings;
  /** Those that apply to this tap. */
  readonly policies: readonly Policy[];
  readonly paused: readonly string[];
  readonly certificates: TlsBundle | undefined;
  readonly primaryPem: ClientPem | undefined;
  readonly instance: InstanceData;
  readonly onJudged: (judged: Judged) => void;
  readonly emit: (event: AdminEvent) => void;
  readonly log: Logger;
}

/** What may change while a tap runs: everything but its name, where it listens, and the number of its workers. */
export type TapChange = Pick<
  TapOptions,
  'listener' | 'observer' | 'policies' | 'paused' | 'certificates' | 'primaryPem'
>;

const NO_TAPE = { capacityBytes: 0, usedBytes: 0, droppedBytes: 0, leftOut: 0 };

/** One listener with its live workers and, while a policy wants its traffic, their observers. */
export class Tap implements InstanceTap {
  readonly #options: TapOptions;
  #live: LivePool | undefined;
  #observers: ObserverPool | undefined;
  /** What observers have counted that are gone, and those who finish what is on their tapes. */
  #past: ObserverReport | undefined;
  readonly #finishing = new Set<ObserverPool>();
  #pastRestarts = 0;
  readonly #pastTape = { droppedBytes: 0, leftOut: 0 };
  #observer: ObserverSettings;
  /** Where observers send repeats. */
  #primary: PrimarySettings;
  /** Slots of the tapes: never fewer than connections may be open, those from before a change included. */
  #slots: number;

  private constructor(options: TapOptions) {
    this.#options = options;
    this.#observer = options.observer;
    this.#primary = options.listener.primary;
    this.#slots = options.listener.connections;
  }

  /** @throws UserError when the listener's address cannot be had */
  static async start(options: TapOptions): Promise<Tap> {
    const tap = new Tap(options);
    if (options.policies.length > 0) tap.#observers = tap.#createObservers(options.policies, options.paused);
    try {
      tap.#live = await LivePool.start({
        settings: options.listener,
        certificates: options.certificates,
        primaryPem: options.primaryPem,
        tapesOf: (worker) => tap.#observers?.tapesOf(worker) ?? [],
        onEndpoints: (before, now) => tap.#endpointsChanged(before, now),
        log: options.log,
      });
    } catch (error) {
      await tap[Symbol.asyncDispose]();
      throw error;
    }
    return tap;
  }

  get name(): string {
    return this.#options.listener.name;
  }

  get settings(): ListenerSettings {
    return this.#live?.settings ?? this.#options.listener;
  }

  /** What all its observers have counted, those of the past included. */
  get report(): ObserverReport {
    const finishing = [...this.#finishing].flatMap(({ reports }) => reports.map(closeReport));
    return mergeReports([this.#past ?? [], finishing, this.#observers?.reports ?? []].flat());
  }

  get restarts(): number {
    return this.#pastRestarts + (this.#observers?.restarts ?? 0);
  }

  status(): ListenerStatus {
    const settings = this.settings;
    const stats = sumLiveStats(this.#live?.stats ?? []);
    const { counts } = this.report;
    const { capacityBytes, usedBytes, ...now } = this.#observers?.tape ?? NO_TAPE;
    const { droppedBytes, leftOut } = this.#pastTape;
    const address = this.#live?.address ?? settings.listen;
    return {
      kind: 'listener',
      name: settings.name,
      address: address.kind === 'unix' ? `unix:${address.path}` : `${address.host}:${address.port}`,
      tls: settings.tls.mode,
      workers: settings.workers,
      connections: { open: stats.open, accepted: stats.accepted, refused: stats.refused },
      closed: {
        unreachable: stats.unreachable,
        protocol: stats.protocolRefused,
        idle: stats.idleClosed,
        handshake: stats.handshakeFailed,
      },
      unfollowed: {
        left_out: leftOut + now.leftOut,
        too_many: counts.tooMany,
        given_up: counts.givenUp,
        opaque_tls: counts.opaque.tls,
        opaque_other: counts.opaque.other,
      },
      bytes: { in: stats.bytesFromClients, out: stats.bytesFromPrimary },
      endpoints: this.#live?.endpoints ?? [],
      tape: { capacityBytes, usedBytes, droppedBytes: droppedBytes + now.droppedBytes },
      observers: this.#observers?.status ?? [],
      requests: { http1: counts.http1Requests, http2: counts.http2Requests },
      exchanges: counts.exchanges,
      incomplete: counts.incomplete,
      completeness: completenessCounts(counts, 0),
      http2Faults: counts.http2Faults,
      resynchronised: counts.resynchronised,
      unreadableHeads: counts.unreadableHeads,
    };
  }

  /** Puts changed settings in force; no connection is closed, and none refused. */
  reload({ listener, observer, policies, paused, certificates, primaryPem }: TapChange): void {
    const slots = Math.max(this.#slots, listener.connections);
    const sameObservers =
      slots === this.#slots &&
      JSON.stringify([observer, listener.primary]) === JSON.stringify([this.#observer, this.#primary]);
    this.#slots = slots;
    this.#observer = observer;
    this.#primary = listener.primary;
    if (policies.length === 0 || !sameObservers) this.#stopObserving();
    if (this.#observers !== undefined) this.#observers.setPolicies(policies, paused);
    else if (policies.length > 0) this.#startObserving(policies, paused);
    // After the tapes: a connection needs a slot on them.
    this.#live?.reload(listener, certificates, primaryPem);
  }

  setPolicies(policies: readonly Policy[], paused: readonly string[]): void {
    this.#observers?.setPolicies(policies, paused);
  }

  setPaused(paused: readonly string[]): void {
    this.#observers?.setPaused(paused);
  }

  setCertificates(certificates: TlsBundle): void {
    this.#live?.setCertificates(certificates);
  }

  /** Stops accepting and lets open connections finish, then the copies of what they sent. */
  async drain(drainMs: number): Promise<void> {
    const deadline = new Promise<void>((resolve) => setTimeout(resolve, drainMs).unref());
    await Promise.race([this.#live?.drain(drainMs), deadline]);
    await this.#observers?.drain(COPIES_DRAIN_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#live?.[Symbol.asyncDispose]();
    for (const observers of this.#finishing) await observers[Symbol.asyncDispose]();
    await this.#observers?.[Symbol.asyncDispose]();
  }

  #createObservers(policies: readonly Policy[], paused: readonly string[]): ObserverPool {
    const { listener, instance, onJudged, emit, log } = this.#options;
    return new ObserverPool({
      tap: listener.name,
      liveWorkers: listener.workers,
      settings: this.#observer,
      connections: this.#slots,
      instance,
      primary: this.#primary,
      onJudged,
      policies,
      paused,
      onBreaker: ({ policy, mirror, open, reason }) => {
        const change = { at: Date.now(), policy, mirror };
        emit(open ? { type: 'breaker-opened', ...change, reason } : { type: 'breaker-closed', ...change });
        const what = open ? 'a mirror fails, and is left alone for a while' : 'a mirror answers again';
        log.warn(what, { tap: listener.name, policy, mirror, reason });
      },
      onReplaced: (worker, id, reason) => {
        this.#live?.observe(worker, this.#observers?.tapesOf(worker) ?? []);
        emit({ type: 'observer-restarted', at: Date.now(), tap: listener.name, observer: id, reason });
      },
      log,
    });
  }

  #startObserving(policies: readonly Policy[], paused: readonly string[]): void {
    this.#observers = this.#createObservers(policies, paused);
    this.#showTapes();
  }

  #stopObserving(): void {
    const observers = this.#observers;
    if (observers === undefined) return;
    this.#pastRestarts = this.restarts;
    const { droppedBytes, leftOut } = observers.tape;
    addCounts(this.#pastTape, { droppedBytes, leftOut });
    this.#observers = undefined;
    this.#showTapes();
    this.#finishing.add(observers);
    void observers.drain(COPIES_DRAIN_MS).finally(() => {
      this.#finishing.delete(observers);
      this.#past = mergeReports([this.#past ?? [], observers.reports.map(closeReport)].flat());
      return observers[Symbol.asyncDispose]();
    });
  }

  #showTapes(): void {
    for (let worker = 0; worker < this.settings.workers; worker++) {
      this.#live?.observe(worker, this.#observers?.tapesOf(worker) ?? []);
    }
  }

  #endpointsChanged(before: readonly EndpointStatus[], now: readonly EndpointStatus[]): void {
    for (const { url, state, restingUntil } of now) {
      const was = before.find((endpoint) => endpoint.url === url)?.state ?? 'up';
      if (was === state) continue;
      const change = { at: Date.now(), tap: this.name, endpoint: url };
      if (state === 'up') this.#options.emit({ type: 'endpoint-up', ...change });
      else {
        const reason = 'it refused a connection, or did not answer in time';
        this.#options.emit({
          type: 'endpoint-resting',
          ...change,
          restingUntil: restingUntil ?? Date.now(),
          reason,
        });
      }
      this.#options.log.warn(state === 'up' ? 'an endpoint is up again' : 'an endpoint rests', {
        tap: this.name,
        endpoint: url,
      });
    }
  }
}

/** Copies may go on for so long after the last live connection is over; more than the default timeout of a copy. */
const COPIES_DRAIN_MS = 6000;
