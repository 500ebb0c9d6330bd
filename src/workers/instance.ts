import { randomBytes } from 'node:crypto';
import { metricsText } from '../admin/metrics.ts';
import { CertificateStore } from '../live/certificate-store.ts';
import { loadClientPem } from '../live/tls-client.ts';
import type { ClientPem } from '../live/tls-client.ts';
import { Broadcast } from '../kit/broadcast.ts';
import type { Subscription } from '../kit/broadcast.ts';
import { addCounts, zeroCounts } from '../kit/counts.ts';
import { INCOMPLETE_REASONS, MIRROR_FAILURES, NOT_MIRRORED_REASONS } from '../model/exchange.ts';
import type { Policy } from '../model/policy.ts';
import type { Readiness, RuntimeHooks } from '../model/runtime.ts';
import type { ListenerSettings, Settings } from '../model/settings.ts';
import type {
  AdminEvent,
  MirrorStatus,
  PolicyState,
  PolicyStatus,
  Summary,
  TapStatus,
} from '../model/status.ts';
import { version } from '../version.ts';
import { KillSwitch } from './kill-switch.ts';
import { mergeReports } from './reports.ts';
import { Tap } from './tap.ts';

const SECOND_MS = 1000;
const MEASURING = "measuring the primary's latency without copies first";
const RUNNING: PolicyState = { kind: 'running' };

/** A running instance: its taps, which policies are paused, and what everything together has counted. */
export class Instance implements AsyncDisposable {
  #settings: Settings;
  readonly #hooks: RuntimeHooks;
  readonly #startedAt = Date.now();
  readonly #startedMonotonic = performance.now();
  readonly #markerKey: Uint8Array;
  readonly #taps = new Map<string, Tap>();
  readonly #certificates = new Map<string, CertificateStore>();
  readonly #states = new Map<string, PolicyState>();
  readonly #events = new Broadcast<AdminEvent>();
  readonly #killSwitch: KillSwitch;
  readonly #reloads = { reloaded: 0, refused: 0 };
  readonly #timer: NodeJS.Timeout;
  #draining = false;
  /** One change at a time. */
  #change: Promise<void> = Promise.resolve();

