/** `plain`: relayed only; `mirror`: and every request copied. */
export type Mode = 'plain' | 'mirror';

/** What the load generator does. */
export interface Workload {
  readonly name: string;
  readonly title: string;
  readonly path: string;
  readonly connections: number;
  /** Length of the request body; 0 sends GET. */
  readonly postBytes: number;
  /** Requests per second over all connections; 0: each connection asks as soon as it has its answer. */
  readonly rate: number;
  /** A new connection for every request (`Connection: close`). */
  readonly closing: boolean;
  readonly tls: boolean;
  /** HTTP/2 by prior knowledge, from client to mirror, with so many streams on each connection; 0: HTTP/1.1. */
  readonly streams: number;
}

export function schemeOf({ streams, tls }: Workload): 'http' | 'https' | 'h2c' {
  if (streams > 0) return 'h2c';
  return tls ? 'https' : 'http';
}

/** Both are what the mirroring policy of Understudy asks for; every contender gets the same requests. */
export const HEADERS = { 'x-env': 'prod', 'x-tier': 'web' } as const;

/** Bodies are 151 bytes, so that an answer of the primary is some 300 bytes in all. */
export const SMALL_BODY = JSON.stringify({ order: 'a1b2c3d4', items: 'x'.repeat(118) });
const LARGE_BYTES = 64 * 1024;

/** Not all the same byte, so that a relay that mixes up chunks is found out. */
export function largeBody(): Buffer {
  return Buffer.from(
    Array.from({ length: LARGE_BYTES }, (_, index) => 97 + ((index * 7 + (index >> 8)) % 26)),
  );
}

export const SMALL_GET: Workload = {
  name: 'small-get',
  title: 'small GET, keep-alive, 300-byte answers',
  path: '/small',
  connections: 32,
  postBytes: 0,
  rate: 0,
  closing: false,
  tls: false,
  streams: 0,
};

/** A load that every contender can carry, mirroring included, on the machines this was made on. */
export const PACED: Workload = {
  ...SMALL_GET,
  name: 'paced',
  title: 'small GET, keep-alive, 5,000 requests/s for everyone',
  rate: 5000,
};

export const WORKLOADS: readonly Workload[] = [
  SMALL_GET,
  PACED,
  {
    ...SMALL_GET,
    name: 'small-get-held',
    title: 'small GET, keep-alive, at most 40,000 requests/s',
    rate: 40_000,
  },
  { ...SMALL_GET, name: 'post-4k', title: '4 KiB POST, keep-alive', postBytes: 4096 },
  { ...SMALL_GET, name: 'answer-64k', title: '64 KiB answers, keep-alive', path: '/large' },
  { ...SMALL_GET, name: 'connection', title: 'a connection per request, small GET', closing: true },
  { ...SMALL_GET, name: 'tls', title: 'TLS terminated, small GET, keep-alive', tls: true },
  {
    ...SMALL_GET,
    name: 'http2',
    title: 'HTTP/2 by prior knowledge, small GET, 16 streams on each connection',
    connections: 8,
    streams: 16,
  },
  {
    ...SMALL_GET,
    name: 'http2-paced',
    title: 'HTTP/2 by prior knowledge, small GET, 10,000 requests/s for everyone',
    connections: 8,
    streams: 16,
    rate: 10_000,
  },
];

/** Ways a mirror falls ill while traffic flows. `letter` is the command of fault.c. */
export interface Fault {
  readonly name: string;
  readonly title: string;
  readonly act: { readonly letter: string } | { readonly signal: 'SIGKILL' | 'SIGSTOP' };
}

export const FAULTS: readonly Fault[] = [
  { name: 'healthy', title: 'answers at once', act: { letter: 'h' } },
  { name: 'hung', title: 'accepts, never answers', act: { letter: 'u' } },
  { name: 'dead', title: 'ended; nothing listens any more', act: { signal: 'SIGKILL' } },
  {
    name: 'frozen',
    title: 'stopped; the kernel accepts until its queue is full',
    act: { signal: 'SIGSTOP' },
  },
  { name: 'refusing', title: 'closes every connection at once', act: { letter: 'f' } },
  { name: 'resetting', title: 'reads a request, answers with RST', act: { letter: 'r' } },
  { name: 'trickling', title: 'one byte of the answer per second', act: { letter: 't' } },
  { name: 'endless', title: 'an answer without end', act: { letter: 'e' } },
];

/** Names of the scenarios that are not workloads. */
export const OTHER_SCENARIOS = ['faults', 'memory-connections', 'memory-bodies', 'idle'] as const;
export type OtherScenario = (typeof OTHER_SCENARIOS)[number];

export const SCENARIO_NAMES: readonly string[] = [
  ...WORKLOADS.map((workload) => workload.name),
  ...OTHER_SCENARIOS,
];
