import { createSecureContext } from 'node:tls';
import { ReflectionError } from '../compare/protobuf/reflection.ts';
import type * as ProtobufDescriptors from '../config/protobuf-descriptors.ts';
import { backoffMs } from '../kit/backoff.ts';
import type { Clock } from '../kit/clock.ts';
import { systemClock } from '../kit/clock.ts';
import { messageOf } from '../kit/errors.ts';
import { lateModule } from '../kit/late-module.ts';
import type { Logger } from '../kit/log.ts';
import { loadClientPem } from '../live/tls-client.ts';
import { createOrigin } from '../mirror/origin.ts';
import type { Origin } from '../mirror/origin.ts';
import { describedBy } from '../model/compare-settings.ts';
import type { Descriptors, ReflectionSettings } from '../model/compare-settings.ts';
import type { Policy } from '../model/policy.ts';
import type { ClientTls, Endpoint, ListenerSettings, PrimarySettings } from '../model/settings.ts';
import type { ReflectionStatus } from '../model/status.ts';
import { askForDescriptors } from './reflection-call.ts';

const protobuf = lateModule<typeof ProtobufDescriptors>(import.meta.url, '../config/protobuf-descriptors');

export interface ReflectionOptions {
  readonly log: Logger;
  /** Policies are described otherwise than before. */
  readonly onChange: () => void;
  readonly clock?: Clock;
  readonly ask?: typeof askForDescriptors;
}

/** Pauses after answers that were of no use. */
const RETRY = { baseMs: 1000, maxMs: 300_000 };

/** Who is asked, and how. */
interface Asked {
  readonly endpoints: readonly Endpoint[];
  readonly tls: ClientTls | undefined;
  readonly sendProxyProtocol: PrimarySettings['sendProxyProtocol'];
  readonly settings: ReflectionSettings;
}

/** A server that is asked, for all policies that want to know the same. */
interface Source {
  readonly asked: Asked;
  descriptors: Descriptors | undefined;
  files: number;
  failures: number;
  failuresInRow: number;
  error: string | undefined;
  stop: () => void;
}

/**
 * Asks servers for descriptors, and puts them into the policies that want them. Nothing waits for an answer; the last good
 * one holds until there is another. What a server answers once is asked for again after `refreshMs`.
 */
export class Reflection implements Disposable {
  readonly #log: Logger;
  readonly #onChange: () => void;
  readonly #clock: Clock;
  readonly #ask: typeof askForDescriptors;
  readonly #sources = new Map<string, Source>();
  /** Keys of sources by policy. */
  #wanted: ReadonlyMap<string, string> = new Map();
  #closed = false;

  constructor({ log, onChange, clock = systemClock, ask = askForDescriptors }: ReflectionOptions) {
    this.#log = log;
    this.#onChange = onChange;
    this.#clock = clock;
    this.#ask = ask;
  }

  /** These policies are in force now: asks for what is new, and forgets what nobody wants. */
  follow(policies: readonly Policy[], listeners: readonly ListenerSettings[]): void {
    const wanted = new Map<string, string>();
    for (const policy of policies) {
      const asked = askedFor(policy, listeners);
      if (asked === undefined) continue;
      const key = JSON.stringify(asked);
      wanted.set(policy.name, key);
      // What another server has told, or the same one under other settings, holds until this one answers.
      if (!this.#sources.has(key)) this.#begin(key, asked, this.#source(policy.name));
    }
    this.#wanted = wanted;
    const stay = new Set(wanted.values());
    for (const [key, source] of this.#sources) {
      if (stay.has(key)) continue;
      source.stop();
      this.#sources.delete(key);
    }
  }

  /** The same policies, with the descriptors that they asked for and that are known. */
  described(policies: readonly Policy[]): readonly Policy[] {
    return policies.map((policy) => {
      const descriptors = this.#source(policy.name)?.descriptors;
      return descriptors === undefined || policy.compare.protobuf.reflection === undefined
        ? policy
        : { ...policy, compare: describedBy(policy.compare, descriptors) };
    });
  }

  /** Undefined for policies that ask nobody. */
  status(policy: string): ReflectionStatus | undefined {
    const source = this.#source(policy);
    if (source === undefined) return undefined;
    const { descriptors, files, failures, error } = source;
    return { state: descriptors === undefined ? 'waiting' : 'answered', files, failures, error };
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    for (const source of this.#sources.values()) source.stop();
  }

  #source(policy: string): Source | undefined {
    const key = this.#wanted.get(policy);
    return key === undefined ? undefined : this.#sources.get(key);
  }

  #begin(key: string, asked: Asked, before: Source | undefined): void {
    const source: Source = {
      asked,
      descriptors: before?.descriptors,
      files: before?.files ?? 0,
      failures: 0,
      failuresInRow: 0,
      error: undefined,
      stop: () => {},
    };
    this.#sources.set(key, source);
    void this.#turn(source);
  }

