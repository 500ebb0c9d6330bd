import { equalBodies } from '../compare/bytes.ts';
import type { Exchange } from '../model/exchange.ts';
import type { PolicyJudge, SettledCopy } from '../observe/policy-runner.ts';

/** Says of each copy of an exchange whether it was answered as the primary answered. */
export class AnswerJudge implements PolicyJudge {
  held(): void {}

  settled(
    exchange: Exchange,
    body: readonly Uint8Array[],
    cut: boolean,
    copies: readonly SettledCopy[],
  ): void {
    for (const { running, outcome } of copies) {
      const { pairs } = running.counts;
      if (outcome?.kind === 'not_mirrored') continue;
      if (outcome?.kind !== 'answered' || exchange.incomplete !== undefined || cut) pairs.incomplete++;
      else if (
        exchange.response?.status === outcome.answer.head.status &&
        equalBodies(body, outcome.answer.body)
      )
        pairs.same++;
      else pairs.different++;
    }
  }
}
