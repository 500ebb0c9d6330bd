/** How an AEAD is called by the crypto library, and what it needs. */
export interface Aead {
  readonly cipher: 'aes-128-gcm' | 'aes-256-gcm' | 'chacha20-poly1305';
  readonly keyBytes: number;
  /** TLS 1.2: bytes of a nonce that come from the handshake, and those that each record brings (RFC 5288 §3, RFC 7905 §2). */
  readonly fixedBytes: number;
  readonly explicitBytes: number;
}

export interface CipherSuite {
  readonly id: number;
  /** As IANA registered it. */
  readonly name: string;
  readonly aead: Aead;
  readonly hash: 'sha256' | 'sha384';
}

export const TAG_BYTES = 16;
export const NONCE_BYTES = 12;

const AES_128: Aead = { cipher: 'aes-128-gcm', keyBytes: 16, fixedBytes: 4, explicitBytes: 8 };
const AES_256: Aead = { cipher: 'aes-256-gcm', keyBytes: 32, fixedBytes: 4, explicitBytes: 8 };
const CHACHA20: Aead = { cipher: 'chacha20-poly1305', keyBytes: 32, fixedBytes: 12, explicitBytes: 0 };

/** Key exchanges of TLS 1.2 with the numbers of their three AEAD suites (RFC 5288, 5289, 5487, 7905, 8442); 0: none. */
const TLS_1_2_SUITES: readonly (readonly [
  exchange: string,
  aes128: number,
  aes256: number,
  chacha: number,
])[] = [
  ['ECDHE_ECDSA', 0xc02b, 0xc02c, 0xcca9],
  ['ECDHE_RSA', 0xc02f, 0xc030, 0xcca8],
  ['DHE_RSA', 0x009e, 0x009f, 0xccaa],
  ['RSA', 0x009c, 0x009d, 0],
  ['DHE_DSS', 0x00a2, 0x00a3, 0],
  ['ECDH_ECDSA', 0xc02d, 0xc02e, 0],
  ['ECDH_RSA', 0xc031, 0xc032, 0],
  ['PSK', 0x00a8, 0x00a9, 0xccab],
  ['DHE_PSK', 0x00aa, 0x00ab, 0xccad],
  ['RSA_PSK', 0x00ac, 0x00ad, 0xccae],
  ['ECDHE_PSK', 0xd001, 0xd002, 0xccac],
];

const SUITES: ReadonlyMap<number, CipherSuite> = new Map(
  [
    ...ofVersion('TLS', 0x1301, 0x1302, 0x1303),
    ...TLS_1_2_SUITES.flatMap(([exchange, ...ids]) => ofVersion(`TLS_${exchange}_WITH`, ...ids)),
  ].map((suite) => [suite.id, suite]),
);

/** The suite of this number (RFC 8446 §B.4, and those of TLS 1.2 with AES-GCM or ChaCha20), if it can be decrypted. */
export function cipherSuite(id: number): CipherSuite | undefined {
  return SUITES.get(id);
}

function ofVersion(prefix: string, aes128: number, aes256: number, chacha: number): readonly CipherSuite[] {
  const suites: readonly CipherSuite[] = [
    { id: aes128, name: `${prefix}_AES_128_GCM_SHA256`, aead: AES_128, hash: 'sha256' },
    { id: aes256, name: `${prefix}_AES_256_GCM_SHA384`, aead: AES_256, hash: 'sha384' },
    { id: chacha, name: `${prefix}_CHACHA20_POLY1305_SHA256`, aead: CHACHA20, hash: 'sha256' },
  ];
  return suites.filter(({ id }) => id !== 0);
}
