import { randomBytes } from 'node:crypto';
import { metricsText } from '../admin/metrics.ts';
import { Broadcast } from '../kit/broadcast.ts';
import type { Subscription } from '../kit/broadcast.ts';
import { addressText } from '../model/address.ts';
import type { Policy } from '../model/policy.ts';
import type {
  ExchangeFilter,
  ExchangeSummary,
  Page,
  RecordedExchange,
  StoreStatus,
} from '../model/recording.ts';
import type { Verdict } from '../model/verdict.ts';
import type { Readiness, RuntimeHooks } from '../model/runtime.ts';
import type { CaptureSettings } from '../model/capture.ts';
import type { ListenerSettings, Settings } from '../model/settings.ts';
import type { AdminEvent, PolicyStatus, Summary, TapStatus } from '../model/status.ts';
import { version } from '../version.ts';
import { Captures } from './captures.ts';
import { ignoreText } from './ignore-text.ts';
import { Judgement } from './judgement.ts';
import { ListenerFiles } from './listener-files.ts';
import type { PreparedListener } from './listener-files.ts';
import type { Judged } from './answer-judge.ts';
import { Reflection } from './reflection.ts';
import { Pauses } from './pauses.ts';
import { mergeReports } from './reports.ts';
import { nothingYet, totalsOf } from './totals.ts';
import { Tap } from './tap.ts';
import type { InstanceTap, TapChange } from './tap.ts';

const SECOND_MS = 1000;

/** A running instance: its taps, which policies are paused, and what everything together has counted. */
export class Instance implements AsyncDisposable {
  #settings: Settings;
  readonly #hooks: RuntimeHooks;
  readonly #startedAt = Date.now();
  readonly #startedMonotonic = performance.now();
  readonly #markerKey: Uint8Array;
  readonly #judgement: Judgement;
  readonly #taps = new Map<string, Tap>();
  readonly #captures: Captures;
  readonly #finished = Promise.withResolvers<void>();
  readonly #files: ListenerFiles;
  readonly #events = new Broadcast<AdminEvent>();
  readonly #pauses: Pauses;
  readonly #reflection: Reflection;
  readonly #reloads = { reloaded: 0, refused: 0 };
  readonly #timer: NodeJS.Timeout;
  #draining = false;
  /** One change at a time. */
  #change: Promise<void> = Promise.resolve();

