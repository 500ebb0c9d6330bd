import { heldWritesBuffer } from '../compare/held-writes.ts';
import type { Logger } from '../kit/log.ts';
import type { IgnoreRule } from '../model/compare-settings.ts';
import type { Policy } from '../model/policy.ts';
import type {
  ExchangeFilter,
  ExchangeSummary,
  Page,
  RecordedExchange,
  StoreStatus,
} from '../model/recording.ts';
import type { StoreSettings } from '../model/settings.ts';
import type { Verdict } from '../model/verdict.ts';
import type { Judged } from './answer-judge.ts';
import { StoreClient } from './store.ts';
import { VerdictKeeper } from './verdict-keeper.ts';

export interface JudgementOptions {
  readonly policies: readonly Policy[];
  readonly store: StoreSettings;
  readonly log: Logger;
}

/** Examples and counts go to the store each second, verdicts after so many of them. */
const VERDICT_SECONDS = 5;

/** What an instance knows of its pairs: the verdicts, and the store that keeps them. */
export class Judgement implements AsyncDisposable {
  /** Which resources had writes that were held back; shared by all observers. */
  readonly heldWrites = heldWritesBuffer();
  readonly recordedBytes: number;
  readonly #store: StoreClient;
  readonly #keeper: VerdictKeeper;
  #seconds = 0;

  private constructor(store: StoreClient, keeper: VerdictKeeper, recordedBytes: number) {
    this.#store = store;
    this.#keeper = keeper;
    this.recordedBytes = recordedBytes;
  }

  /** @throws UserError when the store's file cannot be used */
  static async start({ policies, store, log }: JudgementOptions): Promise<Judgement> {
    const client = await StoreClient.start({ settings: store, log });
    // Where the file cannot be read for now, the verdict begins anew.
    const saved = store.file === undefined ? [] : await client.savedVerdicts().catch(() => []);
    const keeper = new VerdictKeeper({ saved, log, now: Date.now });
    keeper.setPolicies(policies);
    return new Judgement(client, keeper, store.bodyBytes);
  }

  setPolicies(policies: readonly Policy[]): void {
    this.#keeper.setPolicies(policies);
  }

  add(judged: Judged): void {
    this.#keeper.add(judged);
  }

  verdict(policy: string): Verdict | undefined {
    return this.#keeper.verdict(policy);
  }

  /** @throws UserError for findings that no rule is for */
  ruleFor(policy: string, finding: string): IgnoreRule | undefined {
    return this.#keeper.ruleFor(policy, finding);
  }

  exchanges(filter: ExchangeFilter): Promise<Page<ExchangeSummary>> {
    return this.#store.exchanges(filter);
  }

  exchange(id: string): Promise<readonly RecordedExchange[]> {
    return this.#store.exchange(id);
  }

  status(): StoreStatus {
    return this.#store.status();
  }

  /** Stores what has come. */
  second(): void {
    this.#seconds++;
    this.#write(this.#seconds % VERDICT_SECONDS === 0);
  }

  /** Stores everything that has come, and waits until it is written, or for as long as the store waits. */
  async flush(): Promise<void> {
    this.#write(true);
    await this.#store.flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#write(true);
    await this.#store[Symbol.asyncDispose]();
  }

  #write(verdicts: boolean): void {
    const batch = this.#keeper.take(verdicts);
    if (batch.exchanges.length + batch.minutes.length + batch.verdicts.length > 0) this.#store.write(batch);
  }
}
