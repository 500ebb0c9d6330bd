import { basename, dirname, join } from 'node:path';
import { create, createFileRegistry, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { DescFile, DescMessage } from '@bufbuild/protobuf';
import {
  file_google_protobuf_any,
  file_google_protobuf_api,
  file_google_protobuf_descriptor,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_field_mask,
  file_google_protobuf_source_context,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_type,
  file_google_protobuf_wrappers,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  MethodOptions_IdempotencyLevel,
} from '@bufbuild/protobuf/wkt';
import type { FileDescriptorProto } from '@bufbuild/protobuf/wkt';
import { UserError, messageOf } from '../kit/errors.ts';
import type { Descriptors } from '../model/compare-settings.ts';
import { formatSize } from '../kit/size.ts';
import { descriptorOf, parseProto } from './proto-source.ts';
import type { ProtoSource } from './proto-source.ts';
import type { Surroundings } from './surroundings.ts';

/** Largest descriptor set, of all files together, bytes. It is held by every observer. */
export const MAX_DESCRIPTOR_BYTES = 16 * 2 ** 20;
/** .proto files of one policy, with what they import. */
export const MAX_PROTO_FILES = 2000;

/** What every program with Protobuf has; each one after what it imports. */
const WELL_KNOWN: readonly DescFile[] = [
  file_google_protobuf_any,
  file_google_protobuf_source_context,
  file_google_protobuf_type,
  file_google_protobuf_api,
  file_google_protobuf_descriptor,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_field_mask,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
];

/** The files of a serialised descriptor set. @throws UserError when it is none */
export function readDescriptorSet(surroundings: Surroundings, path: string): readonly FileDescriptorProto[] {
  const bytes = surroundings.readBytes(path, MAX_DESCRIPTOR_BYTES);
  try {
    const { file } = fromBinary(FileDescriptorSetSchema, bytes);
    if (file.length === 0 || file.some(({ name }) => name === '')) throw new Error('it has no files');
    return file;
  } catch (error) {
    throw new UserError(`${surroundings.absolute(path)} is no descriptor set: ${messageOf(error)}`, {
      code: 'config',
      hint: 'make one with: buf build -o orders.binpb, or protoc --include_imports -o orders.binpb orders.proto',
      cause: error,
    });
  }
}

/**
 * The descriptors of .proto files, and of what they import.
 *
 * @param path a file, or a folder that imports start from
 * @throws UserError when one of them cannot be read
 */
export function readProtos(surroundings: Surroundings, path: string): readonly FileDescriptorProto[] {
  const single = path.endsWith('.proto');
  const root = single ? dirname(path) : path;
  const wanted = single ? [basename(path)] : [...surroundings.filesBelow(path, '.proto', MAX_PROTO_FILES)];
  if (wanted.length === 0) {
    throw new UserError(`there is no .proto file in ${surroundings.absolute(path)}`, { code: 'config' });
  }
  const sources = new Map<string, ProtoSource>();
  for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
    if (sources.has(name)) continue;
    if (sources.size >= MAX_PROTO_FILES) {
      throw new UserError(`more than ${MAX_PROTO_FILES} .proto files`, {
        code: 'config',
        hint: 'compile those that are needed, and give the result as descriptors',
      });
    }
    const source = parseProto(surroundings.readText(join(root, name)), name);
    sources.set(name, source);
    for (const imported of source.imports) {
      if (imported.includes('..') || imported.startsWith('/') || isWellKnown(imported)) continue;
      if (surroundings.exists(join(root, imported))) wanted.push(imported);
    }
  }
  const kinds = new Map([
    ...WELL_KNOWN.flatMap(namesIn),
    ...[...sources.values()].flatMap(({ declared }) => [...declared]),
  ]);
  // What only carries options, such as google/api/annotations.proto, may be missing.
  const there = (name: string) => sources.has(name) || isWellKnown(name);
  return [...sources.values()].map((source) =>
    descriptorOf(source, (name) => kinds.get(name), source.imports.filter(there)),
  );
}

