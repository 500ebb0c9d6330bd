import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { assert, property, uint8Array } from 'fast-check';
import { ReflectionDialogue, ReflectionError } from './reflection.ts';

const LIMITS = { files: 5, bytes: 1000 };

/** A length-delimited field; all lengths here are below 128. */
function field(number: number, ...content: readonly (string | Buffer)[]): Buffer {
  const bytes = Buffer.concat(content.map((part) => Buffer.from(part)));
  return Buffer.concat([Buffer.of(number * 8 + 2, bytes.length), bytes]);
}

const services = (...names: readonly string[]) => field(6, ...names.map((name) => field(1, field(1, name))));
const file = (name: string, ...imports: readonly string[]) =>
  field(1, field(1, name), ...imports.map((imported) => field(3, imported)));
const files = (...all: readonly Buffer[]) => field(4, ...all);
const error = (code: number, message = 'no') => field(7, Buffer.of(8, code), field(2, message));

/** What is asked, in words: field of the request and name. */
function asked(request: Buffer | undefined): string {
  return request === undefined ? 'done' : `${(request[0] ?? 0) >> 3} ${request.subarray(2).toString()}`;
}

function talk(answers: readonly Buffer[], limits = LIMITS) {
  const dialogue = new ReflectionDialogue(limits);
  const questions = [asked(dialogue.first), ...answers.map((answer) => asked(dialogue.answered(answer)))];
  return { dialogue, questions };
}

test('asks for services, then for their files, then for what those import, each once', () => {
  const { dialogue, questions } = talk([
    services('b.B', 'a.A', 'a.A', 'grpc.reflection.v1.ServerReflection'),
    files(file('a.proto', 'c.proto', 'google/protobuf/any.proto')),
    files(file('c.proto', 'a.proto', 'd.proto')),
    files(file('d.proto')),
    files(file('b.proto', 'c.proto')),
  ]);
  deepEqual(questions, ['7 *', '4 a.A', '3 c.proto', '3 d.proto', '4 b.B', 'done']);
  deepEqual([...dialogue.files.keys()], ['a.proto', 'c.proto', 'd.proto', 'b.proto']);
  deepEqual([dialogue.services, dialogue.missing], [['a.A', 'b.B'], []]);
});

test('what comes along is not asked for', () => {
  const { questions } = talk([services('a.A'), files(file('a.proto', 'b.proto'), file('b.proto'))]);
  deepEqual(questions.at(-1), 'done');
});

test('what is not there is missing, and nothing more', () => {
  const { dialogue, questions } = talk([
    services('a.A', 'b.B'),
    error(5),
    files(file('b.proto', 'o.proto')),
    error(5),
  ]);
  deepEqual(questions.at(-1), 'done');
  deepEqual(dialogue.missing, ['a.A', 'o.proto']);
});

const REFUSED: readonly (readonly [what: string, code: string, answers: readonly Buffer[]])[] = [
  ['no services', 'refused', [error(5)]],
  ['an error of its own', 'refused', [services('a.A'), error(13)]],
  ['no message', 'malformed', [Buffer.of(0xff)]],
  ['nothing', 'malformed', [Buffer.alloc(0)]],
  ['a file instead of services', 'malformed', [files(file('a.proto'))]],
  ['services without end', 'malformed', [services('a.A'), services('b.B')]],
  ['a file without a name', 'malformed', [services('a.A'), files(file(''))]],
  ['too many services', 'too_many_files', [services('a', 'b', 'c', 'd', 'e', 'f')]],
  [
    'too many files',
    'too_many_files',
    [services('a.A'), files(...['1', '2', '3', '4', '5', '6'].map((name) => file(name)))],
  ],
  ['too many imports', 'too_many_files', [services('a.A'), files(file('a', '1', '2', '3', '4', '5', '6'))]],
  ['too many bytes', 'too_many_bytes', [services('a.A'), files(file('a.proto', 'x'.repeat(50)))]],
];

for (const [what, code, answers] of REFUSED) {
  test(`a server that answers with ${what}: ${code}`, () => {
    throws(() => talk(answers, { files: 5, bytes: 50 }), { name: 'ReflectionError', code });
  });
}

test('any bytes are an answer or a mistake of the server', () => {
  assert(
    property(uint8Array({ maxLength: 30 }), (bytes) => {
      for (const before of [[], [services('a.A')]]) {
        const { dialogue } = talk(before);
        try {
          dialogue.answered(Buffer.from(bytes));
        } catch (thrown) {
          equal(thrown instanceof ReflectionError, true);
        }
      }
    }),
  );
});
