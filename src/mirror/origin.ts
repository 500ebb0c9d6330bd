import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { NetConnectOpts } from 'node:net';
import { createSecureContext } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import type { Clock } from '../kit/clock.ts';
import { UserError, messageOf } from '../kit/errors.ts';
import type { MirrorSettings } from '../model/policy.ts';
import type { ClientTls } from '../model/settings.ts';
import { createLookup } from './lookup.ts';

/** Where and how a mirror's connections are made. */
export interface Origin {
  readonly target: NetConnectOpts;
  /** Undefined: without TLS. */
  readonly tls: ConnectionOptions | undefined;
  /** Whether HTTP/2 is spoken without being negotiated (RFC 9113 §3.3). */
  readonly priorKnowledge: boolean;
  /** Host of requests that came without one. */
  readonly host: string;
}

/**
 * Reads the certificates and makes the TLS context, once for all connections.
 *
 * @throws UserError when a file cannot be read or used
 */
export function createOrigin({ endpoint, tls }: MirrorSettings, clock: Clock): Origin {
  const { address } = endpoint;
  const serverHost = address.kind === 'tcp' ? address.host : 'localhost';
  return {
    // A name is resolved by `lookup`; an IP address needs none and never asks it.
    target:
      address.kind === 'tcp'
        ? { host: address.host, port: address.port, noDelay: true, lookup: createLookup(clock) }
        : { path: address.path },
    tls: tls === undefined ? undefined : tlsOptions(tls, serverHost, endpoint.url),
    priorKnowledge: endpoint.protocol === 'h2c',
    host: address.kind === 'tcp' ? hostField(address.host, address.port, tls !== undefined) : 'localhost',
  };
}

function tlsOptions(tls: ClientTls, host: string, url: string): ConnectionOptions {
  const name = tls.serverName ?? host;
  try {
    return {
      secureContext: createSecureContext({
        ...(tls.ca === undefined ? {} : { ca: readFileSync(tls.ca) }),
        ...(tls.cert === undefined ? {} : { cert: readFileSync(tls.cert) }),
        ...(tls.key === undefined ? {} : { key: readFileSync(tls.key) }),
      }),
      rejectUnauthorized: tls.verify,
      // SNI carries names only (RFC 6066 §3); the certificate is verified against `host` where there is none.
      ...(isIP(name) === 0 ? { servername: name } : { host: name }),
      ALPNProtocols: ['h2', 'http/1.1'],
    };
  } catch (error) {
    throw new UserError(`the TLS files of this mirror cannot be used: ${messageOf(error)}`, {
      code: 'config',
      where: url,
      hint: 'check tls.ca, tls.cert and tls.key',
      cause: error,
    });
  }
}

function hostField(host: string, port: number, tls: boolean): string {
  const name = isIP(host) === 6 ? `[${host}]` : host;
  return port === (tls ? 443 : 80) ? name : `${name}:${port}`;
}