/** Puts files together, and finds out whether they are whole. @throws UserError when they are not, or too much */
export function joinDescriptors(files: readonly FileDescriptorProto[]): Descriptors {
  const set = create(FileDescriptorSetSchema, { file: [...inOrder(files)] });
  const bytes = toBinary(FileDescriptorSetSchema, set);
  if (bytes.length > MAX_DESCRIPTOR_BYTES) {
    throw new UserError(
      `the descriptors have ${formatSize(bytes.length)}, at most ${formatSize(MAX_DESCRIPTOR_BYTES)} are allowed`,
      { code: 'config', hint: 'leave out services that this policy does not see' },
    );
  }
  try {
    const registry = createFileRegistry(set);
    const all = [...registry].flatMap((one) => (one.kind === 'service' ? one.methods : []));
    const pathOf = ({ parent, name }: (typeof all)[number]) => `/${parent.typeName}/${name}`;
    return {
      bytes,
      methods: all.map(pathOf),
      safeMethods: all
        .filter(({ idempotency }) => idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS)
        .map(pathOf),
    };
  } catch (error) {
    throw new UserError(`the descriptors are not whole: ${messageOf(error)}`, {
      code: 'config',
      hint: 'include what they import: protoc --include_imports does',
      cause: error,
    });
  }
}

/**
 * Puts the files together that a server has given, in an order that does not depend on its own. Imports that it does not
 * have are left out, as those that only carry options may be; files that then have types which nobody knows are too.
 *
 * @param files each a serialised `google.protobuf.FileDescriptorProto`
 * @throws UserError when one of them is none
 */
export function joinServedFiles(files: Iterable<Uint8Array>): {
  readonly descriptors: Descriptors;
  readonly leftOut: readonly string[];
} {
  const read = [...files].map(readFile).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const names = new Set(read.map(({ name }) => name));
  const there = (name: string) => names.has(name) || isWellKnown(name);
  const incomplete = new Set(read.filter((file) => !file.dependency.every(there)).map(({ name }) => name));
  // Which of its imports a file passes on is by their places, and these change.
  const mended = read.map((file) =>
    incomplete.has(file.name)
      ? { ...file, dependency: file.dependency.filter(there), publicDependency: [], weakDependency: [] }
      : file,
  );
  try {
    return { descriptors: joinDescriptors(mended), leftOut: [] };
  } catch (error) {
    if (incomplete.size === 0) throw error;
  }
  for (let size = 0; size < incomplete.size;) {
    size = incomplete.size;
    for (const { name, dependency } of read)
      if (dependency.some((one) => incomplete.has(one))) incomplete.add(name);
  }
  const whole = read.filter(({ name }) => !incomplete.has(name));
  return { descriptors: joinDescriptors(whole), leftOut: [...incomplete] };
}

function readFile(bytes: Uint8Array): FileDescriptorProto {
  try {
    return fromBinary(FileDescriptorProtoSchema, bytes);
  } catch (error) {
    throw new UserError(`a descriptor cannot be read: ${messageOf(error)}`, { code: 'config', cause: error });
  }
}

/** Each file after those that it imports, as far as they are there; well-known ones are there always. */
function inOrder(files: readonly FileDescriptorProto[]): readonly FileDescriptorProto[] {
  const byName = new Map(
    [...WELL_KNOWN.map(({ proto }) => proto), ...files].map((file) => [file.name, file]),
  );
  const placed = new Set<string>();
  const ordered: FileDescriptorProto[] = [];
  const waiting = files.map(({ name }) => name).toReversed();
  // What imports others is looked at twice: before them, and when they are in their place.
  const begun = new Set<string>();
  for (let name = waiting.at(-1); name !== undefined; name = waiting.at(-1)) {
    const file = byName.get(name);
    if (file === undefined || placed.has(name)) waiting.pop();
    else if (begun.has(name)) {
      waiting.pop();
      placed.add(name);
      ordered.push(file);
    } else {
      begun.add(name);
      waiting.push(...file.dependency.filter((imported) => !begun.has(imported)));
    }
  }
  return ordered;
}

function isWellKnown(name: string): boolean {
  return WELL_KNOWN.some(({ proto }) => proto.name === name);
}

function namesIn({ messages, enums }: DescFile): readonly (readonly [string, 'message' | 'enum'])[] {
  const below = (message: DescMessage): readonly (readonly [string, 'message' | 'enum'])[] => [
    [message.typeName, 'message'],
    ...message.nestedEnums.map(({ typeName }) => [typeName, 'enum'] as const),
    ...message.nestedMessages.flatMap(below),
  ];
  return [...enums.map(({ typeName }) => [typeName, 'enum'] as const), ...messages.flatMap(below)];
}
