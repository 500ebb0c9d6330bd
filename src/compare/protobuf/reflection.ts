import { Buffer } from 'node:buffer';
import { LENGTH_DELIMITED, readMessage } from './wire-message.ts';
import type { WireField, WireMessage } from './wire-message.ts';

/**
 * Server reflection (github.com/grpc/grpc-proto, grpc/reflection/v1/reflection.proto): how a service is asked for its
 * descriptors, and what it answers. The messages of v1 and v1alpha are the same.
 */
export const REFLECTION_METHODS = [
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
] as const;

/** What a service may answer. */
export interface ReflectionLimits {
  /** Descriptor files, and services. */
  readonly files: number;
  /** All of them together, bytes. */
  readonly bytes: number;
}

/** Why a service's answers are of no use. */
export class ReflectionError extends Error {
  override readonly name = 'ReflectionError';
  readonly code:
    | 'unreachable'
    | 'unimplemented'
    | 'timeout'
    | 'malformed'
    | 'refused'
    | 'too_many_files'
    | 'too_many_bytes';

  constructor(code: ReflectionError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** Field numbers of ServerReflectionRequest. */
const FILE_BY_FILENAME = 3;
const FILE_CONTAINING_SYMBOL = 4;
const LIST_SERVICES = 7;
/** And of ServerReflectionResponse. */
const FILE_ANSWER = 4;
const SERVICES_ANSWER = 6;
const ERROR_ANSWER = 7;
/** Of FileDescriptorProto. */
const FILE_NAME = 1;
const FILE_DEPENDENCY = 3;

/** Every server that answers has it, and nobody calls it. */
const OWN_SERVICES: ReadonlySet<string> = new Set([
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
]);
/** What every program with Protobuf has. */
const WELL_KNOWN = /^google\/protobuf\/[a-z_]+\.proto$/;
const NOT_FOUND = 5;
const SHOWN_CHARS = 200;

interface Question {
  readonly field: typeof FILE_BY_FILENAME | typeof FILE_CONTAINING_SYMBOL | typeof LIST_SERVICES;
  readonly name: string;
}

/**
 * One conversation with a service: first which services there are, then the files that they are in, then what those
 * import. One question at a time, because not every server keeps the order of answers.
 */
export class ReflectionDialogue {
  readonly #limits: ReflectionLimits;
  readonly #files = new Map<string, Buffer>();
  readonly #asked = new Set<string>();
  readonly #waiting: Question[] = [];
  #question: Question = { field: LIST_SERVICES, name: '*' };
  #bytes = 0;
  /** Services that the server lists, without reflection itself. */
  services: readonly string[] = [];
  /** Services and files that were asked for and are not there. */
  readonly missing: string[] = [];

  constructor(limits: ReflectionLimits) {
    this.#limits = limits;
  }

  /** The files so far, each a serialised `google.protobuf.FileDescriptorProto`, by name. */
  get files(): ReadonlyMap<string, Buffer> {
    return this.#files;
  }

  /** The first question, as a serialised request. */
  get first(): Buffer {
    return request({ field: LIST_SERVICES, name: '*' });
  }

  /**
   * Takes the answer to the last question.
   *
   * @returns the next question, or undefined when nothing is left to ask
   * @throws ReflectionError
   */
  answered(bytes: Buffer): Buffer | undefined {
    const answer = fieldsOf(bytes);
    const failed = lastOf(answer, ERROR_ANSWER);
    const files = lastOf(answer, FILE_ANSWER);
    const services = lastOf(answer, SERVICES_ANSWER);
    if (failed !== undefined) this.#refused(fieldsOf(failed));
    else if (this.#question.field === LIST_SERVICES && services !== undefined) this.#listed(services);
    else if (this.#question.field !== LIST_SERVICES && files !== undefined) this.#took(files);
    else throw new ReflectionError('malformed', 'the answer is none to what was asked');
    for (let next = this.#waiting.pop(); next !== undefined; next = this.#waiting.pop()) {
      // It may have come along with another one.
      if (next.field === FILE_BY_FILENAME && this.#files.has(next.name)) continue;
      this.#question = next;
      return request(next);
    }
    return undefined;
  }

  #listed(bytes: Buffer): void {
    const names = valuesOf(fieldsOf(bytes), 1).map((service) => textOf(lastOf(fieldsOf(service), 1)));
    this.services = [...new Set(names)].filter((name) => name !== '' && !OWN_SERVICES.has(name)).toSorted();
    if (this.services.length > this.#limits.files) {
      throw new ReflectionError('too_many_files', `it has ${this.services.length} services`);
    }
    for (const name of this.services.toReversed())
      this.#waiting.push({ field: FILE_CONTAINING_SYMBOL, name });
  }

  #took(bytes: Buffer): void {
    for (const file of valuesOf(fieldsOf(bytes), 1)) {
      const fields = fieldsOf(file);
      const name = textOf(lastOf(fields, FILE_NAME));
      if (name === '') throw new ReflectionError('malformed', 'a file has no name');
      if (this.#files.has(name)) continue;
      this.#bytes += file.length;
      if (this.#files.size >= this.#limits.files)
        throw new ReflectionError('too_many_files', `more than ${this.#limits.files} files`);
      if (this.#bytes > this.#limits.bytes)
        throw new ReflectionError('too_many_bytes', `more than ${this.#limits.bytes} bytes of files`);
      this.#files.set(name, file);
      for (const imported of valuesOf(fields, FILE_DEPENDENCY).map(textOf)) {
        if (this.#asked.has(imported) || this.#files.has(imported) || WELL_KNOWN.test(imported)) continue;
        this.#asked.add(imported);
        if (this.#asked.size > this.#limits.files)
          throw new ReflectionError('too_many_files', `more than ${this.#limits.files} files`);
        this.#waiting.push({ field: FILE_BY_FILENAME, name: imported });
      }
    }
  }

  #refused(error: WireMessage): void {
    const { field, name } = this.#question;
    const code = numberOf(error, 1);
    const message = textOf(lastOf(error, 2)).slice(0, SHOWN_CHARS);
    // A file that only carries options is often not registered, and a service may be listed without being there.
    if (field === LIST_SERVICES || code !== NOT_FOUND) {
      throw new ReflectionError(
        'refused',
        `asked for ${field === LIST_SERVICES ? 'its services' : name}, it says: ${message} (${code})`,
      );
    }
    this.missing.push(name);
  }
}

function request({ field, name }: Question): Buffer {
  const text = Buffer.from(name);
  return Buffer.concat([Buffer.of(field * 8 + LENGTH_DELIMITED), lengthOf(text.length), text]);
}

function lengthOf(length: number): Buffer {
  const bytes: number[] = [];
  let rest = length;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 0x80);
  return Buffer.from([...bytes, rest]);
}

function fieldsOf(bytes: Buffer): WireMessage {
  const read = readMessage(bytes, { values: bytes.length, bytes: bytes.length }, 16);
  if (typeof read === 'string') throw new ReflectionError('malformed', 'the answer is no message');
  return read;
}

function valuesOf({ bytes, fields }: WireMessage, number: number): readonly Buffer[] {
  return (fields.get(number) ?? [])
    .filter(({ wire }) => wire === LENGTH_DELIMITED)
    .map(({ start, end }) => bytes.subarray(start, end));
}

function lastOf(message: WireMessage, number: number): Buffer | undefined {
  return valuesOf(message, number).at(-1);
}

/** A small number without sign. */
function numberOf({ bytes, fields }: WireMessage, number: number): number {
  const field: WireField | undefined = fields.get(number)?.at(-1);
  return field === undefined ? 0 : (bytes[field.start] ?? 0) & 0x7f;
}

function textOf(bytes: Buffer | undefined): string {
  return bytes?.toString('utf8') ?? '';
}
