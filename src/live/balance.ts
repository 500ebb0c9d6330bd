import { isIP } from 'node:net';
import { backoffMs } from '../kit/backoff.ts';
import { systemClock } from '../kit/clock.ts';
import type { Clock } from '../kit/clock.ts';
import type { Endpoint, PrimarySettings } from '../model/settings.ts';
import type { EndpointStatus } from '../model/status.ts';

type BalanceSettings = Pick<PrimarySettings, 'endpoints' | 'restMs' | 'restMaxMs'>;

/** An endpoint and how it has been doing. The set that it comes from writes it; everyone else reads. */
export interface EndpointState {
  endpoint: Endpoint;
  /** Whether it is an IP address, and not a name to be resolved. */
  numeric: boolean;
  /** Connections picked and not yet released, those that are being made included. */
  connections: number;
  /** Connects that failed, from the start. */
  failures: number;
  failuresInRow: number;
  /** On the monotonic clock, ms; past or 0 when it does not rest. */
  restingUntil: number;
  restMs: number;
  /** Picked after a rest to see whether it answers again; the others wait for what comes of it. */
  probing: boolean;
}

/** What a failure or a recovery changed. Times in ms since the Unix epoch. */
export type EndpointChange =
  | { readonly kind: 'resting'; readonly endpoint: Endpoint; readonly restingUntil: number }
  | { readonly kind: 'up'; readonly endpoint: Endpoint };

export interface EndpointSetOptions {
  readonly clock?: Clock;
  /** A number in [0, 1). */
  readonly random?: () => number;
  readonly onChange?: (change: EndpointChange) => void;
}

/**
 * The endpoints of one primary as one live worker sees them: the one with the fewest connections is next, and one that
 * could not be reached rests, longer each time, until a single connection has found it well again.
 *
 * Every `pick` is followed by `succeeded` or `failed`, and in the end by `released`.
 */
export class EndpointSet {
  #states: readonly EndpointState[] = [];
  #settings: BalanceSettings;
  /** States that have failed since they last succeeded: while there are none, a pick needs no clock. */
  #unwell = 0;
  #next = 0;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #onChange: ((change: EndpointChange) => void) | undefined;

  constructor(settings: BalanceSettings, options: EndpointSetOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#onChange = options.onChange;
    this.#settings = settings;
    this.update(settings);
  }

  /** Takes over new endpoints. Those whose URL was there before keep what is known of them; double ones count once. */
  update(settings: BalanceSettings): void {
    this.#settings = settings;
    const before = new Map(this.#states.map((state) => [state.endpoint.url, state]));
    const states = new Map<string, EndpointState>();
    for (const endpoint of settings.endpoints) {
      const state = before.get(endpoint.url) ?? newState(endpoint);
      state.endpoint = endpoint;
      state.numeric = isNumeric(endpoint);
      states.set(endpoint.url, state);
    }
    this.#states = [...states.values()];
    this.#next = 0;
    this.#countUnwell();
  }

  /**
   * The next endpoint to connect to, with one more connection on its account: of those that do not rest the one with the
   * fewest connections, in turn where several have as few. When all rest, the one whose rest ends first: a try that may
   * fail beats an error that is certain.
   *
   * @param tried states that this client's connection has failed on already
   * @returns undefined when all have been tried
   */
  pick(tried?: readonly EndpointState[]): EndpointState | undefined {
    const states = this.#states;
    const only = states.length === 1 ? states[0] : undefined;
    const picked = only !== undefined && tried === undefined ? only : this.#choose(tried);
    if (picked !== undefined) picked.connections++;
    return picked;
  }

  #choose(tried: readonly EndpointState[] | undefined): EndpointState | undefined {
    const states = this.#states;
    const now = this.#unwell === 0 ? 0 : this.#clock.monotonic();
    let best: EndpointState | undefined;
    let bestIndex = 0;
    let soonest: EndpointState | undefined;
    for (let count = 0, index = this.#next; count < states.length; count++, index++) {
      if (index >= states.length) index = 0;
      const state = states[index];
      if (state === undefined || tried?.includes(state) === true) continue;
      if (state.restingUntil > now) {
        if (soonest === undefined || state.restingUntil < soonest.restingUntil) soonest = state;
      } else if (best === undefined || state.connections < best.connections) {
        best = state;
        bestIndex = index;
      }
    }
    if (best === undefined) return soonest;
    this.#next = bestIndex + 1;
    if (best.failuresInRow > 0) {
      // Having the fewest connections, it would draw all new clients into a connect that may time out.
      best.probing = true;
      best.restingUntil = now + best.restMs;
    }
    return best;
  }

  /** A connection was made. */
  succeeded(state: EndpointState): void {
    if (state.failuresInRow === 0) return;
    state.failuresInRow = 0;
    state.restingUntil = 0;
    state.probing = false;
    this.#countUnwell();
    this.#onChange?.({ kind: 'up', endpoint: state.endpoint });
  }

  /** A connect was refused or timed out: the endpoint rests. */
  failed(state: EndpointState): void {
    state.failures++;
    if (!this.#states.includes(state)) return;
    const now = this.#clock.monotonic();
    // Connects that were under way when its rest began say nothing new; counting them would double the rest each time.
    if (state.failuresInRow > 0 && !state.probing && now < state.restingUntil) return;
    const { restMs, restMaxMs } = this.#settings;
    state.restMs = backoffMs(state.failuresInRow, { baseMs: restMs, maxMs: restMaxMs }, this.#random);
    state.failuresInRow++;
    state.probing = false;
    state.restingUntil = now + state.restMs;
    this.#countUnwell();
    this.#onChange?.({
      kind: 'resting',
      endpoint: state.endpoint,
      restingUntil: this.#clock.now() + state.restMs,
    });
  }

  /** A picked connection is over, in whatever way. */
  released(state: EndpointState): void {
    state.connections--;
  }

  status(): EndpointStatus[] {
    const toEpoch = this.#clock.now() - this.#clock.monotonic();
    return this.#states.map((state) => ({
      url: state.endpoint.url,
      state: state.failuresInRow > 0 ? 'resting' : 'up',
      restingUntil: state.failuresInRow > 0 ? state.restingUntil + toEpoch : undefined,
      connections: state.connections,
      failures: state.failures,
    }));
  }

  #countUnwell(): void {
    this.#unwell = this.#states.filter((state) => state.failuresInRow > 0).length;
  }
}

function isNumeric({ address }: Endpoint): boolean {
  return address.kind === 'tcp' && isIP(address.host) !== 0;
}

function newState(endpoint: Endpoint): EndpointState {
  return {
    endpoint,
    numeric: false,
    connections: 0,
    failures: 0,
    failuresInRow: 0,
    restingUntil: 0,
    restMs: 0,
    probing: false,
  };
}
