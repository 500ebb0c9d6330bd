import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  encodeFrame,
  encodeInterface,
  encodePcapHead,
  encodePcapRecord,
  encodeSecrets,
  encodeSection,
} from '../../src/wire/pcap/encode.ts';
import type { EncodedFrame } from '../../src/wire/pcap/encode.ts';
import { CaptureDecoder } from '../../src/wire/pcap/capture-decoder.ts';
import { TLS_KEY_LOG } from '../../src/wire/pcap/frame.ts';
import { createAuthority } from '../fixtures/certificates.ts';
import type { Authority } from '../fixtures/certificates.ts';
import { capturePort, ReadDecrypted } from '../fixtures/decrypted-capture.ts';
import { openNginx } from '../fixtures/nginx-site.ts';
import { findPeer, freePort, missingPeers } from '../fixtures/peers.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const NEEDED = ['nginx', 'tcpdump', 'curl', 'openssl'] as const;
const skip = missingPeers(...NEEDED) || (process.getuid?.() !== 0 && 'tcpdump needs root');

let authority: Authority;
before(() => {
  authority = createAuthority();
  authority.issue('ec', { dns: ['shop.example'] });
  authority.issue('rsa', { dns: ['shop.example'], keyType: 'rsa' });
  authority.issue('client', { dns: ['client.example'] });
});
after(() => authority[Symbol.dispose]());

interface Site {
  /** Directives for the server block. */
  readonly tls: string;
}

interface Captured {
  readonly file: Buffer;
  readonly keyLog: string;
  readonly port: number;
}

/** What passes between nginx and whatever runs against it, and the clients' key log. */
async function captured(
  { tls }: Site,
  run: (port: number, keyLogFile: string) => Promise<void>,
): Promise<Captured> {
  const port = await freePort();
  const certificates = ['ec', 'rsa'].map(
    (name) =>
      `ssl_certificate ${authority.folder}/${name}.crt; ssl_certificate_key ${authority.folder}/${name}.key;`,
  );
  await using site = await openNginx(
    () =>
      `listen 127.0.0.1:${port} ssl http2; ${certificates.join(' ')} keepalive_timeout 60s; ssl_protocols TLSv1.2 TLSv1.3; ${tls}`,
    () => port,
  );
  const keyLogFile = join(site.folder, 'keys.log');
  writeFileSync(keyLogFile, '');
  const file = await capturePort(port, () => run(port, keyLogFile));
  return { file, keyLog: readFileSync(keyLogFile, 'latin1'), port };
}

