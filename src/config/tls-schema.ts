import { z } from 'zod';
import { UserError } from '../kit/errors.ts';
import type { CertificateFiles, ClientTls } from '../model/settings.ts';
import { isHost } from './address.ts';
import type { Surroundings } from './surroundings.ts';
import { checkCertificates, checkPrivateKey, isPair } from './surroundings.ts';
import { attempt, choice, flag, list, section, text } from './value.ts';

/** TLS of connections that Understudy makes. */
export function clientTlsSchema(surroundings: Surroundings): z.ZodType<ClientTls> {
  return section({
    ca: certificateFile(surroundings, {
      description:
        "PEM file with the authorities that the server's certificate must come from, instead of the system's.",
      examples: ['ca.crt'],
    }).optional(),
    cert: certificateFile(surroundings, {
      description: 'PEM file with the certificate to show to the server. Needs `key`.',
      examples: ['client.crt'],
    }).optional(),
    key: keyFile(surroundings, {
      description: 'PEM file with the private key of `cert`.',
      examples: ['client.key'],
    }).optional(),
    serverName: text(
      'host name',
      {
        description: 'The name that is asked for (SNI) and that the certificate must have.',
        examples: ['orders.internal'],
        otherwise: 'host of the URL',
      },
      (name) => {
        if (isHost(name)) return name;
        throw new UserError(`"${name}" is not a host name`, { hint: 'write the name in the certificate' });
      },
    ).optional(),
    verify: flag({
      description:
        "Whether the server's certificate is verified. Only `false` turns it off, and `check` warns of it.",
    }).prefault(true),
  })
    .transform(({ ca, cert, key, serverName, verify }, context): ClientTls => {
      if ((cert === undefined) !== (key === undefined)) {
        const [given, missing] = cert === undefined ? ['key', 'cert'] : ['cert', 'key'];
        context.issues.push({
          code: 'custom',
          input: given,
          message: `${given} needs ${missing}\ngive both`,
          path: [],
        });
      }
      checkPair(surroundings, cert, key, context);
      return { ca, cert, key, serverName, verify };
    })
    .meta({ id: 'ClientTls', description: 'How a server is reached over TLS; for `https://` URLs.' });
}

/** `terminate` without what only the listener knows: the protocols that its primary speaks. */
export interface TerminateTls {
  readonly certificates: readonly CertificateFiles[];
  readonly clientCa: string | undefined;
  readonly clientCertificate: 'require' | 'request';
  readonly alpn: readonly string[] | undefined;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
}

/** TLS of connections that a listener takes. */
export function listenerTlsSchema(surroundings: Surroundings): z.ZodType<TerminateTls | 'passthrough'> {
  const passthrough = z
    .literal('passthrough', {
      error: ({ input }) =>
        `${JSON.stringify(input)} is not known here\nwrite passthrough, or a section with cert and key`,
    })
    .meta({
      description: "The client's TLS goes to the primary untouched. Nothing can be seen or copied of it.",
    });
  return z.union([passthrough, terminateSchema(surroundings)], {
    error: () => 'passthrough or a section is wanted\nwrite passthrough, or a section with cert and key',
  });
}