  /** Asks once, and sees to it that it is asked again. */
  async #turn(source: Source): Promise<void> {
    const abort = new AbortController();
    source.stop = () => abort.abort();
    const { endpoints, sendProxyProtocol, settings } = source.asked;
    const endpoint = endpoints[source.failuresInRow % endpoints.length];
    if (endpoint === undefined) return;
    const where = { server: endpoint.url };
    try {
      const origin = await this.#originOf(source.asked, endpoint);
      const { files, services, missing } = await this.#ask(
        { origin, sendProxyProtocol },
        settings,
        settings.timeoutMs,
        abort.signal,
      );
      if (abort.signal.aborted) return;
      if (files.size === 0) throw new ReflectionError('refused', 'it has no services');
      this.#answered(source, files, {
        ...where,
        services: services.length,
        files: files.size,
        missing: missing.length,
      });
    } catch (error) {
      if (abort.signal.aborted) return;
      this.#failed(source, error, where);
    }
    if (this.#closed) return;
    const { failuresInRow } = source;
    const pauseMs = failuresInRow === 0 ? settings.refreshMs : backoffMs(failuresInRow - 1, RETRY);
    source.stop = this.#clock.after(pauseMs, () => void this.#turn(source));
  }

  async #originOf({ settings, tls }: Asked, endpoint: Endpoint): Promise<Origin> {
    const origin = createOrigin({ name: 'reflection', endpoint, tls }, this.#clock);
    if (tls === undefined || settings.from !== 'primary') return origin;
    // The live path trusts whom the system trusts, and so does this.
    const { ca, cert, key } = (await loadClientPem(tls)).pem;
    const secureContext = createSecureContext({
      ...(ca === undefined ? {} : { ca: [...ca] }),
      ...(cert === undefined ? {} : { cert, key }),
    });
    return { ...origin, tls: { ...origin.tls, secureContext } };
  }

  #answered(
    source: Source,
    files: ReadonlyMap<string, Uint8Array>,
    where: Readonly<Record<string, string | number>>,
  ): void {
    const { descriptors, leftOut } = protobuf().joinServedFiles(files.values());
    if (source.failuresInRow > 0 && source.descriptors !== undefined) {
      this.#log.info('a server answers again for its descriptors', where);
    }
    source.failuresInRow = 0;
    source.error = undefined;
    const before = source.descriptors;
    if (before !== undefined && Buffer.compare(before.bytes, descriptors.bytes) === 0) return;
    source.descriptors = descriptors;
    source.files = files.size - leftOut.length;
    if (leftOut.length > 0) {
      this.#log.warn('files are not used, because a server does not have what they import', {
        ...where,
        leftOut: leftOut.slice(0, 10).join(', '),
      });
    }
    this.#log.info(
      before === undefined
        ? 'a server has told its descriptors: messages are compared by them from now on'
        : 'the descriptors of a server are others than before: the verdict begins anew',
      where,
    );
    this.#onChange();
  }

  #failed(source: Source, error: unknown, where: Readonly<Record<string, string>>): void {
    source.failures++;
    source.failuresInRow++;
    const reason = error instanceof ReflectionError ? error.code : 'unusable';
    const text = messageOf(error);
    // The same again and again says nothing new.
    if (source.error !== text) {
      this.#log.warn(
        source.descriptors === undefined
          ? 'a server does not tell its descriptors: messages are compared by field numbers until it does'
          : 'a server does not tell its descriptors any more: those of before hold',
        { ...where, reason, error: text },
      );
    }
    source.error = text;
  }
}

function askedFor({ taps, compare }: Policy, listeners: readonly ListenerSettings[]): Asked | undefined {
  const settings = compare.protobuf.reflection;
  if (settings === undefined) return undefined;
  if (settings.from !== 'primary') {
    const { endpoint, tls } = settings.from;
    return { endpoints: [endpoint], tls, sendProxyProtocol: 'off', settings };
  }
  const own = listeners.find(({ name }) => taps.length === 0 || taps.includes(name));
  if (own === undefined || own.tls.mode === 'passthrough') return undefined;
  const { endpoints, tls, sendProxyProtocol } = own.primary;
  return { endpoints, tls, sendProxyProtocol, settings };
}
