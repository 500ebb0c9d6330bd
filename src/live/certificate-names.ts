import type { X509Certificate } from 'node:crypto';

/** One entry of a certificate's subjectAltName: `DNS`, `URI`, `IP Address`, `email` … as OpenSSL names them. */
export interface SubjectName {
  readonly type: string;
  readonly value: string;
}

const SPIFFE_SCHEME = 'spiffe://';
/** SPIFFE-ID §2.3: longest identity a validator has to take, bytes. */
const SPIFFE_ID_MAX = 2048;
/** SPIFFE-ID §2.1 and §2.2: trust domain and path segments of these characters; no empty segment. */
const SPIFFE_ID = /^spiffe:\/\/[a-z0-9._-]{1,255}(?:\/[A-Za-z0-9._-]+)*$/;
const HOST_NAME = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;
const DOT_SEGMENT = /\/\.\.?(?:\/|$)/;

/**
 * The entries of a subjectAltName as Node writes it: `DNS:a.example, URI:"…"`. A value with characters that could be
 * taken for another entry stands there as a JSON string, and is read as one.
 */
export function parseSubjectNames(text: string): SubjectName[] {
  const names: SubjectName[] = [];
  const entry = /([^:,]+):(?:"((?:[^"\\]|\\.)*)"|([^,]*))(?:, |$)/y;
  for (let match = entry.exec(text); match !== null; match = entry.exec(text)) {
    const [, type = '', quoted, plain = ''] = match;
    names.push({ type, value: quoted === undefined ? plain : unquote(quoted) });
    if (entry.lastIndex >= text.length) return names;
  }
  // Not the form that is expected: no name is better than a wrong one.
  return [];
}

/**
 * The names that a server certificate is for, lower-case: the DNS names of its subjectAltName, or where it has none at
 * all its common name (RFC 6125 §6.4.4).
 */
export function serverNamesOf(certificate: X509Certificate): string[] {
  const names = parseSubjectNames(certificate.subjectAltName ?? '');
  const dns = names.filter(({ type }) => type === 'DNS').map(({ value }) => value);
  const fallback = certificate.subjectAltName === undefined ? commonNameOf(certificate) : [];
  return [...dns, ...fallback].map((name) => name.toLowerCase());
}

/**
 * The identity in a client's certificate, which must have been verified: its SPIFFE id, or else its first DNS name.
 *
 * X509-SVID §2 and §4.3: an SVID has exactly one URI and is no authority. A certificate that names a SPIFFE id without
 * being a valid SVID has no identity; its DNS names don't stand in, since it was not issued to be known by them.
 */
export function principalIn(certificate: X509Certificate): string | undefined {
  const names = parseSubjectNames(certificate.subjectAltName ?? '');
  const uris = names.filter(({ type }) => type === 'URI').map(({ value }) => value);
  if (uris.some((uri) => uri.toLowerCase().startsWith(SPIFFE_SCHEME))) {
    const [id = ''] = uris;
    return uris.length === 1 && !certificate.ca && isSpiffeId(id) ? id : undefined;
  }
  const name = names.find(({ type }) => type === 'DNS')?.value.toLowerCase() ?? '';
  return HOST_NAME.test(name) ? name : undefined;
}

function isSpiffeId(uri: string): boolean {
  return uri.length <= SPIFFE_ID_MAX && SPIFFE_ID.test(uri) && !DOT_SEGMENT.test(uri);
}

function commonNameOf(certificate: X509Certificate): string[] {
  const { CN } = certificate.toLegacyObject().subject;
  return CN === undefined ? [] : [CN].flat();
}

function unquote(text: string): string {
  try {
    return String(JSON.parse(`"${text}"`));
  } catch {
    return '';
  }
}
