import { FROM_CLIENT, FROM_PRIMARY } from '../../src/model/tape.ts';
import type { Direction } from '../../src/model/tape.ts';

/** Numbers from a seed, evenly in [0, 1): mulberry32. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** 0…below - 1. */
  below(below: number): number {
    return Math.floor(this.next() * below);
  }

  chance(share: number): boolean {
    return this.next() < share;
  }

  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.below(items.length)] ?? items[0];
  }
}

/** What really was sent, an octet per character. */
export interface TrueExchange {
  readonly token: string;
  readonly method: string;
  readonly requestBody: string;
  readonly status: number;
  readonly responseBody: string;
  readonly trailers: readonly (readonly [string, string])[];
}

export type Step =
  | { readonly kind: 'data'; readonly direction: Direction; readonly bytes: string }
  | { readonly kind: 'end'; readonly direction: Direction }
  | { readonly kind: 'close'; readonly failed: Direction | undefined };

export interface TrafficOptions {
  /** Share of connections whose client pipelines. */
  readonly pipelining: number;
  /** Share of bodies that are so long that a few fill a small tape. */
  readonly large: number;
}

interface Message {
  readonly pieces: readonly string[];
}

/** Bytes that look like what they are not. */
const LURES = [
  'GET /lure HTTP/1.1\r\nhost: a\r\n\r\n',
  'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n',
  '0\r\n\r\n',
  '\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
] as const;
const PIECE_MAX = 65_536;

/** All that passes on one connection, in an order in which it could pass, and what it means. */
export function traffic(
  random: Random,
  name: string,
  options: TrafficOptions,
): { readonly steps: Step[]; readonly exchanges: TrueExchange[] } {
  const depth = random.chance(options.pipelining) ? 2 + random.below(4) : 1;
  const count = 1 + random.below(8);
  const exchanges: TrueExchange[] = [];
  const requests: Message[] = [];
  const responses: Message[] = [];
  const last = random.pick(['keeps', 'keeps', 'until-close', 'cut']);
  for (let i = 0; i < count; i++) {
    const made = exchange(random, `${name}-${i}`, options, i === count - 1 && last === 'until-close');
    exchanges.push(made.exchange);
    requests.push(made.request);
    responses.push(made.response);
  }
  const steps = ordered(random, requests, responses, depth);
  if (last === 'cut') return { steps: cut(random, steps), exchanges };
  if (last === 'until-close') {
    steps.push({ kind: 'end', direction: FROM_PRIMARY }, { kind: 'end', direction: FROM_CLIENT });
  } else if (random.chance(0.5)) {
    steps.push({ kind: 'end', direction: FROM_CLIENT }, { kind: 'end', direction: FROM_PRIMARY });
  }
  steps.push({ kind: 'close', failed: undefined });
  return { steps, exchanges };
}

/** Requests and answers, at most `depth` of them open at once, no answer before its request is whole. */
function ordered(
  random: Random,
  requests: readonly Message[],
  responses: readonly Message[],
  depth: number,
): Step[] {
  const steps: Step[] = [];
  let sent = 0;
  let answered = 0;
  while (answered < responses.length) {
    const maySend = sent < requests.length && sent - answered < depth;
    if (maySend && (sent === answered || random.chance(0.6))) {
      for (const bytes of requests[sent]?.pieces ?? [])
        steps.push({ kind: 'data', direction: FROM_CLIENT, bytes });
      sent++;
    } else {
      for (const bytes of responses[answered]?.pieces ?? [])
        steps.push({ kind: 'data', direction: FROM_PRIMARY, bytes });
      answered++;
    }
  }
  return depth === 1 ? steps : joined(random, steps);
}

/** Now and then makes one piece of two, so that messages end and begin within pieces. */
function joined(random: Random, steps: readonly Step[]): Step[] {
  const out: Step[] = [];
  for (const step of steps) {
    const before = out.at(-1);
    if (
      before?.kind === 'data' &&
      step.kind === 'data' &&
      before.direction === step.direction &&
      before.bytes.length + step.bytes.length <= PIECE_MAX &&
      random.chance(0.5)
    ) {
      out[out.length - 1] = { ...before, bytes: before.bytes + step.bytes };
    } else out.push(step);
  }
  return out;
}

