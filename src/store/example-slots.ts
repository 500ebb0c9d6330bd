/** Which stored exchanges are kept as examples of one finding, oldest first, by sequence number. */
export interface ExampleSlots {
  readonly first: readonly number[];
  readonly fresh: readonly number[];
}

/** How many of each finding are kept: of `limit`, the first half (rounded up) and the freshest. */
export function slotCounts(limit: number): { readonly first: number; readonly fresh: number } {
  return { first: Math.ceil(limit / 2), fresh: Math.floor(limit / 2) };
}

/**
 * The examples of one finding after more have come. The first ones stay for good, so that the onset can be seen; the
 * freshest give way to fresher ones.
 *
 * @param incoming sequence numbers, ascending, all above those kept
 */
export function nextSlots(kept: ExampleSlots, incoming: readonly number[], limit: number): ExampleSlots {
  const counts = slotCounts(limit);
  const room = Math.max(0, counts.first - kept.first.length);
  const first = [...kept.first, ...incoming.slice(0, room)];
  const fresh = [...kept.fresh, ...incoming.slice(room)];
  return { first, fresh: counts.fresh === 0 ? [] : fresh.slice(-counts.fresh) };
}