function terminateSchema(surroundings: Surroundings): z.ZodType<TerminateTls> {
  const cert = certificateFile(surroundings, {
    description:
      'PEM file with the certificate, and the intermediate ones after it. Read again when it changes.',
    examples: ['tls.crt'],
  });
  const key = keyFile(surroundings, {
    description: 'PEM file with its private key, without a password.',
    examples: ['tls.key'],
  });
  const pair = section({ cert, key }).transform((files, context): CertificateFiles => {
    checkPair(surroundings, files.cert, files.key, context);
    return files;
  });
  return section({
    cert: cert.optional(),
    key: key.optional(),
    certificates: list(
      pair,
      {
        description:
          'Several certificates instead of one: chosen by the name that the client asks for (SNI), the first one where none fits.',
        examples: [
          [
            { cert: 'a.crt', key: 'a.key' },
            { cert: 'b.crt', key: 'b.key' },
          ],
        ],
      },
      { min: 1, max: 256 },
    ).optional(),
    clientCa: certificateFile(surroundings, {
      description:
        'PEM file with the authorities that client certificates must come from. Without it none is asked for.',
      examples: ['clients-ca.crt'],
    }).optional(),
    clientCertificate: choice(
      {
        description:
          'What a client without a certificate gets: `require` refuses it, `request` lets it in without a principal. Needs `clientCa`.',
        otherwise: '`require`',
      },
      ['require', 'request'],
    ).optional(),
    alpn: list(
      choice({ description: 'A protocol.' }, ['h2', 'http/1.1']),
      {
        description:
          'Protocols offered to clients (ALPN), best first. Bytes are relayed as they are, so the primary has to speak each of them: an `http://` one only `http/1.1`, an `h2c://` one only `h2`; an `https://` one is asked for the same (ALPN), and a client whose protocol it refuses is closed, counted as `protocol`.',
        otherwise: '`[http/1.1]`; `[h2]` with an `h2c://` primary',
        examples: [['h2', 'http/1.1']],
      },
      { min: 0, max: 2 },
    ).optional(),
    minVersion: choice({ description: 'The oldest version of TLS that is spoken.' }, [
      'TLSv1.2',
      'TLSv1.3',
    ]).prefault('TLSv1.2'),
  }).transform((tls, context): TerminateTls => {
    const { clientCa, alpn, minVersion } = tls;
    if (tls.certificates !== undefined && (tls.cert ?? tls.key) !== undefined) {
      context.issues.push({
        code: 'custom',
        input: tls,
        message: 'cert and key, or certificates, not both\nput the pair into certificates',
        path: ['certificates'],
      });
    } else if (tls.certificates === undefined && (tls.cert === undefined || tls.key === undefined)) {
      const missing =
        tls.cert === undefined ? (tls.key === undefined ? 'cert and key are' : 'cert is') : 'key is';
      context.issues.push({
        code: 'custom',
        input: tls,
        message: `${missing} missing\nterminating TLS needs a certificate and its key`,
        path: [],
      });
    }
    if (tls.clientCertificate !== undefined && clientCa === undefined) {
      context.issues.push({
        code: 'custom',
        input: tls,
        message: 'clientCertificate needs clientCa\nsay which authority client certificates come from',
        path: ['clientCertificate'],
      });
    }
    checkPair(surroundings, tls.cert, tls.key, context);
    const single = tls.cert === undefined || tls.key === undefined ? [] : [{ cert: tls.cert, key: tls.key }];
    return {
      certificates: tls.certificates ?? single,
      clientCa,
      clientCertificate: tls.clientCertificate ?? 'require',
      alpn,
      minVersion,
    };
  });
}

function certificateFile(
  surroundings: Surroundings,
  note: { description: string; examples: string[] },
): z.ZodType<string, string> {
  return text('file', note, (path) => {
    const absolute = surroundings.absolute(path);
    checkCertificates(surroundings.readText(path), absolute);
    return absolute;
  });
}

function keyFile(
  surroundings: Surroundings,
  note: { description: string; examples: string[] },
): z.ZodType<string, string> {
  return text('file', note, (path) => {
    const absolute = surroundings.absolute(path);
    checkPrivateKey(surroundings.readText(path), absolute);
    return absolute;
  });
}

function checkPair(
  surroundings: Surroundings,
  cert: string | undefined,
  key: string | undefined,
  context: z.core.$RefinementCtx,
): void {
  if (cert === undefined || key === undefined) return;
  attempt(
    key,
    context,
    () => {
      if (isPair(surroundings.readText(cert), surroundings.readText(key))) return;
      throw new UserError(`${key} is not the key of ${cert}`, {
        hint: 'the first certificate in the file has to be its own',
      });
    },
    ['key'],
  );
}
