import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { open } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { messageOf, UserError } from '../kit/errors.ts';
import type { CertificateFiles } from '../model/settings.ts';
import { serverNamesOf } from './certificate-names.ts';
import type { CertificatePem, TerminatingTls, TlsBundle } from './tls-server.ts';

/** More than any chain or bundle of authorities needs. */
const FILE_BYTES_MAX = 4 * 1024 * 1024;
const TICKET_KEY_BYTES = 48;

export interface LoadedCertificates {
  readonly bundle: TlsBundle;
  /** What works, but hardly as meant: an expired certificate, one without names. Each names its file. */
  readonly warnings: readonly string[];
}

/** Keys for session tickets, to be kept as long as the program runs. */
export function createTicketKeys(): Uint8Array {
  return randomBytes(TICKET_KEY_BYTES);
}

/**
 * Reads and checks the PEM files of a listener: each key must belong to its certificate, and OpenSSL must take them.
 *
 * @param now milliseconds since the Unix epoch, to tell what has expired
 * @throws UserError that names the file
 */
export async function loadCertificates(
  tls: TerminatingTls,
  ticketKeys: Uint8Array,
  now: number = Date.now(),
): Promise<LoadedCertificates> {
  const warnings: string[] = [];
  const certificates: CertificatePem[] = [];
  for (const files of tls.certificates) {
    const pair = await loadPair(files, now, warnings);
    if (pair.names.length === 0) warnings.push(`${files.cert} holds a certificate without DNS names`);
    certificates.push(pair);
  }
  const clientCa =
    tls.clientCa === undefined ? undefined : await loadAuthorities(tls.clientCa, now, warnings);
  return { bundle: { certificates, clientCa, ticketKeys }, warnings };
}

/** @throws UserError when the file cannot be read or is not PEM text */
async function readPem(file: string): Promise<string> {
  let text: string;
  try {
    await using handle = await open(file);
    const { size } = await handle.stat();
    if (size > FILE_BYTES_MAX) throw new Error(`${size} bytes are too many`);
    text = await handle.readFile('utf8');
  } catch (error) {
    throw refusal(file, `cannot be read: ${messageOf(error)}`, 'check the path and its permissions', error);
  }
  if (!text.includes('-----BEGIN ')) {
    throw refusal(
      file,
      'is not a PEM file',
      'convert it, for example with: openssl x509 -inform der -in FILE',
    );
  }
  return text;
}

/**
 * Reads a file of one or more certificates.
 *
 * @throws UserError when one of them is not a certificate
 */
export async function loadAuthorities(file: string, now: number, warnings: string[]): Promise<string> {
  const pem = await readPem(file);
  for (const certificate of parseCertificates(file, pem)) warnings.push(...datesOf(file, certificate, now));
  return pem;
}

/**
 * Reads a certificate and its key.
 *
 * @throws UserError when they do not belong together or OpenSSL does not take them
 */
export async function loadPair(
  files: CertificateFiles,
  now: number,
  warnings: string[],
): Promise<CertificatePem> {
  const [cert, keyPem] = await Promise.all([readPem(files.cert), readPem(files.key)]);
  const [leaf, ...intermediates] = parseCertificates(files.cert, cert);
  const key = parseKey(files.key, keyPem);
  if (leaf?.checkPrivateKey(key) !== true) {
    const hint = 'the first certificate of the file must be the one that the key was made for';
    throw refusal(files.cert, `does not belong to the key in ${files.key}`, hint);
  }
  try {
    createSecureContext({ cert, key: keyPem });
  } catch (error) {
    throw refusal(
      files.cert,
      `is not usable: ${messageOf(error)}`,
      'try: openssl x509 -text -in FILE',
      error,
    );
  }
  const names = serverNamesOf(leaf);
  for (const certificate of [leaf, ...intermediates]) warnings.push(...datesOf(files.cert, certificate, now));
  return { cert, key: keyPem, names, keyType: key.asymmetricKeyType ?? '' };
}

function parseCertificates(file: string, pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^]*?-----END [^-]*-----/g);
  if (blocks === null)
    throw refusal(file, 'holds no certificate', 'it has to begin with -----BEGIN CERTIFICATE-----');
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (error) {
    throw refusal(file, `holds a broken certificate: ${messageOf(error)}`, 'copy it again, whole', error);
  }
}

function parseKey(file: string, pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw pem.includes('ENCRYPTED')
      ? refusal(file, 'is encrypted', 'write it without a passphrase: openssl pkey -in FILE -out NEW', error)
      : refusal(
          file,
          `holds no private key: ${messageOf(error)}`,
          'give the key that the certificate was made for',
          error,
        );
  }
}

function datesOf(file: string, certificate: X509Certificate, now: number): string[] {
  const { validFromDate, validToDate } = certificate;
  if (now > validToDate.getTime())
    return [`${file} holds a certificate that expired on ${validToDate.toISOString()}`];
  if (now < validFromDate.getTime()) {
    return [`${file} holds a certificate that is valid only from ${validFromDate.toISOString()}`];
  }
  return [];
}

function refusal(file: string, problem: string, hint: string, cause?: unknown): UserError {
  return new UserError(`${file} ${problem}`, { code: 'config', where: file, hint, cause });
}