function cut(random: Random, steps: readonly Step[]): Step[] {
  const kept = steps.slice(0, 1 + random.below(steps.length));
  const closing = random.pick(['client', 'primary', 'client-end', 'primary-end']);
  if (closing === 'client-end') kept.push({ kind: 'end', direction: FROM_CLIENT });
  if (closing === 'primary-end') kept.push({ kind: 'end', direction: FROM_PRIMARY });
  const failed = closing === 'client' ? FROM_CLIENT : closing === 'primary' ? FROM_PRIMARY : undefined;
  return [...kept, { kind: 'close', failed }];
}

function exchange(random: Random, token: string, options: TrafficOptions, untilClose: boolean) {
  const method = random.pick(['GET', 'GET', 'HEAD', 'POST', 'PUT']);
  const status = untilClose ? 200 : random.pick([200, 200, 200, 404, 204, 304]);
  const asks = method === 'POST' || method === 'PUT';
  const answers = method !== 'HEAD' && status !== 204 && status !== 304;
  const requestBody = asks ? body(random, token, options) : '';
  const responseBody = answers ? body(random, token, options) : '';
  const trailers: (readonly [string, string])[] = [];
  const head = `${method} /${token} HTTP/1.1\r\nhost: a\r\nx-token: ${token}\r\n`;
  let request;
  if (!asks) request = `${head}\r\n`;
  else if (random.chance(0.5)) request = `${head}content-length: ${requestBody.length}\r\n\r\n${requestBody}`;
  else {
    if (random.chance(0.3)) trailers.push(['x-sum', token]);
    request = `${head}transfer-encoding: chunked\r\n\r\n${chunked(random, requestBody, trailers)}`;
  }
  const answerHead = `HTTP/1.1 ${status} x\r\nx-token: ${token}\r\n`;
  let response;
  if (!answers)
    response = `${answerHead}${random.chance(0.5) && status !== 204 ? 'content-length: 7\r\n' : ''}\r\n`;
  else if (untilClose) response = `${answerHead}connection: close\r\n\r\n${responseBody}`;
  else if (random.chance(0.5))
    response = `${answerHead}content-length: ${responseBody.length}\r\n\r\n${responseBody}`;
  else response = `${answerHead}transfer-encoding: chunked\r\n\r\n${chunked(random, responseBody, [])}`;
  if (random.chance(0.1)) response = `HTTP/1.1 103 Early Hints\r\nlink: </${token}>\r\n\r\n${response}`;
  return {
    exchange: { token, method, requestBody, status, responseBody, trailers },
    request: { pieces: pieces(random, request) },
    response: { pieces: pieces(random, response) },
  };
}

function body(random: Random, token: string, { large }: TrafficOptions): string {
  const length = random.chance(large) ? random.below(120_000) : random.below(300);
  const lure = random.pick(LURES);
  return `${token}|${lure}`.repeat(Math.ceil(length / (token.length + 1 + lure.length))).slice(0, length);
}

function chunked(random: Random, text: string, trailers: TrueExchange['trailers']): string {
  let out = '';
  for (let at = 0; at < text.length;) {
    const size = Math.min(text.length - at, 1 + random.below(random.chance(0.5) ? 50 : 40_000));
    out += `${size.toString(16)}${random.chance(0.2) ? ';a=b' : ''}\r\n${text.slice(at, at + size)}\r\n`;
    at += size;
  }
  return `${out}0\r\n${trailers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}

/** Cuts a message at random, mostly into few pieces. */
function pieces(random: Random, text: string): string[] {
  const out: string[] = [];
  const fine = random.chance(0.15);
  for (let at = 0; at < text.length;) {
    const size = fine && at < 400 ? 1 + random.below(20) : 1 + random.below(PIECE_MAX);
    out.push(text.slice(at, at + size));
    at += size;
  }
  return out;
}
