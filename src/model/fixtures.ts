import { DEFAULT_COMPARE } from './compare-settings.ts';
import type { Connection } from './exchange.ts';
import type { Match, Policy } from './policy.ts';

/** A policy for tests: copies everything to nowhere. */
export function testPolicy(part: Partial<Policy> = {}): Policy {
  return {
    name: 'test',
    taps: [],
    matches: [],
    exclude: [],
    fraction: { numerator: 100, denominator: 100 },
    sampleBy: { kind: 'random' },
    mirrors: [],
    control: undefined,
    order: 'none',
    writes: 'hold',
    upgrade: 'ignore',
    rewrite: {
      host: 'preserve',
      path: undefined,
      headers: { set: {}, add: {}, remove: [] },
      redact: { headers: [], queryParams: [], jsonFields: [] },
    },
    limits: {
      concurrency: 64,
      queue: 256,
      bodyBytes: 2 ** 20,
      bufferBytes: 2 ** 26,
      timeoutMs: 5000,
      streamTimeoutMs: 60_000,
      messages: 10_000,
      requestsPerSecond: undefined,
      bytesPerSecond: undefined,
      breaker: { failures: 10, openMs: 1000, openMaxMs: 30_000 },
    },
    stopWhen: { mirrorErrors: undefined, primaryLatencyRise: undefined, windowMs: 10_000, minimum: 50 },
    compare: DEFAULT_COMPARE,
    ...part,
  };
}

/** A match for tests: without parts, it holds for everything. */
export function testMatch(part: Partial<Match> = {}): Match {
  return {
    path: undefined,
    method: undefined,
    headers: [],
    queryParams: [],
    grpc: undefined,
    source: undefined,
    destination: undefined,
    ...part,
  };
}

export function testConnection(part: Partial<Connection> = {}): Connection {
  return {
    tap: 'test',
    id: 1,
    source: { ip: '192.0.2.1', port: 50_000 },
    destination: { ip: '192.0.2.2', port: 8080 },
    principal: undefined,
    tls: false,
    ...part,
  };
}
