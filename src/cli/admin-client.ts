import { once } from 'node:events';
import { request as requestHttp } from 'node:http';
import type { IncomingMessage, RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import { UserError, messageOf } from '../kit/errors.ts';
import type { ExchangeFilter, ExchangeSummary, Page, RecordedExchange } from '../model/recording.ts';
import type { AdminEvent, PolicyStatus, Summary } from '../model/status.ts';
import type { Verdict } from '../model/verdict.ts';
import { VERDICT_VERSION } from '../model/verdict.ts';
import { printable, shortened } from '../report/printable.ts';
import { exchangeFromJson } from '../model/recorded-json.ts';
import type { ExchangeJson } from '../model/recorded-json.ts';
import { readEvents } from './event-reader.ts';

export interface AdminAccess {
  /** `http://host:port`, `https://…`, `host:port` or `unix:/path`. */
  readonly url: string;
  readonly token: string | undefined;
  /** An answer has to be there, whole, within this time. Default 10 s. */
  readonly timeoutMs?: number;
  /** Longest answer. Default 64 MiB. */
  readonly answerBytes?: number;
}

const DEFAULT_LIMITS = { timeoutMs: 10_000, answerBytes: 64 * 1024 * 1024 };
/** Silence on the stream of events, which brings a summary each second. */
const EVENTS_IDLE_MS = 15_000;
const TROUBLE_CHARS = 300;

/** What a running instance can be asked over its admin API. Every call rejects with `UserError`. */
export interface AdminClient {
  readonly url: string;
  summary(): Promise<Summary>;
  policies(): Promise<readonly PolicyStatus[]>;
  /** Undefined when nothing has been compared yet, or there is no such policy. */
  verdict(policy: string): Promise<Verdict | undefined>;
  exchanges(filter: ExchangeFilter): Promise<Page<ExchangeSummary>>;
  exchange(id: string): Promise<readonly RecordedExchange[]>;
  /** What happens from now on, until `signal` aborts; rejects when the connection is lost. */
  events(signal: AbortSignal): AsyncIterable<AdminEvent>;
}

/** @throws UserError when the URL is none, or the token cannot be sent */
export function adminClient(access: AdminAccess): AdminClient {
  const target = parseTarget(access.url);
  const limits = { ...DEFAULT_LIMITS, ...access };
  const headers = { accept: 'application/json', ...authorization(access.token) };

  /** @param absent what a 404 stands for; an error where it is not given */
  async function get(path: string, absent?: null): Promise<unknown> {
    const late = AbortSignal.timeout(limits.timeoutMs);
    try {
      const response = await ask(target, path, headers, late);
      const text = await readText(response, limits.answerBytes);
      if (response.statusCode === 404 && absent === null) return absent;
      if (response.statusCode !== 200) throw refusal(access.url, response.statusCode ?? 0, text);
      return parseJson(text, access.url);
    } catch (error) {
      throw late.aborted ? tooLate(access.url, limits.timeoutMs) : unreachable(access.url, error);
    }
  }

  return {
    url: access.url,
    summary: async () => (await get('/api/v1/summary')) as Summary,
    policies: async () => listOf<PolicyStatus>(await get('/api/v1/policies'), access.url),
    async verdict(policy) {
      const found = await get(`/api/v1/policies/${encodeURIComponent(policy)}/verdict`, null);
      return found === null ? undefined : checkedVerdict(found, access.url);
    },
    async exchanges(filter) {
      const page = (await get(`/api/v1/exchanges?${query(filter)}`)) as Page<ExchangeSummary>;
      return { items: listOf(page.items, access.url), next: page.next ?? undefined };
    },
    async exchange(id) {
      const found = await get(`/api/v1/exchanges/${encodeURIComponent(id)}`);
      return listOf<ExchangeJson>(found, access.url).map(exchangeFromJson);
    },
    async *events(signal) {
      const late = AbortSignal.timeout(limits.timeoutMs);
      try {
        const sent = { ...headers, accept: 'text/event-stream' };
        const response = await ask(target, '/api/v1/events', sent, signal, late);
        if (response.statusCode !== 200) {
          const text = await readText(response, limits.answerBytes);
          throw refusal(access.url, response.statusCode ?? 0, text);
        }
        response.setTimeout(EVENTS_IDLE_MS, () => response.destroy(new Error('no event for too long')));
        yield* readEvents(response);
        if (!signal.aborted) throw new Error('the instance closed the connection');
      } catch (error) {
        if (signal.aborted) return;
        throw late.aborted ? tooLate(access.url, limits.timeoutMs) : unreachable(access.url, error);
      }
    },
  };
}

interface Target {
  readonly options: RequestOptions;
  readonly secure: boolean;
}

function parseTarget(url: string): Target {
  const [, socketPath] = /^unix:(?:\/\/)?(.+)$/.exec(url) ?? [];
  if (socketPath !== undefined) return { options: { socketPath }, secure: false };
  const written = /^[a-z]+:\/\//i.test(url) ? url : `http://${url}`;
  const parsed = URL.parse(written);
  const plain =
    parsed?.pathname === '/' && parsed.hostname !== 'unix' && parsed.search === '' && parsed.username === '';
  if (parsed === null || !plain || (parsed.protocol !== 'http:' && parsed.protocol !== 'https:')) {
    throw new UserError(`"${url}" is no address of an admin API`, {
      where: '--admin',
      hint: 'write it like http://127.0.0.1:9900 or unix:/run/understudy.sock',
    });
  }
  const hostname = parsed.hostname.replace(/^\[(.*)\]$/, '$1');
  const secure = parsed.protocol === 'https:';
  return { options: { hostname, port: parsed.port === '' ? (secure ? 443 : 80) : parsed.port }, secure };
}

function authorization(token: string | undefined): Readonly<Record<string, string>> {
  if (token === undefined) return {};
  // Anything else would end the header or be changed on the way.
  if (!/^[\x21-\x7E]+$/.test(token)) {
    throw new UserError('the admin token has characters that a header cannot hold', {
      where: '--token-file',
    });
  }
  return { authorization: `Bearer ${token}` };
}

/** Sends a request, and stops it when one of the signals comes; `whileConnecting` counts until the head is there. */
async function ask(
  { options, secure }: Target,
  path: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
  whileConnecting?: AbortSignal,
): Promise<IncomingMessage> {
  const send = secure ? requestHttps : requestHttp;
  const sent = send({ ...options, path, headers, agent: false, signal, maxHeaderSize: 32 * 1024 });
  const stop = (): void => void sent.destroy();
  whileConnecting?.addEventListener('abort', stop, { once: true });
  try {
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    // What breaks later is told to whoever reads the answer.
    sent.on('error', () => {});
    return response;
  } finally {
    whileConnecting?.removeEventListener('abort', stop);
  }
}

async function readText(response: IncomingMessage, most: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > most) throw new Error(`its answer is longer than ${most} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string, url: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw stranger(url, error);
  }
}

function listOf<Item>(value: unknown, url: string): readonly Item[] {
  if (!Array.isArray(value)) throw stranger(url);
  return value as readonly Item[];
}

function checkedVerdict(value: unknown, url: string): Verdict {
  const verdict = value as Partial<Verdict>;
  if (!Array.isArray(verdict.mirrors)) throw stranger(url);
  if (verdict.version !== VERDICT_VERSION) {
    throw new UserError(`the instance gives verdicts of version ${String(verdict.version)}`, {
      where: url,
      hint: `this program reads version ${VERDICT_VERSION}: use the one that the instance runs`,
    });
  }
  return verdict as Verdict;
}

function query(filter: ExchangeFilter): string {
  const pairs = Object.entries(filter).map(([name, value]) => [name, String(value)]);
  return new URLSearchParams(pairs).toString();
}

function stranger(url: string, cause?: unknown): UserError {
  return new UserError('what answers there is no admin API of Understudy', { where: url, cause });
}

/** The API says what is wrong in a problem document (RFC 9457). */
function refusal(url: string, status: number, text: string): UserError {
  let detail: unknown;
  try {
    detail = (JSON.parse(text) as { readonly detail?: unknown } | null)?.detail;
  } catch {
    // Whatever answered there is not the admin API; its status has to do.
  }
  const said = typeof detail === 'string' ? `: ${printable(shortened(detail, TROUBLE_CHARS))}` : '';
  const hint =
    status === 401 ? { hint: 'give the token with --token-file FILE or UNDERSTUDY_ADMIN_TOKEN' } : {};
  return new UserError(`the admin API answered ${status}${said}`, {
    code: 'unavailable',
    where: url,
    ...hint,
  });
}

function tooLate(url: string, ms: number): UserError {
  return new UserError(`the admin API did not answer within ${ms} ms`, { code: 'unavailable', where: url });
}

function unreachable(url: string, error: unknown): UserError {
  if (error instanceof UserError) return error;
  return new UserError(`the admin API cannot be asked: ${messageOf(error)}`, {
    code: 'unavailable',
    where: url,
    hint: 'is the instance running, and is this its admin address? its log says where it listens',
    cause: error,
  });
}