  private constructor(settings: Settings, hooks: RuntimeHooks) {
    this.#settings = settings;
    this.#hooks = hooks;
    this.#markerKey = randomBytes(32);
    this.#killSwitch = new KillSwitch({
      measure: (policy) => this.#pause(policy, 'stopWhen', MEASURING),
      measured: (policy) => this.#resume(policy),
      stop: (policy, reason) => this.#pause(policy, 'stopWhen', reason),
    });
    this.#timer = setInterval(() => this.#second(), SECOND_MS).unref();
  }

  /** @throws UserError when a listener's address cannot be had or its certificates cannot be used */
  static async start(settings: Settings, hooks: RuntimeHooks): Promise<Instance> {
    const instance = new Instance(settings, hooks);
    try {
      for (const listener of settings.listeners) await instance.#startTap(listener);
    } catch (error) {
      await instance[Symbol.asyncDispose]();
      throw error;
    }
    return instance;
  }

  summary(): Summary {
    const taps = this.taps();
    const policies = this.policies();
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
    for (const tap of taps) addCounts(incomplete, tap.incomplete);
    const sum = (of: (tap: TapStatus) => number) => taps.reduce((total, tap) => total + of(tap), 0);
    return {
      version,
      startedAt: this.#startedAt,
      uptimeMs: Math.round(performance.now() - this.#startedMonotonic),
      listeners: taps.length,
      connections: {
        open: sum((tap) => tap.connections.open),
        accepted: sum((tap) => tap.connections.accepted),
        refused: sum((tap) => tap.connections.refused),
      },
      requests: { http1: sum((tap) => tap.requests.http1), http2: sum((tap) => tap.requests.http2) },
      exchanges: sum((tap) => tap.exchanges),
      incomplete,
      mirrored: mirrors.reduce((total, mirror) => total + mirror.mirrored, 0),
      notMirrored,
      heldWrites: notMirrored.unsafe_method,
      failures,
      pairs,
      observerRestarts: [...this.#taps.values()].reduce((total, tap) => total + tap.restarts, 0),
      tapeDroppedBytes: sum((tap) => tap.tape.droppedBytes),
      configReloads: { ...this.#reloads },
    };
  }

  taps(): readonly TapStatus[] {
    return [...this.#taps.values()].map((tap) => tap.status());
  }

  policies(): readonly PolicyStatus[] {
    const reports = mergeReports([...this.#taps.values()].map((tap) => tap.report)).policies;
    return this.#settings.policies.map((policy) => {
      const report = reports.find(({ name }) => name === policy.name);
      return {
        name: policy.name,
        taps: policy.taps,
        state: this.#states.get(policy.name) ?? RUNNING,
        percent: (policy.fraction.numerator / policy.fraction.denominator) * 100,
        writes: policy.writes,
        order: policy.order,
        matched: report?.matched ?? 0,
        sampled: report?.sampled ?? 0,
        mirrors: policy.mirrors.map(
          (mirror) =>
            report?.mirrors.find(({ name }) => name === mirror.name) ??
            nothingYet(mirror.name, mirror.endpoint.url),
        ),
        control:
          policy.control === undefined
            ? undefined
            : (report?.control ?? nothingYet(policy.control.name, policy.control.endpoint.url)),
      };
    });
  }

  metrics(): string {
    const { durations } = mergeReports([...this.#taps.values()].map((tap) => tap.report));
    return metricsText({ summary: this.summary(), taps: this.taps(), policies: this.policies(), durations });
  }

  pause(policy: string, reason: string): boolean {
    return this.#pause(policy, 'operator', reason);
  }

  resume(policy: string): boolean {
    if (!this.#has(policy)) return false;
    this.#killSwitch.forget(policy);
    this.#resume(policy);
    return true;
  }

  ready(): Readiness {
    if (this.#draining) return { ok: false, reason: 'draining' };
    return this.#taps.size === this.#settings.listeners.length
      ? { ok: true }
      : { ok: false, reason: 'not every listener listens' };
  }

  events(signal: AbortSignal): Subscription<AdminEvent> {
    return this.#events.subscribe(signal);
  }

  /** @throws UserError when they cannot be applied; listeners that could be changed before are not changed back */
  reload(settings: Settings): Promise<void> {
    const change = this.#change.then(() => this.#apply(settings));
    this.#change = change.catch(() => {});
    return change;
  }

  refused(problems: readonly string[]): void {
    this.#reloads.refused++;
    this.#emit({ type: 'config-refused', at: Date.now(), problems });
  }

  async drain(): Promise<void> {
    this.#draining = true;
    this.#emit({ type: 'draining', at: Date.now() });
    await Promise.all([...this.#taps.values()].map((tap) => tap.drain(this.#settings.drainMs)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#events.close();
    for (const watch of this.#certificates.values()) watch[Symbol.dispose]();
    await Promise.all([...this.#taps.values()].map((tap) => tap[Symbol.asyncDispose]()));
  }

  async #apply(settings: Settings): Promise<void> {
    const before = this.#settings;
    const names = new Set(settings.listeners.map(({ name }) => name));
    this.#settings = settings;
    for (const policy of this.#states.keys()) if (!this.#has(policy)) this.#states.delete(policy);
    try {
      for (const name of this.#taps.keys()) if (!names.has(name)) this.#retire(name);
      for (const listener of settings.listeners) {
        const tap = this.#taps.get(listener.name);
        if (tap !== undefined && sameAddress(tap.settings, listener) && sameObserver(before, settings)) {
          tap.reload(listener, await this.#primaryPem(listener), this.#policiesOf(listener), this.#paused());
        } else {
          if (tap !== undefined) this.#retire(listener.name);
          await this.#startTap(listener);
        }
      }
    } catch (error) {
      this.#settings = before;
      throw error;
    }
    this.#reloads.reloaded++;
    this.#emit({ type: 'config-reloaded', at: Date.now() });
  }

  async #startTap(listener: ListenerSettings): Promise<void> {
    const { log } = this.#hooks;
    const { name, tls } = listener;
    const certificates =
      tls.mode === 'terminate'
        ? await CertificateStore.open(tls, {
            onChange: (bundle) => {
              this.#taps.get(name)?.setCertificates(bundle);
              log.info('certificates were reloaded', { listener: name });
            },
            onRefused: (error) =>
              log.error('changed certificates were refused', { listener: name, error: error.message }),
            onWarning: (warning) => log.warn(warning, { listener: name }),
          })
        : undefined;
    if (certificates !== undefined) this.#certificates.set(name, certificates);
    const tap = await Tap.start({
      listener,
      observer: this.#settings.observer,
      policies: this.#policiesOf(listener),
      paused: this.#paused(),
      certificates: certificates?.bundle,
      primaryPem: await this.#primaryPem(listener),
      markerKey: this.#markerKey,
      emit: (event) => this.#emit(event),
      log,
    });
    this.#taps.set(listener.name, tap);
  }

  async #primaryPem({ name, primary }: ListenerSettings): Promise<ClientPem | undefined> {
    if (primary.tls === undefined) return undefined;
    const { pem, warnings } = await loadClientPem(primary.tls);
    for (const warning of warnings) this.#hooks.log.warn(warning, { listener: name });
    return pem;
  }

  /** A listener that is gone from the settings accepts nothing more; what is open on it may finish. */
  #retire(name: string): void {
    const tap = this.#taps.get(name);
    if (tap === undefined) return;
    this.#taps.delete(name);
    this.#certificates.get(name)?.[Symbol.dispose]();
    this.#certificates.delete(name);
    void tap.drain(this.#settings.drainMs).finally(() => tap[Symbol.asyncDispose]());
  }

  #policiesOf(listener: ListenerSettings): readonly Policy[] {
    // Nothing of a connection whose TLS ends at the primary can be understood.
    if (listener.tls.mode === 'passthrough') return [];
    return this.#settings.policies.filter(({ taps }) => taps.length === 0 || taps.includes(listener.name));
  }

  #has(policy: string): boolean {
    return this.#settings.policies.some(({ name }) => name === policy);
  }

  #pause(policy: string, by: 'operator' | 'stopWhen', reason: string): boolean {
    if (!this.#has(policy)) return false;
    if (this.#states.has(policy)) return true;
    this.#states.set(policy, { kind: 'paused', by, reason, since: Date.now() });
    this.#tellPaused();
    this.#emit({ type: 'policy-paused', at: Date.now(), policy, by, reason });
    this.#hooks.log.warn('a policy is paused', { policy, by, reason });
    return true;
  }

  #resume(policy: string): void {
    if (!this.#states.delete(policy)) return;
    this.#tellPaused();
    this.#emit({ type: 'policy-resumed', at: Date.now(), policy });
    this.#hooks.log.info('a policy is resumed', { policy });
  }

  #paused(): readonly string[] {
    return [...this.#states.keys()];
  }

  #tellPaused(): void {
    for (const tap of this.#taps.values()) tap.setPaused(this.#paused());
  }

  #second(): void {
    const reports = mergeReports([...this.#taps.values()].map((tap) => tap.report));
    const stopped = [...this.#states].filter(
      ([, state]) => state.kind === 'paused' && state.reason !== MEASURING,
    );
    this.#killSwitch.observe(this.#settings.policies, reports, new Set(stopped.map(([name]) => name)));
    if (this.#events.readers > 0) this.#emit({ type: 'summary', at: Date.now(), summary: this.summary() });
  }

  #emit(event: AdminEvent): void {
    this.#events.publish(event);
  }
}

/** Whether a running listener can take over new settings without being opened anew. */
function sameAddress(before: ListenerSettings, now: ListenerSettings): boolean {
  return fixedPart(before) === fixedPart(now);
}

function fixedPart({ listen, workers, connections, tls, proxyProtocol }: ListenerSettings): string {
  return JSON.stringify([listen, workers, connections, tls, proxyProtocol]);
}

function sameObserver(before: Settings, now: Settings): boolean {
  return JSON.stringify(before.observer) === JSON.stringify(now.observer);
}

function nothingYet(name: string, url: string): MirrorStatus {
  return {
    name,
    url,
    mirrored: 0,
    notMirrored: zeroCounts(NOT_MIRRORED_REASONS),
    responses: { '1xx': 0, '2xx': 0, '3xx': 0, '4xx': 0, '5xx': 0 },
    failures: zeroCounts(MIRROR_FAILURES),
    pairs: { same: 0, different: 0, incomplete: 0 },
    breaker: 'closed',
    inFlight: 0,
    queued: 0,
    bufferedBytes: 0,
  };
}
