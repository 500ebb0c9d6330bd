import type {
  ExchangeFilter,
  ExchangeSummary,
  MinuteCounts,
  Page,
  RecordedExchange,
  SavedVerdict,
  StoreBatch,
  StoreStatus,
} from '../model/recording.ts';
import type { LogFields, LogLevel } from '../kit/log-line.ts';
import type { StoreSettings } from '../model/settings.ts';

/** What the store's thread is started with, told, and tells. */
export interface StoreThreadData {
  readonly settings: StoreSettings;
}

export type StoreQuestion =
  | { readonly kind: 'exchanges'; readonly filter: ExchangeFilter }
  | { readonly kind: 'exchange'; readonly exchange: string }
  | { readonly kind: 'verdicts' }
  | {
      readonly kind: 'minutes';
      readonly policy: string;
      readonly mirror: string;
      readonly after: number;
      readonly before: number;
    }
  /** Is answered when everything that was told before is written, or turned away. */
  | { readonly kind: 'flush' };

export type ToStore =
  | { readonly kind: 'write'; readonly batch: StoreBatch }
  | { readonly kind: 'ask'; readonly id: number; readonly question: StoreQuestion }
  /** Writes what was told before, and ends. */
  | { readonly kind: 'close' };

export type StoreAnswer =
  | { readonly kind: 'exchanges'; readonly page: Page<ExchangeSummary> }
  | { readonly kind: 'exchange'; readonly exchanges: readonly RecordedExchange[] }
  | { readonly kind: 'verdicts'; readonly verdicts: readonly SavedVerdict[] }
  | { readonly kind: 'minutes'; readonly minutes: readonly MinuteCounts[] }
  | { readonly kind: 'flush' };

/** An error that the person who asked can mend, in a form that crosses threads. */
export interface StoreRefusal {
  readonly message: string;
  readonly code: 'usage' | 'config' | 'unavailable';
  readonly where: string | undefined;
  readonly hint: string | undefined;
}

export type FromStore =
  /** Once, first. `refused`: the file is not ours; nothing will be stored until someone changes that. */
  | { readonly kind: 'opened'; readonly status: StoreStatus; readonly refused: StoreRefusal | undefined }
  /** A batch was handled, one message for each. */
  | { readonly kind: 'written'; readonly status: StoreStatus }
  | { readonly kind: 'status'; readonly status: StoreStatus }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: StoreAnswer }
  | { readonly kind: 'refusal'; readonly id: number; readonly refusal: StoreRefusal }
  | {
      readonly kind: 'log';
      readonly level: LogLevel;
      readonly message: string;
      readonly fields: LogFields;
    }
  | { readonly kind: 'closed'; readonly status: StoreStatus };
