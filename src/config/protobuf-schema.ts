import type { z } from 'zod';
import type { ProtobufSettings } from '../model/compare-settings.ts';
import { lateModule } from '../kit/late-module.ts';
import type * as ProtobufDescriptors from './protobuf-descriptors.ts';
import type { Descriptors } from './protobuf-descriptors.ts';
import type { Surroundings } from './surroundings.ts';
import { attempt, choice, later, list, section, text } from './value.ts';

const protobuf = lateModule<typeof ProtobufDescriptors>(import.meta.url, './protobuf-descriptors');

const MAX_SOURCES = 64;
/** Methods that become routes of their own; those that come after are learned from the traffic. */
const MAX_METHODS = 1000;

/** What the section says, and the methods that it knows. */
export interface ProtobufSection {
  readonly settings: ProtobufSettings;
  /** `POST /shop.v1.Orders/Get` */
  readonly templates: readonly string[];
}

export function protobufSchema(surroundings: Surroundings): z.ZodType<ProtobufSection> {
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
    reflection: later('server reflection; until then give descriptors or protos'),
    unset: choice(
      {
        description:
          'Whether a field that is not set `differs` from one that is set to its `default`, where the two can be told apart: EQUAL and EQUIVALENT of MessageDifferencer.',
      },
      ['differs', 'default'],
    ).prefault('differs'),
  }).transform(({ descriptors, protos, unset }, context): ProtobufSection => {
    const files = [...descriptors.flat(), ...protos.flat()];
    if (files.length === 0)
      return { settings: { descriptors: undefined, unset, safeMethods: [] }, templates: [] };
    // What could not be read has its issue, and is not used.
    const read: Partial<Descriptors> = attempt(files, context, () => protobuf().joinDescriptors(files));
    const { bytes = new Uint8Array(), methods = [], safeMethods = [] } = read;
    return {
      settings: { descriptors: Buffer.from(bytes).toString('base64'), unset, safeMethods },
      templates: methods.slice(0, MAX_METHODS).map((path) => `POST ${path}`),
    };
  });
}
