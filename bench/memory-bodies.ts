import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { Readable } from 'node:stream';
import { blocksOf, hashOf, STREAM_PATH } from './blocks.ts';
import type { Contender } from './contenders/contender.ts';
import { launch, type Running } from './launch.ts';
import { HEADERS } from './scenarios.ts';
import type { Stage } from './stage.ts';

/** Peak memory of a contender while one long body streams through, with mirroring on. */
export interface BodiesRow {
  readonly contender: string;
  readonly direction: 'down' | 'up';
  readonly bytes: number;
  readonly seconds: number;
  readonly rssBefore: number;
  /** Peak after a body of 256 MiB: code, heaps and buffers are as large as they have to be. */
  readonly warmPeak: number;
  /** Peak after the whole body; larger than that when memory grows with what passes. */
  readonly rssPeak: number;
  readonly failure: string | undefined;
}

const BYTES = 1024 ** 3;
const WARM_UP_BYTES = BYTES / 4;
const TIMEOUT_MS = 120_000;

export async function measureBodies(
  stage: Stage,
  contenders: readonly Contender[],
): Promise<readonly BodiesRow[]> {
  const expected = hashOf(BYTES);
  const rows: BodiesRow[] = [];
  for (const contender of contenders) {
    for (const direction of ['down', 'up'] as const) {
      stage.progress(`memory-bodies: ${contender.name}, ${direction}`);
      rows.push(await measure(stage, contender, direction, expected));
    }
  }
  return rows;
}

async function measure(
  stage: Stage,
  contender: Contender,
  direction: 'down' | 'up',
  expected: string,
): Promise<BodiesRow> {
  const row = { contender: contender.name, direction, bytes: BYTES, failure: undefined };
  let running: Running | undefined;
  try {
    running = await launch(stage, contender, { mode: 'mirror', tls: false });
    const transfer = direction === 'down' ? download : upload;
    const rssBefore = running.usage()?.rssBytes ?? 0;
    await transfer(running.port, WARM_UP_BYTES);
    const warmPeak = running.usage()?.peakBytes ?? 0;
    const start = performance.now();
    const hash = await transfer(running.port, BYTES);
    const seconds = (performance.now() - start) / 1000;
    if (hash !== expected) throw new Error(`other bytes came ${direction} than were sent`);
    return { ...row, seconds, rssBefore, warmPeak, rssPeak: running.usage()?.peakBytes ?? 0 };
  } catch (error) {
    const failure = (error as Error).message;
    stage.progress(`${contender.name}: ${failure}`);
    return { ...row, seconds: 0, rssBefore: 0, warmPeak: 0, rssPeak: 0, failure };
  } finally {
    await running?.stop();
  }
}

/** @returns SHA-256 of what came */
async function download(port: number, bytes: number): Promise<string> {
  const path = `/check/${STREAM_PATH}${bytes}`;
  const response = await answerOf(request({ ...target(port, path), method: 'GET' }).end());
  const hash = createHash('sha256');
  for await (const chunk of response) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** @returns SHA-256 of what the primary says came */
async function upload(port: number, bytes: number): Promise<string> {
  const sending = request({
    ...target(port, `/check/upload-${bytes}`),
    method: 'POST',
    headers: { ...HEADERS, 'content-length': bytes },
  });
  Readable.from(blocksOf(bytes), { objectMode: false }).pipe(sending);
  const response = await answerOf(sending);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return (JSON.parse(Buffer.concat(chunks).toString()) as { sha256: string }).sha256;
}

function target(port: number, path: string): object {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  return { host: '127.0.0.1', port, path, agent: false, headers: HEADERS, signal };
}

async function answerOf(sending: ReturnType<typeof request>): Promise<IncomingMessage> {
  const [response] = (await once(sending, 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
  return response;
}
