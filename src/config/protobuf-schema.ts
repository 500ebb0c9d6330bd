import { z } from 'zod';
import type { Descriptors, ProtobufSettings, ReflectionSettings } from '../model/compare-settings.ts';
import type { Policy } from '../model/policy.ts';
import type { ClientTls, ListenerSettings } from '../model/settings.ts';
import { parseEndpoint } from './address.ts';
import { lateModule } from '../kit/late-module.ts';
import type * as ProtobufDescriptors from './protobuf-descriptors.ts';
import { endpointTls } from './listener-schema.ts';
import type { Surroundings } from './surroundings.ts';
import { attempt, choice, duration, integer, list, section, size, text, typeText } from './value.ts';

const protobuf = lateModule<typeof ProtobufDescriptors>(import.meta.url, './protobuf-descriptors');

const MAX_SOURCES = 64;
const SECOND = 1000;
const MIB = 2 ** 20;

/** What the section says, and the descriptors that it gives. */
export interface ProtobufSection {
  readonly settings: ProtobufSettings;
  readonly descriptors: Descriptors | undefined;
}

export function protobufSchema(
  surroundings: Surroundings,
  clientTls: z.ZodType<ClientTls>,
): z.ZodType<ProtobufSection> {
  return section({
    descriptors: list(
      text('file', { description: 'A file.', examples: ['orders.binpb'] }, (path) =>
        protobuf().readDescriptorSet(surroundings, path),
      ),
      {
        description:
          'Serialised descriptor sets (`google.protobuf.FileDescriptorSet`) with what they import, as `buf build -o orders.binpb` and `protoc --include_imports -o orders.binpb` write them; together at most 16 MiB.',
        examples: [['orders.binpb']],
      },
      { min: 0, max: MAX_SOURCES },
    ).prefault([]),
    protos: list(
      text('path', { description: 'A folder or file.', examples: ['proto/'] }, (path) =>
        protobuf().readProtos(surroundings, path),
      ),
      {
        description:
          'Folders with `.proto` files (proto2 and proto3), whose imports start from there, or single files.',
        examples: [['proto/']],
      },
      { min: 0, max: MAX_SOURCES },
    ).prefault([]),
    reflection: reflectionSchema(clientTls).optional(),
    unset: choice(
      {
        description:
          'Whether a field that is not set `differs` from one that is set to its `default`, where the two can be told apart: EQUAL and EQUIVALENT of MessageDifferencer.',
      },
      ['differs', 'default'],
    ).prefault('differs'),
  }).transform((written, context): ProtobufSection => {
    const { unset, reflection } = written;
    const files = [...written.descriptors.flat(), ...written.protos.flat()];
    const settings = { descriptors: undefined, unset, safeMethods: [], reflection };
    if (files.length === 0) return { settings, descriptors: undefined };
    if (reflection !== undefined) {
      context.issues.push({
        code: 'custom',
        input: written,
        message: 'descriptors are given, and asked for\nkeep one of them',
        path: ['reflection'],
      });
    }
    // What could not be read has its issue, and is not used.
    const read: Partial<Descriptors> = attempt(files, context, () => protobuf().joinDescriptors(files));
    const { bytes = new Uint8Array(), methods = [], safeMethods = [] } = read;
    return { settings, descriptors: { bytes, methods, safeMethods } };
  });
}

const FROM = {
  description:
    'Who is asked: `primary`, which is that of the only listener of the policy, or a URL with `h2c://`, `https://` or `unix:/path`.',
  examples: ['primary', 'h2c://orders-v2:50051'],
};

function reflectionSchema(clientTls: z.ZodType<ClientTls>): z.ZodType<ReflectionSettings> {
  const from = text('URL', FROM, (url) => (url === 'primary' ? url : parseEndpoint(url)));
  const whole = section({
    from: from.prefault('primary'),
    tls: clientTls.optional().meta({
      description:
        'How it is reached over TLS; for `https://` URLs. The primary is reached as the listener says.',
    }),
    files: integer(
      {
        description:
          'Descriptor files, and services, that are taken; the answer of a server with more is not used.',
      },
      { min: 1, max: 10_000 },
    ).prefault(1000),
    bytes: size(
      { description: 'All files together.', examples: ['16MiB'] },
      { min: 1024, max: 16 * MIB },
    ).prefault('16MiB'),
    timeout: duration(
      { description: 'From the connect to the last answer.', examples: ['10s'] },
      { min: 100, max: 300 * SECOND },
    ).prefault('10s'),
    refresh: duration(
      {
        description:
          'After this time it is asked again. Other descriptors than before begin the verdict anew.',
        examples: ['10m'],
      },
      { min: SECOND, max: 7 * 86_400 * SECOND },
    ).prefault('10m'),
  }).transform((written, context): ReflectionSettings => {
    const { files, bytes, timeout, refresh, tls } = written;
    const endpoint = written.from === 'primary' ? undefined : written.from;
    const secured = endpointTls(endpoint, tls, context);
    return {
      from: endpoint === undefined ? 'primary' : { endpoint, tls: secured },
      files,
      bytes,
      timeoutMs: timeout,
      refreshMs: refresh,
    };
  });
  const short = text('URL', FROM, (url) => (url === 'primary' ? url : parseEndpoint(url).url)).transform(
    (url) => whole.parse({ from: url }),
  );
  return z
    .union([short, whole], {
      error: ({ input }) =>
        `primary, a URL or a section is wanted, this is ${typeText(input)}\nwrite primary, or h2c://orders-v2:50051`,
    })
    .meta({
      description:
        'Asks a server for its descriptors (gRPC server reflection, v1 or v1alpha), instead of `descriptors` and `protos`. Until it has answered, messages are compared by field numbers; then the verdict begins.',
    });
}

/** A primary that is asked for descriptors has to be one: those of two may contradict each other. */
export function checkReflection(
  listeners: readonly ListenerSettings[],
  policies: readonly Policy[],
  context: z.core.$RefinementCtx,
): void {
  for (const [index, { taps, compare }] of policies.entries()) {
    if (compare.protobuf.reflection?.from !== 'primary') continue;
    const own = listeners.filter(({ name }) => taps.length === 0 || taps.includes(name));
    if (own.length === 1 && own[0]?.tls.mode !== 'passthrough') continue;
    const why =
      own.length === 1
        ? 'the TLS of the listener is passed through, and its primary is not known'
        : `the policy has ${own.length === 0 ? 'no listener' : `${own.length} listeners`}, and so not one primary to ask`;
    context.issues.push({
      code: 'custom',
      input: policies,
      message: `${why}\ngive the URL of the server: reflection: h2c://orders:50051`,
      path: ['policies', index, 'compare', 'protobuf', 'reflection'],
    });
  }
}
