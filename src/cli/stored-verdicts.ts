import type { Verdict } from '../model/verdict.ts';
import { openStoreReader } from '../store/open-store.ts';
import type { StoreReader } from '../store/store-reader.ts';
import type { VerdictSource } from './verdict-source.ts';

/** What a store file holds. It is opened for each question and closed again, so that an instance may write it meanwhile. */
export function storedVerdicts(file: string): VerdictSource {
  return {
    verdicts: async () => reading(file, readVerdicts),
    summary: async () => undefined,
    exchanges: async (filter) => reading(file, (reader) => reader.exchanges(filter)),
    exchange: async (id) => reading(file, (reader) => reader.exchange(id)),
  };
}

/** @throws UserError when the file cannot be read */
function reading<Found>(file: string, read: (reader: StoreReader) => Found): Found {
  using opened = openStoreReader(file);
  return read(opened.reader);
}

/** The newest verdict of each policy: rows of mirrors that the policy does not have any more are older ones. */
function readVerdicts(reader: StoreReader): readonly Verdict[] {
  const newest = new Map<string, Verdict>();
  for (const { policy, verdict } of reader.savedVerdicts()) {
    const known = newest.get(policy);
    if (known === undefined || verdict.at > known.at) newest.set(policy, verdict);
  }
  return [...newest.values()];
}
