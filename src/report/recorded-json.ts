import type { RecordedAnswer, RecordedExchange } from '../model/recording.ts';

/** A body in JSON: as text where it is UTF-8, else its bytes in base64. */
export interface BodyJson {
  readonly encoding: 'utf8' | 'base64';
  readonly data: string;
}

export type AnswerJson = Omit<RecordedAnswer, 'body'> & { readonly body: BodyJson };

/** A recorded exchange as the admin API and the JSON report write it. */
export type ExchangeJson = Omit<RecordedExchange, 'primary' | 'others'> & {
  readonly primary: AnswerJson;
  readonly others: readonly (Omit<RecordedExchange['others'][number], 'answer'> & {
    readonly answer?: AnswerJson;
  })[];
};

export function exchangeJson({ primary, others, ...rest }: RecordedExchange): ExchangeJson {
  return {
    ...rest,
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
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const text = bytes.toString('utf8');
  const whole = Buffer.from(text, 'utf8').equals(bytes);
  return {
    ...answer,
    body: whole ? { encoding: 'utf8', data: text } : { encoding: 'base64', data: bytes.toString('base64') },
  };
}

function answerFromJson({ body, ...answer }: AnswerJson): RecordedAnswer {
  return {
    ...answer,
    body: Buffer.from(body.data, body.encoding === 'base64' ? 'base64' : 'utf8'),
  };
}
