import { createFileRegistry, fromBinary, ScalarType as Type } from '@bufbuild/protobuf';
import type { DescEnum, DescExtension, DescField, DescMessage, FileRegistry } from '@bufbuild/protobuf';
import {
  FeatureSet_FieldPresence,
  FileDescriptorSetSchema,
  MethodOptions_IdempotencyLevel,
} from '@bufbuild/protobuf/wkt';
import type { FieldPlan, MessagePlan, MethodPlan, ValuePlan } from './plan.ts';
import type { Scalar, ScalarType } from './scalar.ts';

const SCALARS: Readonly<Record<Type, ScalarType>> = {
  [Type.DOUBLE]: 'double',
  [Type.FLOAT]: 'float',
  [Type.INT64]: 'int64',
  [Type.UINT64]: 'uint64',
  [Type.INT32]: 'int32',
  [Type.FIXED64]: 'fixed64',
  [Type.FIXED32]: 'fixed32',
  [Type.BOOL]: 'bool',
  [Type.STRING]: 'string',
  [Type.BYTES]: 'bytes',
  [Type.UINT32]: 'uint32',
  [Type.SFIXED32]: 'sfixed32',
  [Type.SFIXED64]: 'sfixed64',
  [Type.SINT32]: 'sint32',
  [Type.SINT64]: 'sint64',
};

const FORMS: ReadonlyMap<string, MessagePlan['form']> = new Map([
  ['google.protobuf.Timestamp', 'timestamp'],
  ['google.protobuf.Duration', 'duration'],
  ['google.protobuf.Any', 'any'],
]);

/** The types and methods of a descriptor set. What is needed of them is made when it is asked for, and kept. */
export class ProtobufTypes {
  readonly #registry: FileRegistry;
  readonly #plans = new Map<string, MessagePlan>();
  readonly #methods = new Map<string, MethodPlan>();
  #jsonNames: ReadonlyMap<string, ReadonlySet<string>> | undefined;

  /**
   * @param descriptorSet a serialised `google.protobuf.FileDescriptorSet`, each file after those that it imports
   * @throws Error when it is none, or not whole
   */
  constructor(descriptorSet: Uint8Array) {
    this.#registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet));
    for (const description of this.#registry) {
      if (description.kind !== 'service') continue;
      for (const method of description.methods) {
        const plan = (message: DescMessage) => this.#plan(message);
        this.#methods.set(`/${description.typeName}/${method.name}`, {
          get input() {
            return plan(method.input);
          },
          get output() {
            return plan(method.output);
          },
          serverStreaming: method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming',
          safe: method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS,
        });
      }
    }
  }

  /** Names in JSON by those in the .proto files, of all fields where the two are not the same. */
  get jsonNames(): ReadonlyMap<string, ReadonlySet<string>> {
    this.#jsonNames ??= namesInJson(this.#registry);
    return this.#jsonNames;
  }

  /** `/shop.v1.Orders/Get` and what belongs to it. */
  get methods(): ReadonlyMap<string, MethodPlan> {
    return this.#methods;
  }

  readonly message = (typeName: string): MessagePlan | undefined => {
    const description = this.#registry.getMessage(typeName);
    return description === undefined ? undefined : this.#plan(description);
  };

  #plan(description: DescMessage): MessagePlan {
    const known = this.#plans.get(description.typeName);
    if (known !== undefined) return known;
    const byNumber = new Map<number, FieldPlan | undefined>();
    const described = new Map(description.fields.map((field) => [field.number, field]));
    const find = (number: number) =>
      described.get(number) ?? this.#registry.getExtensionFor(description, number);
    const field = (number: number): FieldPlan | undefined => {
      if (byNumber.has(number)) return byNumber.get(number);
      const found = find(number);
      // Numbers that are not known come from the traffic, and are not remembered.
      if (found === undefined) return undefined;
      const made = this.#field(found);
      byNumber.set(number, made);
      return made;
    };
    const plan: MessagePlan = {
      typeName: description.typeName,
      field,
      fieldByName: (name) => {
        const found = description.fields.find((one) => one.name === name || one.jsonName === name);
        return found === undefined ? undefined : field(found.number);
      },
      oneofs: description.oneofs
        .map(({ fields }) => fields.map(({ number }) => number))
        .filter(({ length }) => length > 1),
      form: FORMS.get(description.typeName) ?? 'plain',
    };
    this.#plans.set(description.typeName, plan);
    return plan;
  }

  #field(field: DescField | DescExtension): FieldPlan {
    return {
      number: field.number,
      name: field.kind === 'extension' ? `[${field.typeName}]` : field.name,
      jsonName: field.jsonName,
      required: field.presence === FeatureSet_FieldPresence.LEGACY_REQUIRED,
      list: field.fieldKind === 'list',
      explicit: field.presence !== FeatureSet_FieldPresence.IMPLICIT,
      value: this.#value(field),
    };
  }

  #value(field: DescField | DescExtension): ValuePlan {
    if (field.fieldKind === 'map') {
      const value = this.#single(field, undefined);
      return { kind: 'map', key: SCALARS[field.mapKey], value };
    }
    const initial = field.fieldKind === 'list' ? undefined : field.getDefaultValue();
    return this.#single(field, initial);
  }

  #single(field: DescField | DescExtension, initial: unknown): ValuePlan {
    if (field.message !== undefined) {
      const { message } = field;
      const plan = () => this.#plan(message);
      return {
        kind: 'message',
        group: 'delimitedEncoding' in field && field.delimitedEncoding,
        // A type may hold itself.
        get message() {
          return plan();
        },
      };
    }
    if (field.enum !== undefined) {
      const first = field.enum.values[0]?.number ?? 0;
      const given = typeof initial === 'number' ? initial : first;
      return { kind: 'scalar', type: 'enum', initial: given, names: namesOf(field.enum) };
    }
    const type = SCALARS[field.scalar];
    return { kind: 'scalar', type, initial: initialOf(type, initial), names: undefined };
  }
}

function namesInJson(registry: FileRegistry): ReadonlyMap<string, ReadonlySet<string>> {
  const names = new Map<string, Set<string>>();
  for (const description of registry) {
    if (description.kind !== 'message') continue;
    for (const { name, jsonName } of description.fields) {
      if (name === jsonName) continue;
      const known = names.get(name);
      if (known === undefined) names.set(name, new Set([jsonName]));
      else known.add(jsonName);
    }
  }
  return names;
}

function namesOf({ values }: DescEnum): ReadonlyMap<number, string> {
  return new Map(values.map(({ number, name }) => [number, name]));
}

function initialOf(type: ScalarType, given: unknown): Scalar {
  if (given instanceof Uint8Array) return Buffer.from(given).toString('hex');
  const wide = type.endsWith('64');
  if (wide && (typeof given === 'string' || typeof given === 'bigint')) return BigInt(given);
  if (typeof given === 'number' || typeof given === 'string' || typeof given === 'boolean') return given;
  if (type === 'string' || type === 'bytes') return '';
  if (type === 'bool') return false;
  return wide ? 0n : 0;
}
