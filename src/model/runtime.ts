import type { Subscription } from '../kit/broadcast.ts';
import type { Logger } from '../kit/log.ts';
import type { Settings } from './settings.ts';
import type { ExchangeFilter, ExchangeSummary, Page, RecordedExchange, StoreStatus } from './recording.ts';
import type { AdminEvent, PolicyStatus, Summary, TapStatus } from './status.ts';
import type { Verdict } from './verdict.ts';

/** What the admin API reads and commands. Every call is cheap: it answers from what main has already merged. */
export interface AdminSource {
  summary(): Summary;
  taps(): readonly TapStatus[];
  policies(): readonly PolicyStatus[];
  /** False when there is no such policy. Pausing a paused policy keeps its first reason. */
  pause(policy: string, reason: string): boolean;
  /** False when there is no such policy. */
  resume(policy: string): boolean;
  /** What the pairs of a policy prove so far; undefined when there is no such policy. */
  verdict(policy: string): Verdict | undefined;
  /** Examples that are kept, newest first. Rejects with UserError when the store cannot be read now. */
  exchanges(filter: ExchangeFilter): Promise<Page<ExchangeSummary>>;
  /** One exchange, once for each policy that copied it; empty when it is not kept. */
  exchange(id: string): Promise<readonly RecordedExchange[]>;
  store(): StoreStatus;
  /**
   * Ignores a finding from now on, until the configuration is loaded anew.
   *
   * @returns the rule to put into the configuration, as YAML; undefined when there is no such policy or finding
   */
  ignore(policy: string, finding: string): string | undefined;
  /** Prometheus text exposition format 0.0.4. */
  metrics(): string;
  /** Whether traffic may be sent here: every listener listens and the instance is not draining. */
  ready(): Readiness;
  /** What happens from now on, until `signal` aborts. A reader that is too slow misses some; the source never waits. */
  events(signal: AbortSignal): Subscription<AdminEvent>;
}

export interface Readiness {
  readonly ok: boolean;
  readonly reason?: string;
}

/** A running instance. Disposing it closes everything at once; `drain` first lets open connections finish. */
export interface Runtime extends AdminSource, AsyncDisposable {
  /** Where the admin API is reached, `http://host:port` or `unix:/path`; undefined when it is off. */
  readonly adminUrl: string | undefined;
  /** Resolves when nothing more can come from any tap (a recording's end); never for listeners. Rejects when the instance cannot go on. */
  readonly finished: Promise<void>;
  /**
   * Puts other settings in force without closing a connection.
   *
   * @throws UserError when they cannot be applied; then the ones before stay in force
   */
  reload(settings: Settings): Promise<void>;
  /** Tells that a changed configuration was refused, for events and metrics. */
  refused(problems: readonly string[]): void;
  /** Stops accepting, and resolves when every connection is closed and every copy is over, or `drainMs` has passed. */
  drain(): Promise<void>;
}

export interface RuntimeHooks {
  readonly log: Logger;
}

/** Starts an instance; resolves when it listens. The composition root gives it to the commands that need it. */
export type StartRuntime = (settings: Settings, hooks: RuntimeHooks) => Promise<Runtime>;
