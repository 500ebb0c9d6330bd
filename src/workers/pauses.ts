import type { Logger } from '../kit/log.ts';
import type { Policy } from '../model/policy.ts';
import type { AdminEvent, PolicyState } from '../model/status.ts';
import { KillSwitch } from './kill-switch.ts';
import type { ObserverReport } from './messages.ts';

export interface PausesOptions {
  /** These policies, by name, copy nothing from now on; all others do. */
  readonly onChange: (paused: readonly string[]) => void;
  readonly emit: (event: AdminEvent) => void;
  readonly log: Logger;
}

const MEASURING = "measuring the primary's latency without copies first";
const RUNNING: PolicyState = { kind: 'running' };

/** Which policies are paused, by whom and why: by an operator, or by their kill switch. */
export class Pauses {
  readonly #options: PausesOptions;
  readonly #states = new Map<string, PolicyState>();
  readonly #killSwitch: KillSwitch;

  constructor(options: PausesOptions) {
    this.#options = options;
    this.#killSwitch = new KillSwitch({
      measure: (policy) => this.#pause(policy, 'stopWhen', MEASURING),
      measured: (policy) => {
        if (this.#measures(policy)) this.#resume(policy);
      },
      stop: (policy, reason) => this.#pause(policy, 'stopWhen', reason),
    });
  }

  /** Names of those that are paused. */
  get names(): readonly string[] {
    return [...this.#states.keys()];
  }

  state(policy: string): PolicyState {
    return this.#states.get(policy) ?? RUNNING;
  }

  /** An operator pauses a policy; one that is paused keeps its first reason. */
  pause(policy: string, reason: string): void {
    this.#pause(policy, 'operator', reason);
  }

  /** @returns whether it was paused; what its kill switch has measured before does not count any more */
  resume(policy: string): boolean {
    if (!this.#states.has(policy)) return false;
    this.#killSwitch.forget(policy);
    this.#resume(policy);
    return true;
  }

  /** Feeds the kill switches. @param report everything counted so far, over all taps */
  second(policies: readonly Policy[], report: ObserverReport): void {
    const stopped = this.names.filter((name) => !this.#measures(name));
    this.#killSwitch.observe(policies, report, new Set(stopped));
  }

  /** Policies that are not there any more are not paused either. */
  keepOnly(policies: readonly Policy[]): void {
    const names = new Set(policies.map(({ name }) => name));
    for (const policy of this.#states.keys()) if (!names.has(policy)) this.#states.delete(policy);
  }

  #pause(policy: string, by: 'operator' | 'stopWhen', reason: string): void {
    // An operator's word outlasts the measuring.
    if (this.#states.has(policy) && !(by === 'operator' && this.#measures(policy))) return;
    const { onChange, emit, log } = this.#options;
    this.#states.set(policy, { kind: 'paused', by, reason, since: Date.now() });
    onChange(this.names);
    emit({ type: 'policy-paused', at: Date.now(), policy, by, reason });
    log.warn('a policy is paused', { policy, by, reason });
  }

  #resume(policy: string): void {
    if (!this.#states.delete(policy)) return;
    const { onChange, emit, log } = this.#options;
    onChange(this.names);
    emit({ type: 'policy-resumed', at: Date.now(), policy });
    log.info('a policy is resumed', { policy });
  }

  /** Whether a policy is paused for no other reason than that it measures. */
  #measures(policy: string): boolean {
    const state = this.#states.get(policy);
    return state?.kind === 'paused' && state.by === 'stopWhen' && state.reason === MEASURING;
  }
}
