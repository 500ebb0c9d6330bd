import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { answerStatus, callOutcome } from './call-outcome.ts';
import type { CallAnswer } from './call-outcome.ts';

type Fields = Readonly<Record<string, string>>;

function answer(type: string, more: Fields = {}, rest: Partial<CallAnswer> = {}, status = 200): CallAnswer {
  const fields: Fields = { 'content-type': type, ...more };
  const head = {
    status,
    header: (name: string) => fields[name],
    headers: () => Object.entries(fields),
  };
  return { head, body: [], ...rest };
}

function frame(flags: number, text: string): Buffer {
  const bytes = Buffer.alloc(5 + text.length);
  bytes.writeUInt8(flags);
  bytes.writeUInt32BE(text.length, 1);
  bytes.write(text, 5);
  return bytes;
}

const status = (code: string): Partial<CallAnswer> => ({ trailers: [['grpc-status', code]] });
const web = [frame(0, 'message'), frame(0x80, 'grpc-message: x\r\ngrpc-status: 13\r\n')];

const CASES: readonly (readonly [
  what: string,
  answer: CallAnswer,
  outcome: string | undefined,
  status: number,
])[] = [
  ['in trailers', answer('application/grpc', {}, status('14')), 'UNAVAILABLE', 503],
  ['in the only head', answer('application/grpc+proto', { 'grpc-status': '12' }), 'UNIMPLEMENTED', 501],
  ['fine', answer('application/grpc', {}, status('0')), 'OK', 200],
  ['the fault of the caller', answer('application/grpc', {}, status('5')), 'NOT_FOUND', 404],
  ['nowhere', answer('application/grpc'), 'UNKNOWN', 500],
  ['not known', answer('application/grpc', {}, status('99')), 'UNKNOWN', 500],
  ['no number', answer('application/grpc', {}, status('x')), 'UNKNOWN', 500],
  ['not there yet', answer('application/grpc', {}, { truncated: true }), undefined, 200],
  ['in the last frame of gRPC-Web', answer('application/grpc-web', {}, { body: web }), 'INTERNAL', 500],
  [
    'in pieces of it',
    answer(
      'application/grpc-web',
      {},
      { body: Array.from(Buffer.concat(web), (byte) => Uint8Array.of(byte)) },
    ),
    'INTERNAL',
    500,
  ],
  [
    'in base64',
    answer('application/grpc-web-text', {}, { body: [Buffer.from(Buffer.concat(web).toString('base64'))] }),
    'INTERNAL',
    500,
  ],
  [
    'at the end of a Connect stream',
    answer('application/connect+proto', {}, { body: [frame(2, '{"error":{"code":"data_loss"}}')] }),
    'DATA_LOSS',
    500,
  ],
  [
    'at its good end',
    answer('application/connect+json', {}, { body: [frame(0, '{}'), frame(2, '{}')] }),
    'OK',
    200,
  ],
  ['of the proxy before it', answer('application/grpc', {}, {}, 503), undefined, 503],
  ['of another type', answer('application/grpcfoo'), undefined, 200],
  ['of plain HTTP', answer('application/json', { 'grpc-status': '14' }), undefined, 200],
  [
    'a length that goes beyond the body',
    answer('application/grpc-web', {}, { body: [Buffer.of(0, 255, 255, 255, 255)] }),
    'UNKNOWN',
    500,
  ],
];

for (const [what, given, outcome, http] of CASES) {
  test(`a status that is ${what}: ${outcome ?? 'none'}, ${http}`, () => {
    equal(callOutcome(given), outcome);
    equal(answerStatus(given), http);
  });
}
