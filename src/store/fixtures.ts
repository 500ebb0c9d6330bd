import type { Difference } from '../model/difference.ts';
import type { MinuteCounts, RecordedExchange, RecordedOther, SavedVerdict } from '../model/recording.ts';
import { DEFAULT_STORE } from '../model/settings.ts';
import type { StoreSettings } from '../model/settings.ts';
import type { Verdict } from '../model/verdict.ts';

/** What tests store. */
export function testSettings(settings: Partial<StoreSettings> = {}): StoreSettings {
  return { ...DEFAULT_STORE, ...settings };
}

export function testDifference(difference: Partial<Difference> = {}): Difference {
  return {
    kind: 'value',
    path: 'body.total',
    risk: 'medium',
    primary: '1',
    other: '2',
    ...difference,
  };
}

export function testOther(other: Partial<RecordedOther> = {}, body = 'ok'): RecordedOther {
  return {
    name: 'v2',
    role: 'mirror',
    answer: testAnswer(body),
    failure: undefined,
    differences: [],
    ...other,
  };
}

export function testAnswer(body: string | Uint8Array = 'ok', status = 200): RecordedExchange['primary'] {
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  return {
    status,
    headers: [['content-type', 'text/plain']],
    body: bytes,
    bodyBytes: bytes.length,
    firstByteMicros: 900,
    totalMicros: 1000,
  };
}

/** An exchange with one mirror that answered the same. */
export function testExchange(id: string, exchange: Partial<RecordedExchange> = {}): RecordedExchange {
  return {
    id,
    tap: 'shop',
    policy: 'orders',
    route: 'GET /orders/{id}',
    at: 1_800_000_000_000,
    source: '10.0.0.1',
    request: {
      method: 'GET',
      target: `/orders/${id}`,
      authority: 'shop.example',
      headers: [['accept', '*/*']],
      bodyBytes: 0,
    },
    primary: testAnswer(),
    others: [testOther()],
    ...exchange,
  };
}

/** An exchange whose mirror differs at these paths. */
export function differing(
  id: string,
  paths: readonly string[],
  exchange: Partial<RecordedExchange> = {},
): RecordedExchange {
  const differences = paths.map((path) => testDifference({ path }));
  return testExchange(id, { others: [testOther({ differences })], ...exchange });
}

export function testMinute(minute: Partial<MinuteCounts> = {}): MinuteCounts {
  return {
    at: 1_800_000_000_000,
    policy: 'orders',
    mirror: 'v2',
    pairs: 10,
    same: 8,
    different: 1,
    failures: 1,
    ...minute,
  };
}

export function testVerdict(state: string, verdict: Partial<Verdict> = {}): SavedVerdict {
  return {
    policy: 'orders',
    mirror: 'v2',
    state,
    verdict: { version: 1, policy: 'orders', state: 'undecided', since: 1, at: 2, mirrors: [], ...verdict },
  };
}
