import type { IncompleteReason } from '../model/exchange.ts';
import type { Http2FaultReason } from '../model/status.ts';

/** Why the requests under way end where a connection can no longer be read. */
export const INCOMPLETE: Readonly<Record<Http2FaultReason, IncompleteReason>> = {
  malformed_frame: 'ambiguous',
  oversized_frame: 'ambiguous',
  malformed_headers: 'ambiguous',
  table_too_large: 'too_large',
  header_flood: 'too_large',
  control_flood: 'too_large',
  rapid_reset: 'client_closed',
  gap: 'tape_gap',
};
