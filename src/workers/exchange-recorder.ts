import { createRecordRedaction } from '../mirror/record-redaction.ts';
import type { RecordRedaction } from '../mirror/record-redaction.ts';
import type { Difference } from '../model/difference.ts';
import { decodeRecords } from '../model/message-record.ts';
import type { CopyOutcome } from '../model/copy.ts';
import { completenessOf } from '../model/exchange.ts';
import type { Exchange, ResponseHead } from '../model/exchange.ts';
import type { MessageRedaction } from '../model/message-redaction.ts';
import type { Redaction } from '../model/policy.ts';
import type { RecordedAnswer, RecordedExchange, RecordedOther } from '../model/recording.ts';

/** One answer beside the primary's, and what is unlike in it. */
export interface ComparedCopy {
  readonly name: string;
  readonly role: RecordedOther['role'];
  readonly outcome: CopyOutcome | undefined;
  readonly differences: readonly Difference[];
}

/** Makes examples of compared exchanges, redacted and cut to what is kept. */
export class ExchangeRecorder {
  readonly #policy: string;
  readonly #redaction: RecordRedaction;
  readonly #bodyBytes: number;

  /** @param bodyBytes the longest body that is kept of one answer; longer ones are cut */
  constructor(policy: string, redact: Redaction, bodyBytes: number, messages?: MessageRedaction) {
    this.#policy = policy;
    this.#redaction = createRecordRedaction(redact, messages);
    this.#bodyBytes = bodyBytes;
  }

  /** @param body the primary's answer, in the pieces it came in */
  record(
    exchange: Exchange,
    route: string,
    body: readonly Uint8Array[],
    copies: readonly ComparedCopy[],
  ): RecordedExchange | undefined {
    const { request, response, times } = exchange;
    if (response === undefined) return undefined;
    return {
      id: exchange.id,
      tap: exchange.connection.tap,
      policy: this.#policy,
      route,
      at: Math.round(times.requestStart / 1000),
      source: exchange.connection.source.ip,
      completeness: completenessOf(exchange),
      request: {
        method: request.method,
        target: this.#redaction.target(request.target),
        authority: request.authority,
        headers: this.#redaction.headers([...request.headers()]),
        bodyBytes: exchange.requestBodyBytes,
      },
      primary: this.#answer(
        request.path,
        response,
        body,
        exchange.responseBodyBytes,
        times.responseStart - times.requestStart,
        times.responseEnd - times.requestStart,
      ),
      others: copies.map((copy) => this.#other(request.path, copy)),
    };
  }

  #other(path: string, { name, role, outcome, differences }: ComparedCopy): RecordedOther {
    const failure = outcome?.kind === 'failed' ? outcome.failure : undefined;
    if (outcome?.kind !== 'answered') return { name, role, answer: undefined, failure, differences };
    const { head, body, bodyBytes, startMicros, firstByteMicros, endMicros } = outcome.answer;
    const firstByte = firstByteMicros - startMicros;
    const answer = this.#answer(path, head, body, bodyBytes, firstByte, endMicros - startMicros);
    return { name, role, answer, failure, differences };
  }

  /** Messages of a WebSocket connection, a line each. */
  #messages(records: Buffer): Buffer {
    const lines: string[] = [];
    for (const record of decodeRecords(records)) {
      if (record.kind === 'text')
        lines.push(this.#redaction.body([], record.payload, '')?.toString('utf8') ?? '…');
      else if (record.kind === 'binary') lines.push(`[${record.payload.length} bytes]`);
      else if (record.kind === 'close') lines.push(`[closed: ${record.code} ${record.reason}]`);
      else lines.push('[lost]');
    }
    return Buffer.from(lines.map((line) => `${line}\n`).join(''));
  }

  #answer(
    path: string,
    head: ResponseHead,
    pieces: readonly Uint8Array[],
    bodyBytes: number,
    firstByteMicros: number,
    totalMicros: number,
  ): RecordedAnswer {
    const fields = [...head.headers()];
    // What is cut off before it is redacted could not be read.
    const whole = Buffer.concat(pieces);
    const body = head.status === 101 ? this.#messages(whole) : this.#redaction.body(fields, whole, path);
    return {
      status: head.status,
      headers: this.#redaction.headers(fields),
      body: body === undefined ? new Uint8Array() : Uint8Array.from(body.subarray(0, this.#bodyBytes)),
      bodyBytes,
      firstByteMicros,
      totalMicros,
    };
  }
}
