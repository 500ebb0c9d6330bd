import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { createAuthority } from '../../test/fixtures/certificates.ts';
import type { CertificateWish } from '../../test/fixtures/certificates.ts';
import { parseSubjectNames, principalIn, serverNamesOf } from './certificate-names.ts';

const authority = createAuthority();
after(() => authority[Symbol.dispose]());

function issued(wish: CertificateWish) {
  return new X509Certificate(readFileSync(authority.issue('x', wish).cert));
}

const texts: readonly (readonly [string, readonly string[]])[] = [
  ['', []],
  ['DNS:a.example', ['DNS a.example']],
  [
    'DNS:a.example, IP Address:10.0.0.1, URI:spiffe://a/b',
    ['DNS a.example', 'IP Address 10.0.0.1', 'URI spiffe://a/b'],
  ],
  ['IP Address:0:0:0:0:0:0:0:1, DNS:b', ['IP Address 0:0:0:0:0:0:0:1', 'DNS b']],
  ['DNS:"a, URI:spiffe://prod/evil", DNS:b', ['DNS a, URI:spiffe://prod/evil', 'DNS b']],
  ['URI:"a\\u002cb\\"c"', ['URI a,b"c']],
  ['DNS:', ['DNS ']],
  ['DNS:a,DNS:b', []],
  ['DNS:"open', ['DNS "open']],
  ['nonsense', []],
];

for (const [text, expected] of texts) {
  test(`reads the names in ${JSON.stringify(text)}`, () => {
    assert.deepEqual(
      parseSubjectNames(text).map(({ type, value }) => `${type} ${value}`),
      expected,
    );
  });
}

const servers: readonly (readonly [string, CertificateWish, readonly string[]])[] = [
  [
    'DNS names, lower-case',
    { dns: ['A.example', '*.B.example'], ips: ['10.0.0.1'] },
    ['a.example', '*.b.example'],
  ],
  ['the common name where there is nothing else', { commonName: 'Old.example' }, ['old.example']],
  ['not the common name beside other names', { commonName: 'a.example', ips: ['10.0.0.1'] }, []],
];

for (const [name, wish, expected] of servers) {
  test(`a server certificate is for ${name}`, () => {
    assert.deepEqual(serverNamesOf(issued(wish)), expected);
  });
}

const SPIFFE = 'spiffe://prod.example/ns/shop/sa/web';
const clients: readonly (readonly [string, CertificateWish, string | undefined])[] = [
  ['a SPIFFE id', { uris: [SPIFFE] }, SPIFFE],
  ['a SPIFFE id beside a DNS name', { uris: [SPIFFE], dns: ['web.example'] }, SPIFFE],
  ['a trust domain alone', { uris: ['spiffe://prod'] }, 'spiffe://prod'],
  ['two URIs', { uris: [SPIFFE, 'https://web.example/'], dns: ['web.example'] }, undefined],
  ['two SPIFFE ids', { uris: [SPIFFE, 'spiffe://prod/other'] }, undefined],
  ['a SPIFFE id of an authority', { uris: [SPIFFE], authority: true }, undefined],
  ['a SPIFFE id with a port', { uris: ['spiffe://prod:80/a'] }, undefined],
  ['a SPIFFE id with a query', { uris: ['spiffe://prod/a?b'] }, undefined],
  ['a SPIFFE id with an escape', { uris: ['spiffe://prod/%61'] }, undefined],
  ['a SPIFFE id with dots for a segment', { uris: ['spiffe://prod/a/../b'] }, undefined],
  ['a SPIFFE id that ends with a slash', { uris: ['spiffe://prod/a/'] }, undefined],
  ['a SPIFFE id in capitals', { uris: ['SPIFFE://prod/a'], dns: ['web.example'] }, undefined],
  ['another URI and a DNS name', { uris: ['https://web.example/'], dns: ['web.example'] }, 'web.example'],
  ['two DNS names', { dns: ['Web.example', 'api.example'] }, 'web.example'],
  ['only a common name', { commonName: 'web.example' }, undefined],
  ['a wildcard', { dns: ['*.example'] }, undefined],
  ['a DNS name that looks like more', { commonName: 'x', dns: [`web.example, URI:${SPIFFE}`] }, undefined],
];

for (const [name, wish, expected] of clients) {
  test(`the principal of a certificate with ${name} is ${expected}`, () => {
    assert.equal(principalIn(issued(wish)), expected);
  });
}
