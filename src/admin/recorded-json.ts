import type { RecordedAnswer, RecordedExchange } from '../model/recording.ts';

export interface BodyJson {
  readonly encoding: 'utf8' | 'base64';
  readonly data: string;
}

export type AnswerJson = Omit<RecordedAnswer, 'body'> & { readonly body: BodyJson };

/** A recorded exchange as the API sends it: its bodies are text. */
export type ExchangeJson = Omit<RecordedExchange, 'primary' | 'others'> & {
  readonly primary: AnswerJson;
  readonly others: readonly (Omit<RecordedExchange['others'][number], 'answer'> & {
    readonly answer: AnswerJson | undefined;
  })[];
};

export function exchangeJson({ primary, others, ...exchange }: RecordedExchange): ExchangeJson {
  return {
    ...exchange,
    primary: answerJson(primary),
    others: others.map(({ answer, ...other }) => ({
      ...other,
      answer: answer === undefined ? undefined : answerJson(answer),
    })),
  };
}

function answerJson({ body, ...answer }: RecordedAnswer): AnswerJson {
  const text = isCoded(answer.headers) ? undefined : textOf(body, body.length < answer.bodyBytes);
  if (text !== undefined) return { ...answer, body: { encoding: 'utf8', data: text } };
  const data = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('base64');
  return { ...answer, body: { encoding: 'base64', data } };
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
