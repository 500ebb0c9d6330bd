import { constants, createHash } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { SecureContext, SecureContextOptions, TlsOptions, TLSSocket } from 'node:tls';
import type { ListenerTls } from '../model/settings.ts';
import { principalIn } from './certificate-names.ts';

export type TerminatingTls = Extract<ListenerTls, { readonly mode: 'terminate' }>;

/** What a live worker needs to terminate TLS: plain data, made and checked by main, posted to each worker. */
export interface TlsBundle {
  /** In the order of the settings; the first one serves where no other fits. */
  readonly certificates: readonly CertificatePem[];
  /** PEM of the authorities that client certificates must come from. */
  readonly clientCa: string | undefined;
  /**
   * 48 bytes. Workers that have the same ones resume each other's sessions, which matters with SO_REUSEPORT, and so do
   * the contexts before and after a reload.
   */
  readonly ticketKeys: Uint8Array;
}

export interface CertificatePem {
  /** The certificate and the intermediate ones after it. */
  readonly cert: string;
  readonly key: string;
  /** Lower-case names that it is for; `*.example.org` stands for every name one label longer than example.org. */
  readonly names: readonly string[];
  /** `rsa`, `ec`, `ed25519` … */
  readonly keyType: string;
}

/**
 * Certificates with the same names and different kinds of keys. Of the first family OpenSSL takes the one that suits the
 * client; of the others Node gives it only one, the first.
 */
interface Family {
  readonly names: readonly string[];
  readonly members: CertificatePem[];
}

/**
 * Options for `tls.createServer` and `setSecureContext`: everything but the choice by server name, with the first
 * certificate.
 *
 * @throws Error when OpenSSL does not take a certificate or key
 */
export function tlsServerOptions(settings: TerminatingTls, bundle: TlsBundle): TlsOptions {
  const { clientCa } = bundle;
  return {
    ...contextOptions(settings, bundle, familiesOf(bundle)[0]?.members ?? []),
    ALPNProtocols: [...settings.alpn],
    requestCert: clientCa !== undefined,
    rejectUnauthorized: clientCa !== undefined && settings.clientCertificate === 'require',
  };
}

/** Chooses a certificate by the name that the client asks for (SNI, RFC 6066 §3). */
export class SniContexts {
  /** Undefined stands for the first certificate's context, which the server has itself. */
  readonly #byName = new Map<string, SecureContext | undefined>();

  /** @throws Error when OpenSSL does not take a certificate or key */
  constructor(settings: TerminatingTls, bundle: TlsBundle) {
    for (const [index, { names, members }] of familiesOf(bundle).entries()) {
      const own =
        index === 0 ? undefined : createSecureContext(contextOptions(settings, bundle, members.slice(0, 1)));
      // The first one wins where two have a name in common.
      for (const name of names) if (!this.#byName.has(name)) this.#byName.set(name, own);
    }
  }

  /** @returns undefined where the first certificate serves, also because no name fits */
  choose(serverName: string): SecureContext | undefined {
    const name = serverName.toLowerCase();
    if (this.#byName.has(name)) return this.#byName.get(name);
    const dot = name.indexOf('.');
    return dot > 0 ? this.#byName.get(`*${name.slice(dot)}`) : undefined;
  }
}

/** Who the client is by its certificate (SPIFFE id or DNS name); undefined where that was not asked for or not verified. */
export function principalOf(socket: TLSSocket): string | undefined {
  if (!socket.authorized) return undefined;
  const certificate = socket.getPeerX509Certificate();
  return certificate === undefined ? undefined : principalIn(certificate);
}

function contextOptions(
  settings: TerminatingTls,
  { clientCa, ticketKeys }: TlsBundle,
  members: readonly CertificatePem[],
): SecureContextOptions {
  return {
    cert: members.map(({ cert }) => cert),
    key: members.map(({ key }) => key),
    ...(clientCa === undefined ? {} : { ca: clientCa }),
    minVersion: settings.minVersion,
    honorCipherOrder: true,
    // Work that a client could ask for over and over; TLS 1.3 has no renegotiation at all.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    sessionIdContext: sessionIdContext(settings, clientCa),
    ticketKeys: Buffer.from(ticketKeys),
  };
}

/**
 * A session is resumed only under the same demands on client certificates that it was made under: otherwise a client
 * that was verified by an authority of another listener, or of the time before a reload, would come in unasked.
 */
function sessionIdContext(settings: TerminatingTls, clientCa: string | undefined): string {
  const demand = clientCa === undefined ? 'none' : `${settings.clientCertificate} ${clientCa}`;
  return createHash('sha256').update(demand).digest('hex').slice(0, 32);
}

function familiesOf({ certificates }: TlsBundle): readonly Family[] {
  const families: Family[] = [];
  for (const certificate of certificates) {
    const names = certificate.names.toSorted();
    const family = families.find((one) => names.length > 0 && one.names.join() === names.join());
    // A second one with the same kind of key could never be chosen; it must not replace the first.
    if (family === undefined) families.push({ names, members: [certificate] });
    else if (family.members.every(({ keyType }) => keyType !== certificate.keyType))
      family.members.push(certificate);
  }
  return families;
}
