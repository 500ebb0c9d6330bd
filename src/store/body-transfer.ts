import type { RecordedAnswer, RecordedExchange } from '../model/recording.ts';

/** Exchanges ready to be handed to another thread. */
export interface PackedExchanges {
  readonly exchanges: readonly RecordedExchange[];
  /** To be transferred: all bodies stand in it. */
  readonly bodies: ArrayBuffer;
}

/**
 * Copies all bodies into one buffer that can be given away. The sender keeps its own, and a body that is a small part of
 * a large buffer does not take all of it along, as it would when it was cloned.
 */
export function packExchanges(exchanges: readonly RecordedExchange[]): PackedExchanges {
  let length = 0;
  for (const { primary, others } of exchanges) {
    length += primary.body.length;
    for (const { answer } of others) length += answer?.body.length ?? 0;
  }
  const bodies = new ArrayBuffer(length);
  let at = 0;
  function moved(answer: RecordedAnswer): RecordedAnswer {
    const body = new Uint8Array(bodies, at, answer.body.length);
    body.set(answer.body);
    at += body.length;
    return { ...answer, body };
  }
  const packed = exchanges.map((exchange) => ({
    ...exchange,
    primary: moved(exchange.primary),
    others: exchange.others.map((other) => ({
      ...other,
      answer: other.answer === undefined ? undefined : moved(other.answer),
    })),
  }));
  return { exchanges: packed, bodies };
}
