/**
 * What a TLS connection costs from the capture file to the exchange, beside the same exchanges in the clear, and tshark with
 * the same key log. One thread, from memory; keep-alive connections side by side, TLS 1.3 with AES-128-GCM, a request of some
 * 200 bytes, an answer of some 300, an acknowledgement.
 *
 *   node bench/tls-packets.ts [--exchanges 100000] [--json]
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodePcapHead, encodePcapRecord } from '../src/wire/pcap/encode.ts';
import { LINK } from '../src/wire/pcap/frame.ts';
import { ReadDecrypted } from '../test/fixtures/decrypted-capture.ts';
import { Talk } from '../test/fixtures/packet-builder.ts';
import { findPeer } from '../test/fixtures/peers.ts';
import { TlsWriter } from '../test/fixtures/tls-writer.ts';

const ROUNDS = 3;
const CONNECTIONS = 200;
const SUITE = 0x1301;
const REQUEST = Buffer.from(
  `GET /api/orders/12345?expand=items HTTP/1.1\r\nHost: orders.example\r\nX-Padding: ${'p'.repeat(120)}\r\n\r\n`,
);
const BODY = JSON.stringify({ id: 12_345, state: 'shipped', text: 't'.repeat(120) });
const ANSWER = Buffer.from(
  `HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`,
);

interface Capture {
  readonly file: Buffer;
  readonly packets: number;
  readonly keyLog: string;
  readonly exchanges: number;
}

function synthesise(wanted: number, isTls: boolean): Capture {
  const records: Uint8Array[] = [encodePcapHead(LINK.ethernet)];
  let micros = 1_700_000_000_000_000;
  const put = (bytes: Uint8Array) => void records.push(encodePcapRecord({ bytes, micros: (micros += 2) }));
  const pairs = Array.from({ length: CONNECTIONS }, (_, i) => ({
    talk: new Talk(10_000 + i, [i * 7919, i * 104_729]),
    writer: new TlsWriter(SUITE),
  }));
  for (const { talk, writer } of pairs) {
    for (const frame of talk.open()) put(frame);
    if (!isTls) continue;
    put(talk.ask(writer.clientHello));
    put(talk.answer(writer.serverFlight));
    put(talk.ask(writer.clientFlight));
  }
  const rounds = Math.ceil(wanted / CONNECTIONS);
  for (let round = 0; round < rounds; round++) {
    for (const { talk, writer } of pairs) put(talk.ask(isTls ? writer.write(0, REQUEST) : REQUEST));
    for (const { talk, writer } of pairs) put(talk.answer(isTls ? writer.write(1, ANSWER) : ANSWER));
    for (const { talk } of pairs) put(talk.acknowledge(0));
  }
  return {
    file: Buffer.concat(records),
    packets: records.length - 1,
    keyLog: pairs[0]?.writer.keyLog ?? '',
    exchanges: rounds * CONNECTIONS,
  };
}

/** @returns exchanges per second */
function read({ file, keyLog, exchanges }: Capture): number {
  let seconds = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const began = performance.now();
    const { observer } = new ReadDecrypted(file, keyLog, { sink: NOTHING });
    seconds = Math.min(seconds, (performance.now() - began) / 1000);
    const { http1Requests, incomplete } = observer.counts;
    if (http1Requests !== exchanges || Object.values(incomplete).some((count) => count > 0))
      throw new Error(`${http1Requests} exchanges, not ${exchanges}`);
  }
  return exchanges / seconds;
}

const nothing = () => {};
const NOTHING = {
  request: nothing,
  requestBody: nothing,
  requestGap: nothing,
  requestEnd: nothing,
  response: nothing,
  responseBody: nothing,
  done: nothing,
  shed: nothing,
  ambiguous: nothing,
};

/** @returns messages per second */
function tshark({ file, keyLog, exchanges }: Capture): number | undefined {
  const program = findPeer('tshark');
  if (program === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'understudy-bench-'));
  try {
    const [path, keys] = [join(folder, 'bench.pcap'), join(folder, 'bench.keys')];
    writeFileSync(path, file);
    writeFileSync(keys, keyLog);
    const how = ['-d', 'tcp.port==80,tls', '-o', `tls.keylog_file:${keys}`, '-Y', 'http'];
    const fields = ['-T', 'fields', '-e', 'http.request.uri', '-e', 'http.response.code'];
    const began = performance.now();
    const { stdout } = spawnSync(program, ['-n', '-r', path, ...how, ...fields], {
      maxBuffer: 2 ** 30,
      encoding: 'latin1',
    });
    const seconds = (performance.now() - began) / 1000;
    const messages = stdout.trimEnd().split('\n').length;
    if (messages !== exchanges * 2) throw new Error(`${messages} messages by tshark, not ${exchanges * 2}`);
    return messages / seconds;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const wanted = Number(process.argv[process.argv.indexOf('--exchanges') + 1] ?? '') || 100_000;
const capture = synthesise(wanted, true);
const clear = read(synthesise(wanted, false));
const tls = read(capture);
const theirs = tshark(capture);
const packetsPerSecond = (capture.packets * tls) / capture.exchanges;
const ratio = theirs === undefined ? undefined : (2 * tls) / theirs;
const result = { exchanges: capture.exchanges, clear, tls, packetsPerSecond, tshark: theirs, ratio };
if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify(result)}\n`);
else {
  process.stdout.write(
    `${capture.exchanges} exchanges; per second of one core: ${Math.round(clear)} in the clear, ${Math.round(tls)} in TLS ` +
      `(${Math.round(packetsPerSecond)} packets)\n`,
  );
  process.stdout.write(
    ratio === undefined
      ? 'tshark is not installed here\n'
      : `${Math.round(theirs ?? 0)} messages per second by tshark: ours ${ratio.toFixed(1)} times as many\n`,
  );
}
