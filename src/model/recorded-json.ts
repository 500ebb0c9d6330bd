import { Buffer } from 'node:buffer';
import type { RecordedAnswer, RecordedExchange } from './recording.ts';

/** A body in JSON: as text where it is UTF-8 and in no coding, else its bytes in base64. */
export interface BodyJson {
  readonly encoding: 'utf8' | 'base64';
  readonly data: string;
}

export type AnswerJson = Omit<RecordedAnswer, 'body'> & { readonly body: BodyJson };

/** A recorded exchange as the admin API and the JSON report write it. */
export type ExchangeJson = Omit<RecordedExchange, 'primary' | 'others'> & {
  readonly primary: AnswerJson;
  readonly others: readonly (Omit<RecordedExchange['others'][number], 'answer'> & {
    readonly answer?: AnswerJson | undefined;
  })[];
};

export function exchangeJson({ primary, others, ...exchange }: RecordedExchange): ExchangeJson {
  return {
    ...exchange,
    primary: answerJson(primary),
    others: others.map(({ answer, ...other }) => ({
      ...other,
      ...(answer === undefined ? {} : { answer: answerJson(answer) }),
    })),
  };
}

export function exchangeFromJson({ primary, others, ...rest }: ExchangeJson): RecordedExchange {
  return {
    ...rest,
    primary: answerFromJson(primary),
    others: others.map((other) => ({
      ...other,
      // JSON writes what is not there as null or leaves it out.
      failure: other.failure ?? undefined,
      answer: other.answer === undefined || other.answer === null ? undefined : answerFromJson(other.answer),
    })),
  };
}

function answerJson({ body, ...answer }: RecordedAnswer): AnswerJson {
  const text = isCoded(answer.headers) ? undefined : textOf(body, body.length < answer.bodyBytes);
  if (text !== undefined) return { ...answer, body: { encoding: 'utf8', data: text } };
  const data = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('base64');
  return { ...answer, body: { encoding: 'base64', data } };
}

function answerFromJson({ body, ...answer }: AnswerJson): RecordedAnswer {
  return {
    ...answer,
    body: Buffer.from(body.data, body.encoding === 'base64' ? 'base64' : 'utf8'),
  };
}

/** @param cut then a character may end in its middle, and that part of it is left out */
function textOf(body: Uint8Array, cut: boolean): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body, { stream: cut });
  } catch {
    return undefined;
  }
}

/** RFC 9110 §8.4. */
function isCoded(headers: RecordedAnswer['headers']): boolean {
  return headers.some(
    ([name, value]) => name.toLowerCase() === 'content-encoding' && !/^\s*(?:identity\s*)?$/i.test(value),
  );
}