async function curl(port: number, keyLogFile: string, ...args: readonly string[]): Promise<void> {
  const urls = ['/file.txt', '/missing', '/large.bin'].flatMap((path) => [
    '-o',
    '/dev/null',
    `https://shop.example:${port}${path}`,
  ]);
  const all = [
    '-sS',
    '--cacert',
    authority.ca,
    '--resolve',
    `shop.example:${port}:127.0.0.1`,
    ...args,
    ...urls,
  ];
  const child = spawn(findPeer('curl') ?? 'curl', all, {
    env: { ...process.env, SSLKEYLOGFILE: keyLogFile },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  const [status] = (await once(child, 'close')) as [number];
  assert.equal(status, 0, complaint);
}

/** The requests and statuses that tshark reads with the same key log. */
function tshark(
  { file, keyLog, port }: Captured,
  folder: string,
): { requests: string[]; statuses: string[] } {
  const path = join(folder, 'tls.pcap');
  const keys = join(folder, 'tls.keys');
  writeFileSync(path, file);
  writeFileSync(keys, keyLog);
  const fields = ['http.request.uri', 'http2.headers.path', 'http.response.code', 'http2.headers.status'];
  const { stdout, status, stderr } = spawnSync(
    findPeer('tshark') ?? 'tshark',
    [
      '-n',
      '-r',
      path,
      '-d',
      `tcp.port==${port},tls`,
      '-o',
      `tls.keylog_file:${keys}`,
      '-Y',
      'http or http2',
    ].concat(['-T', 'fields'], ...fields.map((field) => ['-e', field])),
    { encoding: 'utf8' },
  );
  assert.equal(status, 0, stderr);
  const columns: string[][] = [[], [], [], []];
  for (const line of stdout.split('\n'))
    for (const [i, cell] of line.split('\t').entries())
      columns[i]?.push(...cell.split(',').filter((part) => part !== ''));
  const [targets = [], paths = [], codes = [], statuses = []] = columns;
  return { requests: [...targets, ...paths].toSorted(), statuses: [...codes, ...statuses].toSorted() };
}

const STORY = ['GET /file.txt 200', 'GET /missing 404', 'GET /large.bin 200'];
const LARGE_BYTES = 600_000;

function checkStory(read: ReadDecrypted): void {
  assert.deepEqual(read.story, STORY);
  assert.equal(read.sink.seen[0]?.responseBody, 'hello from a file\n');
  assert.equal(read.sink.seen[2]?.responseBody.length, LARGE_BYTES);
  assert.deepEqual([read.tls.connections, read.tls.heldBytes, read.tls.waiting], [0, 0, 0]);
}

const suites: readonly (readonly [version: '1.2' | '1.3', name: string])[] = [
  ['1.3', 'TLS_AES_128_GCM_SHA256'],
  ['1.3', 'TLS_AES_256_GCM_SHA384'],
  ['1.3', 'TLS_CHACHA20_POLY1305_SHA256'],
  ['1.2', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ['1.2', 'ECDHE-ECDSA-AES256-GCM-SHA384'],
  ['1.2', 'ECDHE-RSA-CHACHA20-POLY1305'],
];
for (const [version, suite] of suites) {
  for (const http of ['--http1.1', '--http2'] as const) {
    test(`curl ${http} and nginx, TLS ${version} with ${suite}`, { skip }, async () => {
      const ciphers =
        version === '1.3' ? ['--tls13-ciphers', suite] : ['--ciphers', suite, '--tls-max', '1.2'];
      const site = { tls: '' };
      const capture = await captured(site, (port, keys) => curl(port, keys, http, ...ciphers));
      const read = new ReadDecrypted(capture.file, capture.keyLog, { limits: { waitMicros: 0 } });
      checkStory(read);
      const { decrypted, opaque, lost } = read.tls.counts;
      assert.deepEqual(decrypted, version === '1.3' ? { tls12: 0, tls13: 1 } : { tls12: 1, tls13: 0 });
      assert.deepEqual([Object.values(opaque).some((count) => count > 0), lost], [false, 0]);
      const seen = read.sink.seen[0]?.exchange;
      assert.deepEqual([seen?.connection.tls, seen?.connection.destination.port], [true, capture.port]);
      if (missingPeers('tshark') !== false) return;
      const theirs = tshark(capture, authority.folder);
      assert.deepEqual(theirs.requests, ['/file.txt', '/large.bin', '/missing']);
      assert.deepEqual(theirs.statuses, ['200', '200', '404']);
    });
  }
}

test('a HelloRetryRequest and a client certificate', { skip }, async () => {
  const site = {
    tls: `ssl_ecdh_curve secp384r1; ssl_verify_client on; ssl_client_certificate ${authority.ca};`,
  };
  const identity = ['--cert', `${authority.folder}/client.crt`, '--key', `${authority.folder}/client.key`];
  const { file, keyLog } = await captured(site, (port, keys) =>
    curl(port, keys, '--http2', '--tlsv1.3', '--curves', 'P-256:P-384', ...identity),
  );
  checkStory(new ReadDecrypted(file, keyLog));
});

/** `openssl s_client` that sends what it is given, each time when the answer to what it was given before has come. */
async function converse(
  port: number,
  keyLogFile: string,
  args: readonly string[],
  lines: readonly (readonly [send: string, until: string])[],
): Promise<void> {
  const all = [
    's_client',
    '-connect',
    `127.0.0.1:${port}`,
    '-servername',
    'shop.example',
    '-keylogfile',
    keyLogFile,
  ];
  const child = spawn(findPeer('openssl') ?? 'openssl', [...all, ...args]);
  let seen = '';
  let ended = false;
  for (const output of [child.stdout, child.stderr])
    output.setEncoding('utf8').on('data', (text: string) => {
      seen += text;
      child.emit('seen');
    });
  const closed = once(child, 'close').then(() => {
    ended = true;
    child.emit('seen');
  });
  using _ending = { [Symbol.dispose]: () => void child.kill() };
  for (const [send, until] of lines) {
    if (send !== '') child.stdin.write(send);
    while (!seen.includes(until)) {
      if (ended) assert.fail(`${JSON.stringify(until)} did not come: ${seen}`);
      await once(child, 'seen');
    }
    seen = seen.slice(seen.indexOf(until) + until.length);
  }
  child.stdin.end();
  await closed;
}

const GET = (target: string, fields = '') => `GET ${target} HTTP/1.1\r\nHost: shop.example\r\n${fields}\r\n`;
const LAST = (target: string) => GET(target, 'Connection: close\r\n');
const BODY = 'hello from a file';

test('keys that are updated on the way', { skip }, async () => {
  const { file, keyLog } = await captured({ tls: '' }, (port, keys) =>
    converse(
      port,
      keys,
      ['-tls1_3'],
      [
        ['', 'Verify return code'],
        [GET('/file.txt?1'), BODY],
        ['K\n', 'KEYUPDATE'],
        [GET('/file.txt?2'), BODY],
        ['k\n', 'KEYUPDATE'],
        [GET('/file.txt?3'), BODY],
        ['K\n', 'KEYUPDATE'],
        [LAST('/file.txt?4'), BODY],
      ],
    ),
  );
  const read = new ReadDecrypted(file, keyLog);
  assert.deepEqual(
    read.story,
    [1, 2, 3, 4].map((n) => `GET /file.txt?${n} 200`),
  );
});

for (const version of ['tls1_2', 'tls1_3'] as const) {
  test(`sessions that are resumed, ${version}`, { skip }, async () => {
    const session = join(authority.folder, `${version}.session`);
    const { file, keyLog } = await captured({ tls: 'ssl_session_tickets on;' }, async (port, keys) => {
      await converse(port, keys, [`-${version}`, '-sess_out', session], [[LAST('/file.txt?new'), BODY]]);
      await converse(
        port,
        keys,
        [`-${version}`, '-sess_in', session],
        [
          ['', 'Reused'],
          [LAST('/file.txt?again'), BODY],
        ],
      );
    });
    const read = new ReadDecrypted(file, keyLog);
    assert.deepEqual(read.story, ['GET /file.txt?new 200', 'GET /file.txt?again 200']);
  });
}

const EARLY = 'ssl_early_data on; ssl_session_tickets on;';

/** Resumes a session and sends a request before the server's answer. */
async function resumeEarly(port: number, keyLogFile: string, session: string): Promise<void> {
  const request = join(authority.folder, 'early.txt');
  writeFileSync(request, GET('/file.txt?early'));
  await converse(
    port,
    keyLogFile,
    ['-tls1_3', '-sess_in', session, '-early_data', request],
    [
      ['', 'Early data was'],
      [LAST('/file.txt?later'), BODY],
    ],
  );
}

test('data before the server has answered', { skip }, async () => {
  const session = join(authority.folder, 'early.session');
  const { file, keyLog } = await captured({ tls: EARLY }, async (port, keys) => {
    await converse(port, keys, ['-tls1_3', '-sess_out', session], [[LAST('/file.txt?new'), BODY]]);
    await resumeEarly(port, keys, session);
  });
  const read = new ReadDecrypted(file, keyLog);
  assert.deepEqual(read.story, [
    'GET /file.txt?new 200',
    'GET /file.txt?early 200',
    'GET /file.txt?later 200',
  ]);
  // Without the secret of the early data the rest is read.
  const without = keyLog.replaceAll(/^CLIENT_EARLY.*\n/gm, '');
  const rest = new ReadDecrypted(file, without);
  assert.deepEqual(rest.story, ['GET /file.txt?new 200', 'GET /file.txt?later 200']);
  // Another server knows nothing of the session and refuses the data.
  const refused = await captured({ tls: EARLY }, (port, keys) => resumeEarly(port, keys, session));
  assert.match(refused.keyLog, /^CLIENT_EARLY_TRAFFIC_SECRET/m);
  const later = new ReadDecrypted(refused.file, refused.keyLog);
  assert.deepEqual([later.story, later.tls.counts.lost], [['GET /file.txt?later 200'], 0]);
});

const CHROMIUM = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--ignore-certificate-errors',
  '--host-resolver-rules=MAP shop.example 127.0.0.1',
];

test("a browser's key log", { skip: skip || missingPeers('chromium') }, async () => {
  using folder = temporaryFolder();
  const { file, keyLog } = await captured({ tls: '' }, async (port, keys) => {
    const own = [`--user-data-dir=${folder.path}`, `--ssl-key-log-file=${keys}`, '--dump-dom'];
    const all = [...CHROMIUM, ...own, `https://shop.example:${port}/file.txt`];
    const child = spawn(findPeer('chromium') ?? 'chromium', all, { stdio: ['ignore', 'pipe', 'ignore'] });
    let page = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (page += text));
    await once(child, 'close');
    assert.match(page, /hello from a file/);
  });
  const read = new ReadDecrypted(file, keyLog);
  assert.ok(read.story.includes('GET /file.txt 200'), read.story.join());
  assert.deepEqual(
    read.sink.seen.flatMap(({ exchange }) => exchange.incomplete ?? []),
    [],
  );
  assert.ok(Object.values(read.tls.counts.opaque).every((count) => count === 0));
});

test('the secrets in a pcapng file', { skip }, async () => {
  const { file, keyLog } = await captured({ tls: '' }, (port, keys) => curl(port, keys));
  const blocks: Uint8Array[] = [encodeSection()];
  new CaptureDecoder({
    interface: ({ linkType }) => {
      blocks.push(encodeInterface(linkType), encodeSecrets(TLS_KEY_LOG, Buffer.from(keyLog)));
    },
    frame: ({ bytes, start, end, micros }) => {
      blocks.push(encodeFrame({ bytes: bytes.slice(start, end), micros }));
    },
    fault: (kind) => assert.fail(kind),
  }).write(file);
  checkStory(new ReadDecrypted(Buffer.concat(blocks), ''));
  const tls = new ReadDecrypted(file, '').tls;
  assert.deepEqual([tls.counts.opaque.no_keys, [...tls.opaqueNames]], [1, [['shop.example', 1]]]);
});

/** The capture with some packets dropped, cut, doubled, and put behind the next one; by a generator of its own (Knuth's LCG). */
function damagedFile(file: Buffer, seed: number, perMille: number): Buffer {
  const frames: EncodedFrame[] = [];
  let linkType = 0;
  new CaptureDecoder({
    interface: (described) => void ({ linkType } = described),
    frame: ({ bytes, start, end, micros }) => void frames.push({ bytes: bytes.slice(start, end), micros }),
    fault: (kind) => assert.fail(kind),
  }).write(file);
  let state = BigInt(seed);
  const chance = (of: number) => {
    state = (state * 6364136223846793005n + 1442695040888963407n) % 2n ** 64n;
    return Number(state >> 33n) % 1000 < of;
  };
  const kept: EncodedFrame[] = [];
  for (const frame of frames) {
    if (chance(perMille)) continue;
    const { bytes } = frame;
    kept.push(
      chance(perMille) ? { ...frame, bytes: bytes.subarray(0, 120), originalBytes: bytes.length } : frame,
    );
    if (chance(perMille)) kept.push(frame);
    const [last, earlier] = [kept.pop(), kept.pop()];
    const both = chance(perMille) ? [last, earlier] : [earlier, last];
    for (const each of both) if (each !== undefined) kept.push(each);
  }
  return Buffer.concat([encodePcapHead(linkType), ...kept.map((frame) => encodePcapRecord(frame))]);
}

test('a damaged capture has no whole exchange that is not the real one', { skip }, async (t) => {
  let whole = 0;
  let cut = 0;
  let lost = 0;
  for (const version of ['1.2', '1.3'])
    for (const http of ['--http1.1', '--http2']) {
      const { file, keyLog } = await captured({ tls: '' }, (port, keys) =>
        curl(port, keys, http, '--tls-max', version),
      );
      const real = new ReadDecrypted(file, keyLog).sink.seen;
      for (let seed = 1; seed <= 60; seed++) {
        const read = new ReadDecrypted(damagedFile(file, seed, [3, 20, 100][seed % 3] ?? 0), keyLog);
        for (const { exchange, requestBody, responseBody } of read.sink.seen) {
          const its = real.find((each) => each.exchange.request.target === exchange.request.target);
          assert.ok(its !== undefined, `${exchange.request.target} was never asked for`);
          if (exchange.incomplete !== undefined) cut++;
          else {
            whole++;
            assert.equal(exchange.response?.status, its.exchange.response?.status);
            assert.ok(requestBody === its.requestBody && responseBody === its.responseBody);
          }
        }
        lost += read.tls.counts.lost;
        assert.deepEqual(read.sink.ambiguities, []);
        assert.deepEqual(
          [read.tls.connections, read.tls.heldBytes, read.tls.waiting, read.tcp.heldBytes],
          [0, 0, 0, 0],
        );
      }
    }
  t.diagnostic(`${whole} whole and ${cut} cut exchanges, ${lost} losses of unknown size`);
  assert.ok(whole > 100 && cut > 50);
});

test('packets that were not captured cost only the exchanges that they belong to', { skip }, async () => {
  for (const version of ['1.2', '1.3'])
    for (const http of ['--http1.1', '--http2']) {
      const { file, keyLog } = await captured({ tls: '' }, (port, keys) =>
        curl(port, keys, http, '--tls-max', version),
      );
      const whole = new ReadDecrypted(file, keyLog);
      checkStory(whole);
      // One packet of the large answer: nine tenths of all bytes are its.
      let bytes = 0;
      const keep = (packet: { payloadBytes: number }) => {
        const earlier = bytes;
        bytes += packet.payloadBytes;
        return !(earlier < 300_000 && bytes >= 300_000);
      };
      const read = new ReadDecrypted(file, keyLog, { keep });
      assert.deepEqual(read.story, [...STORY.slice(0, 2), 'GET /large.bin 200 tape_gap']);
      assert.ok((read.sink.seen[2]?.responseBody.length ?? 0) > 200_000);
      assert.equal(read.tls.counts.lost, 0);
    }
});
