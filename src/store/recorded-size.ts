import type { RecordedAnswer, RecordedExchange, StoreBatch } from '../model/recording.ts';

/** What an object costs beside its texts, bytes: a rough figure that only has to be of the right order. */
const OBJECT_BYTES = 64;

/** About how much memory a batch takes, bytes. */
export function batchBytes({ exchanges, minutes, verdicts }: StoreBatch): number {
  let bytes = minutes.length * OBJECT_BYTES * 2;
  for (const exchange of exchanges) bytes += exchangeBytes(exchange);
  for (const { state, verdict } of verdicts) {
    // A verdict grows with its findings and routes; what it was made from grows with the same.
    bytes += state.length + OBJECT_BYTES * 8;
    for (const { findings, routes } of verdict.mirrors) bytes += (findings.length + routes.length) * 512;
  }
  return bytes;
}

/** About how much memory an exchange takes, and its rows before compression, bytes. */
export function exchangeBytes({ route, request, primary, others }: RecordedExchange): number {
  let bytes = OBJECT_BYTES * 4 + route.length + request.target.length + request.authority.length;
  bytes += headersBytes(request.headers) + answerBytes(primary);
  for (const { answer, differences } of others) {
    bytes += OBJECT_BYTES + (answer === undefined ? 0 : answerBytes(answer));
    for (const { path, primary: left, other: right } of differences) {
      bytes += OBJECT_BYTES + path.length + (left?.length ?? 0) + (right?.length ?? 0);
    }
  }
  return bytes;
}

function answerBytes({ headers, body }: RecordedAnswer): number {
  return OBJECT_BYTES * 2 + headersBytes(headers) + body.length;
}

function headersBytes(headers: RecordedAnswer['headers']): number {
  let bytes = 0;
  for (const [name, value] of headers) bytes += OBJECT_BYTES / 2 + name.length + value.length;
  return bytes;
}
