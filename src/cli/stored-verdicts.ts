import type { Verdict } from '../model/verdict.ts';
import { worstState } from '../report/report-input.ts';
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

/** One verdict for each policy, of what was saved for each of its mirrors. */
function readVerdicts(reader: StoreReader): readonly Verdict[] {
  const saved = Map.groupBy(reader.savedVerdicts(), ({ policy }) => policy);
  return [...saved].flatMap(([policy, rows]) => {
    const mirrors = rows.flatMap(({ mirror, verdict }) =>
      verdict.mirrors.filter((one) => one.mirror === mirror),
    );
    const [first] = rows.map(({ verdict }) => verdict);
    if (first === undefined) return [];
    return [
      {
        ...first,
        policy,
        state: worstState(mirrors.map(({ state }) => state)),
        since: Math.min(...rows.map(({ verdict }) => verdict.since)),
        at: Math.max(...rows.map(({ verdict }) => verdict.at)),
        mirrors,
      },
    ];
  });
}
