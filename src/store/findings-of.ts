import { findingId } from '../model/finding-id.ts';
import type { RecordedExchange } from '../model/recording.ts';

/** Findings that one exchange is linked to; a hostile answer may differ in thousands of places. */
export const FINDINGS_PER_EXCHANGE = 128;

/** Ids of the findings that an exchange is an example of: what its mirrors, not the control, answered otherwise. */
export function findingsOf({ route, others }: RecordedExchange): readonly string[] {
  const ids = new Set<string>();
  for (const { name, role, differences } of others) {
    if (role !== 'mirror') continue;
    for (const { path, kind } of differences) {
      if (ids.size >= FINDINGS_PER_EXCHANGE) return [...ids];
      ids.add(findingId(name, route, path, kind));
    }
  }
  return [...ids];
}
