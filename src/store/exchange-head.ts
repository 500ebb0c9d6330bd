import type { RecordedAnswer, RecordedExchange, RecordedOther } from '../model/recording.ts';
import { packJson, unpackJson } from './packing.ts';
import { damaged } from './row.ts';

type AnswerHead = Omit<RecordedAnswer, 'body'>;
type OtherHead = Omit<RecordedOther, 'answer'> & { readonly answer: AnswerHead | null };

/** An exchange without its bodies: what its row holds as packed JSON. */
export interface ExchangeHead extends Omit<RecordedExchange, 'primary' | 'others'> {
  readonly primary: AnswerHead;
  readonly others: readonly OtherHead[];
}

export function packHead(exchange: RecordedExchange): Uint8Array {
  const head: ExchangeHead = {
    ...exchange,
    primary: withoutBody(exchange.primary),
    others: exchange.others.map((other) => ({
      ...other,
      answer: other.answer === undefined ? null : withoutBody(other.answer),
    })),
  };
  return packJson(head);
}

/**
 * Puts an exchange together again.
 *
 * @param bodyAt gives the body of the primary (0) and the others (1…)
 * @throws StoreError `damaged` when it is not what `packHead` made
 */
export function unpackHead(bytes: Uint8Array, bodyAt: (position: number) => Uint8Array): RecordedExchange {
  const head = unpackJson(bytes, 'exchange');
  if (!isHead(head)) throw damaged('exchange');
  return {
    ...head,
    primary: { ...head.primary, body: bodyAt(0) },
    others: head.others.map((other, index) => ({
      ...other,
      // JSON leaves out what is undefined.
      failure: other.failure,
      answer: other.answer === null ? undefined : { ...other.answer, body: bodyAt(index + 1) },
      differences: other.differences.map((difference) => ({
        ...difference,
        primary: difference.primary,
        other: difference.other,
      })),
    })),
  };
}

function withoutBody(answer: RecordedAnswer): AnswerHead {
  const { status, headers, bodyBytes, firstByteMicros, totalMicros } = answer;
  return { status, headers, bodyBytes, firstByteMicros, totalMicros };
}

/** As deep as readers have to rely on: that what they go through is there and is a list. */
function isHead(value: unknown): value is ExchangeHead {
  return (
    isObject(value) &&
    typeof value['id'] === 'string' &&
    typeof value['policy'] === 'string' &&
    typeof value['route'] === 'string' &&
    typeof value['at'] === 'number' &&
    isObject(value['request']) &&
    Array.isArray(value['request']['headers']) &&
    isAnswer(value['primary']) &&
    Array.isArray(value['others']) &&
    value['others'].every(isOther)
  );
}

function isOther(value: unknown): boolean {
  return (
    isObject(value) &&
    typeof value['name'] === 'string' &&
    (value['answer'] === null || isAnswer(value['answer'])) &&
    Array.isArray(value['differences']) &&
    value['differences'].every(isObject)
  );
}

function isAnswer(value: unknown): boolean {
  return isObject(value) && typeof value['status'] === 'number' && Array.isArray(value['headers']);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