  private constructor(settings: Settings, hooks: RuntimeHooks, judgement: Judgement) {
    this.#settings = settings;
    this.#judgement = judgement;
    this.#hooks = hooks;
    this.#markerKey = randomBytes(32);
    this.#files = new ListenerFiles({
      onChange: (listener, bundle) => this.#taps.get(listener)?.setCertificates(bundle),
      log: hooks.log,
    });
    this.#pauses = new Pauses({
      onChange: (paused) => {
        for (const tap of this.#all) tap.setPaused(paused);
      },
      emit: (event) => this.#emit(event),
      log: hooks.log,
    });
    this.#reflection = new Reflection({ log: hooks.log, onChange: () => this.#tellPolicies() });
    this.#captures = new Captures({
      optionsOf: (capture) => this.#captureOptions(capture),
      onOver: () => this.#look(),
    });
    this.#timer = setInterval(() => this.#second(), SECOND_MS).unref();
  }

  /** @throws UserError when a listener's address cannot be had or its certificates cannot be used */
  static async start(settings: Settings, hooks: RuntimeHooks): Promise<Instance> {
    const { policies, store } = settings;
    const judgement = await Judgement.start({ policies, store, log: hooks.log });
    const instance = new Instance(settings, hooks, judgement);
    try {
      // Policies that have to measure first copy nothing before that.
      instance.#second();
      for (const listener of settings.listeners) await instance.#startTap(listener);
      await instance.#captures.apply(settings.captures);
      instance.#reflection.follow(policies, settings.listeners);
    } catch (error) {
      await instance[Symbol.asyncDispose]();
      throw error;
    }
    return instance;
  }

  summary(): Summary {
    const taps = this.taps();
    return {
      version,
      startedAt: this.#startedAt,
      uptimeMs: Math.round(performance.now() - this.#startedMonotonic),
      listeners: this.#taps.size,
      captures: this.#captures.all.length,
      ...totalsOf(taps, this.policies()),
      observerRestarts: this.#all.reduce((total, tap) => total + tap.restarts, 0),
      configReloads: { ...this.#reloads },
    };
  }

  /** Resolves when nothing more can come from any tap: there are only captures, and all of them are over. */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  taps(): readonly TapStatus[] {
    return this.#all.map((tap) => tap.status());
  }

  policies(): readonly PolicyStatus[] {
    const reports = mergeReports(this.#all.map((tap) => tap.report)).policies;
    return this.#settings.policies.map((policy) => {
      const report = reports.find(({ name }) => name === policy.name);
      return {
        name: policy.name,
        taps: policy.taps,
        state: this.#pauses.state(policy.name),
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
        reflection: this.#reflection.status(policy.name),
      };
    });
  }

  verdict(policy: string): Verdict | undefined {
    return this.#judgement.verdict(policy);
  }

  exchanges(filter: ExchangeFilter): Promise<Page<ExchangeSummary>> {
    return this.#judgement.exchanges(filter);
  }

  exchange(id: string): Promise<readonly RecordedExchange[]> {
    return this.#judgement.exchange(id);
  }

  store(): StoreStatus {
    return this.#judgement.status();
  }

  /** @throws UserError for findings that no rule is for */
  ignore(name: string, finding: string): string | undefined {
    const rule = this.#judgement.ruleFor(name, finding);
    if (rule === undefined) return undefined;
    this.#setPolicies(
      this.#settings.policies.map((policy) =>
        policy.name === name
          ? { ...policy, compare: { ...policy.compare, ignore: [...policy.compare.ignore, rule] } }
          : policy,
      ),
    );
    this.#hooks.log.info('a finding is ignored until the configuration is loaded anew', {
      policy: name,
      ...rule,
    });
    return ignoreText(name, rule);
  }

  metrics(): string {
    const { durations } = mergeReports(this.#all.map((tap) => tap.report));
    return metricsText({
      summary: this.summary(),
      taps: this.taps(),
      policies: this.policies(),
      durations,
      verdicts: this.#settings.policies.flatMap(({ name }) => this.verdict(name) ?? []),
      store: this.store(),
    });
  }

  pause(policy: string, reason: string): boolean {
    if (!this.#has(policy)) return false;
    this.#pauses.pause(policy, reason);
    return true;
  }

  resume(policy: string): boolean {
    if (!this.#has(policy)) return false;
    if (this.#pauses.resume(policy)) this.#second();
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
    await Promise.all(this.#all.map((tap) => tap.drain(this.#settings.drainMs)));
    await this.#judgement.flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#events.close();
    this.#files[Symbol.dispose]();
    this.#reflection[Symbol.dispose]();
    await Promise.all(this.#all.map((tap) => tap[Symbol.asyncDispose]()));
    await this.#judgement[Symbol.asyncDispose]();
  }

  /** First everything that can fail, then everything that cannot. */
  async #apply(settings: Settings): Promise<void> {
    const before = this.#settings;
    const opened: AsyncDisposableStack = new AsyncDisposableStack();
    this.#settings = settings;
    this.#second();
    try {
      const changes: (() => void)[] = [];
      const late: PreparedListener[] = [];
      const addresses = new Set([...this.#taps.values()].map((tap) => addressText(tap.settings.listen)));
      for (const wanted of settings.listeners) {
        const running = this.#running(wanted);
        const listener = this.#sameWorkers(wanted, running);
        const prepared = await this.#files.prepare(listener, running?.settings, opened);
        if (running !== undefined) {
          changes.push(() => this.#keep(prepared, running));
        } else if (addresses.has(addressText(listener.listen))) {
          late.push(prepared);
        } else {
          const tap = opened.use(await this.#openTap(prepared));
          changes.push(() => this.#add(prepared, tap));
        }
      }
      const stay = new Set(settings.listeners.map((listener) => this.#running(listener)));
      for (const [name, tap] of this.#taps) if (!stay.has(tap)) this.#retire(name);
      for (const change of changes) change();
      opened.move();
      // Listeners that take over the address of one that is gone.
      for (const prepared of late) this.#add(prepared, await this.#openTap(prepared));
      await this.#captures.apply(settings.captures);
    } catch (error) {
      await opened.disposeAsync();
      this.#settings = before;
      throw error;
    }
    this.#pauses.keepOnly(settings.policies);
    for (const section of ['admin', 'log', 'store'] as const) {
      if (JSON.stringify(before[section]) === JSON.stringify(settings[section])) continue;
      this.#hooks.log.warn('this section is changed at the next start', { section });
    }
    this.#reflection.follow(settings.policies, settings.listeners);
    this.#tellPolicies();
    this.#reloads.reloaded++;
    this.#emit({ type: 'config-reloaded', at: Date.now() });
  }

  /** The tap of a listener that goes on where it listens. */
  #running({ name, listen }: ListenerSettings): Tap | undefined {
    const tap = this.#taps.get(name);
    return tap !== undefined && addressText(tap.settings.listen) === addressText(listen) ? tap : undefined;
  }

  /** Another number of workers would mean to listen anew, and to refuse connections meanwhile. */
  #sameWorkers(listener: ListenerSettings, running: Tap | undefined): ListenerSettings {
    const workers = running?.settings.workers ?? listener.workers;
    if (workers === listener.workers) return listener;
    this.#hooks.log.warn('the number of workers is changed at the next start', {
      listener: listener.name,
      workers,
    });
    return { ...listener, workers };
  }

  async #startTap(listener: ListenerSettings): Promise<void> {
    const opened = new AsyncDisposableStack();
    try {
      const prepared = await this.#files.prepare(listener, undefined, opened);
      this.#add(prepared, await this.#openTap(prepared));
      opened.move();
    } catch (error) {
      await opened.disposeAsync();
      throw error;
    }
  }

  #openTap({ listener, certificates, primaryPem }: PreparedListener): Promise<Tap> {
    return Tap.start({
      ...this.#tapChange({ listener, certificates, primaryPem }),
      ...this.#tapOptions(),
    });
  }

  #tapChange({ listener, certificates, primaryPem }: PreparedListener): TapChange {
    return {
      listener,
      observer: this.#settings.observer,
      policies: this.#policiesOf(listener.name),
      paused: this.#pauses.names,
      certificates: certificates?.bundle,
      primaryPem,
    };
  }

  #add({ listener: { name }, certificates }: PreparedListener, tap: Tap): void {
    this.#taps.set(name, tap);
    this.#files.watch(name, certificates);
  }

  #keep(prepared: PreparedListener, tap: Tap): void {
    tap.reload(this.#tapChange(prepared));
    this.#files.watch(prepared.listener.name, prepared.certificates);
  }

  /** A listener that is gone from the settings accepts nothing more; what is open on it may finish. */
  #retire(name: string): void {
    const tap = this.#taps.get(name);
    if (tap === undefined) return;
    this.#taps.delete(name);
    this.#files.watch(name, undefined);
    void tap.drain(this.#settings.drainMs).finally(() => tap[Symbol.asyncDispose]());
  }

  #policiesOf(tap: string): readonly Policy[] {
    // Nothing of a connection whose TLS ends at the primary can be understood.
    const listener = this.#settings.listeners.find(({ name }) => name === tap);
    if (listener?.tls.mode === 'passthrough') return [];
    const own = this.#settings.policies.filter(({ taps }) => taps.length === 0 || taps.includes(tap));
    return this.#reflection.described(own);
  }

  #captureOptions({ name }: CaptureSettings) {
    return {
      observer: this.#settings.observer,
      policies: this.#policiesOf(name),
      paused: this.#pauses.names,
      ...this.#tapOptions(),
    };
  }

  /** What all taps are given. */
  #tapOptions() {
    return {
      instance: {
        markerKey: this.#markerKey,
        heldWrites: this.#judgement.heldWrites,
        recordedBytes: this.#judgement.recordedBytes,
      },
      onJudged: (judged: Judged): void => this.#judgement.add(judged),
      emit: (event: AdminEvent): void => this.#emit(event),
      log: this.#hooks.log,
    };
  }

  get #all(): readonly InstanceTap[] {
    return [...this.#taps.values(), ...this.#captures.all];
  }

  #look(): void {
    if (this.#settings.listeners.length === 0 && this.#captures.over) this.#finished.resolve();
  }

  /** Puts changed policies in force; the listeners stay as they are. */
  #setPolicies(policies: readonly Policy[]): void {
    this.#settings = { ...this.#settings, policies };
    this.#tellPolicies();
  }

  /** The policies as they are now, with what servers have told of their messages. */
  #tellPolicies(): void {
    this.#judgement.setPolicies(this.#reflection.described(this.#settings.policies));
    for (const tap of this.#all) tap.setPolicies(this.#policiesOf(tap.name), this.#pauses.names);
  }

  #has(policy: string): boolean {
    return this.#settings.policies.some(({ name }) => name === policy);
  }

  #second(): void {
    const reports = mergeReports(this.#all.map((tap) => tap.report));
    this.#pauses.second(this.#settings.policies, reports);
    this.#judgement.second();
    if (this.#events.readers > 0) this.#emit({ type: 'summary', at: Date.now(), summary: this.summary() });
  }

  #emit(event: AdminEvent): void {
    this.#events.publish(event);
  }
}
