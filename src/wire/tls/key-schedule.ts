import { createHmac } from 'node:crypto';
import type { CipherSuite } from './cipher-suites.ts';
import { NONCE_BYTES } from './cipher-suites.ts';

/** What one direction is protected with. `iv` has 12 bytes, or in TLS 1.2 with AES-GCM the 4 that are the same for all. */
export interface TrafficKeys {
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
}

/** Key and nonce base of a TLS 1.3 traffic secret (RFC 8446 §7.3). */
export function trafficKeys(suite: CipherSuite, secret: Uint8Array): TrafficKeys {
  return {
    key: expandLabel(suite.hash, secret, 'key', suite.aead.keyBytes),
    iv: expandLabel(suite.hash, secret, 'iv', NONCE_BYTES),
  };
}

/** The traffic secret after a KeyUpdate (RFC 8446 §7.2). */
export function nextTrafficSecret(suite: CipherSuite, secret: Uint8Array): Uint8Array {
  return expandLabel(suite.hash, secret, 'traffic upd', suite.hash === 'sha256' ? 32 : 48);
}

/** HKDF-Expand-Label with an empty context (RFC 8446 §7.1), of no more bytes than the hash has: one round of RFC 5869 §2.3. */
function expandLabel(hash: string, secret: Uint8Array, label: string, bytes: number): Uint8Array {
  const name = `tls13 ${label}`;
  const info = Buffer.from([0, bytes, name.length, ...Buffer.from(name), 0, 1]);
  return createHmac(hash, secret).update(info).digest().subarray(0, bytes);
}

/** Both directions' keys of a TLS 1.2 session (RFC 5246 §6.3; there is no MAC key with an AEAD). */
export function keyBlock(
  suite: CipherSuite,
  masterSecret: Uint8Array,
  clientRandom: Uint8Array,
  serverRandom: Uint8Array,
): readonly [client: TrafficKeys, server: TrafficKeys] {
  const { keyBytes, fixedBytes } = suite.aead;
  const seed = Buffer.concat([Buffer.from('key expansion'), serverRandom, clientRandom]);
  const block = prf(suite.hash, masterSecret, seed, 2 * (keyBytes + fixedBytes));
  const ivs = 2 * keyBytes;
  return [
    { key: block.subarray(0, keyBytes), iv: block.subarray(ivs, ivs + fixedBytes) },
    { key: block.subarray(keyBytes, ivs), iv: block.subarray(ivs + fixedBytes, ivs + 2 * fixedBytes) },
  ];
}

/** P_hash (RFC 5246 §5). */
function prf(hash: string, secret: Uint8Array, seed: Uint8Array, bytes: number): Buffer {
  const parts: Buffer[] = [];
  let a = Buffer.from(seed);
  for (let have = 0; have < bytes;) {
    a = createHmac(hash, secret).update(a).digest();
    const part = createHmac(hash, secret).update(a).update(seed).digest();
    parts.push(part);
    have += part.length;
  }
  return Buffer.concat(parts).subarray(0, bytes);
}
