import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, send } from './ask.ts';
import type { Checker, Receipt } from './checker.ts';
import { largeBody, schemeOf, SMALL_BODY, type Workload } from './scenarios.ts';

const COPY_WAIT_MS = 5000;

/**
 * Asks a contender for both fixed bodies and posts a random one, and looks at what came back, at the primary and, when
 * it mirrors, at the mirror.
 *
 * @throws Error that says what was wrong
 */
export async function verify(
  checker: Checker,
  port: number,
  workload: Workload,
  mirrors: boolean,
): Promise<void> {
  const ask = (path: string, body?: Buffer): Promise<Answer> => send(schemeOf(workload), port, path, body);
  await expectBody(ask('/small'), Buffer.from(SMALL_BODY), 'GET /small');
  await expectBody(ask('/large'), largeBody(), 'GET /large');
  const body = randomBytes(4096);
  const path = randomBytes(8).toString('hex');
  const sent: Receipt = { method: 'POST', bytes: body.length, sha256: sha256(body) };
  await expectBody(ask(`/check/${path}`, body), Buffer.from(JSON.stringify(sent)), 'POST');
  if (!mirrors) return;
  const deadline = Date.now() + COPY_WAIT_MS;
  while (checker.seen('mirror', path).length === 0) {
    if (Date.now() > deadline) throw new Error('the mirror got no copy of a POST');
    await sleep(10);
  }
  const copies = checker.seen('mirror', path);
  if (copies.length !== 1) throw new Error(`the mirror got ${copies.length} copies of one POST`);
  if (JSON.stringify(copies[0]) !== JSON.stringify(sent)) throw new Error('the mirror got another body');
}

async function expectBody(asked: Promise<Answer>, body: Buffer, what: string): Promise<void> {
  const answer = await asked;
  if (answer.status !== 200) throw new Error(`${what}: status ${answer.status}`);
  if (!answer.body.equals(body)) throw new Error(`${what}: other bytes than the primary sent`);
}

function sha256(body: Buffer): string {
  return createHash('sha256').update(body).digest('hex');
}
